"""Room: the flash that an update takes until it is confirmed, and whether a board has it."""

from outpost.push.plan import Plan, Staging
from outpost.push.session import PushError

_BLOCK = 4096  # of LittleFS on ESP32 and RP2
# Measured on a Pico W's LittleFS: a folder takes three blocks until all is in place, and so many
# files one for their names and their lines in the log. The board wants six free beside that.
_SPARE_BLOCKS = 7
_MANY = 8


def required(plan: Plan, staging: Staging, free: str | None) -> str | None:
    """How much flash the update takes, in words; PushError where it would not fit.

    free: bytes, as SITE UPDATE STATUS tells them; None where it doesn't, and then for the result.
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
