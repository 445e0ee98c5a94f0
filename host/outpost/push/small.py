"""The small Outpost: what a board needs to be reached and updated again.

For a flash without room for the old version and the new one: it comes first, and once the board has
confirmed it, the old version's room is free for the whole of the new one.
"""

import re
from dataclasses import replace

from outpost.bundle import DeviceFile
from outpost.push.content import ContentError

# The services that nobody needs to reach the board, and modules for commands that no push sends.
_SERVICES = ("app", "log", "telemetry", "time")
_WITHOUT = (
    *(f"/services/{name}/" for name in _SERVICES),
    *("/hal/dns.", "/hal/ip6.", "/hal/trouble.", "/lib/", "/services/status_text."),
    *(f"/services/ftp/{name}." for name in ("manual", "operator", "text", "walk")),
    *(f"/services/ftp/commands/{name}." for name in ("active", "standard")),
)
_ROW = re.compile(rf'^ +\("({"|".join(_SERVICES)})", "services\..*\n', re.MULTILINE)
_MAIN = "/main.py"


def small(content):
    """The Content of the small Outpost; ContentError where the folder's main.py is another."""
    files = [file for file in content.files if not file.path.startswith(_WITHOUT)]
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
