"""The small Outpost: what a board needs to be reached and updated again.

For a flash without room for the old version and the new one: it comes first, and once the board
has confirmed it, the old version's room is free. What still does not fit at once comes in parts:
modules that nothing in the small one asks for can be added to it at any time.
"""

import re
from dataclasses import replace

from outpost.bundle import DeviceFile
from outpost.push.content import ContentError

# The services that nobody needs to reach the board.
_SERVICES = ("app", "log", "telemetry", "time")
# Modules that come late, for commands that no push sends: a board does without them for a while.
_RARE = (
    *("/hal/trouble.", "/services/status_text."),
    *(f"/services/ftp_{name}." for name in ("manual", "operator", "text", "walk")),
    *(f"/services/ftp_commands_{name}." for name in ("active", "standard")),
)
# The same of those services: a clock that is set stays so, and what MQTT tells waits.
_LATE = tuple(
    f"/services/{service}_{name}."
    for service, names in {
        "log": ("commands", "quota", "records", "syslog"),
        "telemetry": (
            *("blackbox", "commands", "connection", "delivery", "discovery", "greeting"),
            *("opening", "refusal", "secure", "session", "spill", "start"),
        ),
        "time": ("commands", "setting", "sntp"),
    }.items()
    for name in names
)
_WITHOUT = (
    *_RARE,
    *(f"/services/{name}_" for name in _SERVICES),
    *("/hal/dns.", "/hal/ip6.", "/lib/"),
)
_ROW = re.compile(rf'^ +\("({"|".join(_SERVICES)})", "services\..*\n', re.MULTILINE)
_MAIN = "/main.py"


def is_spare(path):
    """Whether the file at a path of a board is one without which that can still be reached."""
    return _flat(path).startswith((*_RARE, *_LATE))


def _flat(path):
    """A path as it is in a bundle: before there were bundles, folders lay in /services, too."""
    first, *rest = path.lstrip("/").split("/")
    return "/".join(("", first, "_".join(rest)))


def small(content):
    """The Content of the small Outpost; ContentError where the folder's main.py is another."""
    files = [file for file in content.files if not _flat(file.path).startswith(_WITHOUT)]
    for place, file in enumerate(files):
        if file.path == _MAIN:
            text, count = _ROW.subn("", file.content.decode())
            if count != len(_SERVICES):
                raise ContentError(
                    f"{_MAIN} does not name the services as Outpost's does: a small Outpost, "
                    "which would make room on the board, can't be made of it"
                )
            files[place] = DeviceFile(_MAIN, text.encode())
    return replace(content, files=files, version=f"small-{content.version}"[:32])


def grown(part, missing):
    """The Content with the larger half of what is missing.

    part: what the board has. missing: DeviceFiles. None where nothing can be added to it.
    """
    there = {file.path for file in part.files}
    more = [file for file in missing if file.path not in there]
    half = sorted(more, key=lambda file: (-len(file.content), file.path))[: len(more) // 2]
    if not half:
        return None
    kind, _, of = part.version.partition("-")
    number = int(kind.removeprefix("part")) + 1 if kind.startswith("part") else 1
    return replace(part, files=[*part.files, *half], version=f"part{number}-{of}"[:32])
