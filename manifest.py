"""Freezes Outpost into firmware: `include("DIR/manifest.py")` in your board's manifest.

Read by MicroPython's build, not by boards; docs/deploy.md tells how and what it changes. What is
frozen is the bundle, which `make package` builds first.
"""

import os

_BUILT = "build/firmware/manifest.py"

# Frozen boot.py and main.py are run in place of the files of these names, whatever they hold:
# a board that comes up with an empty flash, and that no file can keep from it. start=False
# leaves both to the flash.
options.defaults(start=True)

if not os.path.exists(_BUILT):  # the build reads each manifest in its own folder
    raise SystemExit(f"Outpost: {os.path.abspath(_BUILT)} is not there: run `make package` first")
include(_BUILT, start=options.start)
