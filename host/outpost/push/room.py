"""Room: the flash that an update needs until it is confirmed, and whether a board has it."""

from outpost.push.plan import Plan, Staging
from outpost.push.session import PushError

_BLOCK = 4096  # of LittleFS on ESP32 and RP2
# Measured on a Pico W's LittleFS: a folder takes three blocks until all is in place. Every _MANY
# files take one more block for their names and log lines. The board needs six free blocks beside
# that.
_SPARE_BLOCKS = 7
_MANY = 8


def required(plan: Plan, staging: Staging, free: str | None) -> str | None:
    """Return how much flash the update needs, as text. Raises PushError if it would not fit.

    free: bytes, from SITE UPDATE STATUS; None if it doesn't report them: then the result is None.
    """
    if free is None or not free.isdigit():
        return None
    files = [file for file, _ in staging.send]
    blocks = sum(-(-len(file.content) // _BLOCK) for file in files) + len(files) // _MANY
    blocks += 3 * len(staging.folders) + 2 * plan.folders + _SPARE_BLOCKS
    room = blocks * _BLOCK
    said = f"{room // 1024} KiB of flash are needed, {int(free) // 1024} KiB are free"
    if room > int(free):
        raise PushError(
            f"the board's flash is too full: {said}; remove files from it, and push again"
        )
    return said
