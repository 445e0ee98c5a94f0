"""First: the network of a board that was never configured, an access point; borrowed for that."""

import os

from services.borrow import borrow

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # without characters that look alike
_CHARS = 12  # 5 bits each


def settings(board, keep):
    """Return the network section of a new board; its name and password are printed once.

    None if the firmware has no Wi-Fi. board: its status section. keep(keys, value) writes into
    config.json, so that later boots open the same access point.
    """
    try:
        if not borrow("hal.access_point", "available")():
            return None
        name = borrow("hal.access_point", "name_of")(board)
    except ImportError:  # firmware without a network
        return None
    password = "".join([_ALPHABET[byte & 31] for byte in os.urandom(_CHARS)])
    print('Wi-Fi access point "%s", password "%s": shown this once.' % (name, password))
    try:
        keep(("network", "fallback_ap"), password)
    except (OSError, ValueError, MemoryError) as error:
        print("It could not be stored and holds until the next boot:", error)
    return {"fallback_ap": password}
