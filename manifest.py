"""Freezes Outpost into firmware: `include("DIR/manifest.py")` in your board's manifest.

MicroPython's build reads it, not the board. docs/deploy.md says how, and what it changes. It
freezes the bundle, so run `make package` first.
"""

import os

_BUILT = "build/firmware/manifest.py"

# Frozen boot.py and main.py run instead of the files of these names. So a board with an empty
# flash starts Outpost, and no file can prevent it. With start=False, the files on flash run.
options.defaults(start=True)

if not os.path.exists(_BUILT):  # the build reads each manifest in its own folder
    raise SystemExit(f"Outpost: {os.path.abspath(_BUILT)} is not there: run `make package` first")
include(_BUILT, start=options.start)
