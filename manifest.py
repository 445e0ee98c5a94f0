"""Freezes Outpost into firmware: `include("DIR/manifest.py")` in your board's manifest.

Read by MicroPython's build, not by boards; docs/deploy.md tells how and what it changes.
No `opt`: from level 1 on `assert` goes, with which umqtt.simple checks what the broker
answers, and the line numbers that level 3 saves cost flash alone here, no heap.
"""

# Frozen boot.py and main.py are run in place of the files of these names, whatever they hold:
# a board that comes up with an empty flash, and that no file can keep from it. start=False
# leaves both to the flash.
options.defaults(start=True)

if options.start:
    module("boot.py")
    module("main.py")
module("assemble.py")
module("config.py")
module("daemon.py")
module("journal.py")
module("jsontext.py")
module("recovery.py")
module("resets.py")
module("supervisor.py")
package("hal")
package("services")

require("logging")
require("ntptime")
require("umqtt.simple")
