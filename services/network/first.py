"""First: the network of a board that was never configured, an access point; borrowed then."""

import os

from services.borrow import borrow

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # none that are taken for another
_CHARS = 12  # 5 bits each


def settings(board, keep):
    """The network section of a new board, whose name and password are shown on the console, once.

    None where the firmware has no Wi-Fi. board: its status section; keep(keys, value) writes into
    config.json, so that later boots have the same access point.
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
