"""Outpost with a probe in it, on folders of the host: ROOT CARD FLASH KIB [SERVICE...].

ROOT is the board's root, with the bundle and config.json; CARD is mounted at /sd, a new LittleFS
of KIB in the file FLASH at /flash. Without services' names the whole main.py runs; with names
only those, under the supervisor.
"""

import sys

import probe
import vfs
from card import Card
from flash import littlefs

root, card, image, kib = sys.argv[1:5]
names = sys.argv[5:]
mounts = [(Card(root), "/"), (Card(card), "/sd")]  # before the host's paths are gone
if int(kib):
    mounts.append((littlefs(image, int(kib)), "/flash"))
vfs.umount("/")
for file_system, path in mounts:
    vfs.mount(file_system, path)
sys.path[:] = ("/", ".frozen", "/lib")  # "" would be the folder of this process
del mounts
the_probe = probe.Probe()

from services import site  # noqa: E402 - after the probe has seen the bare heap

the_probe.watch_loop()
commands = site.SiteCommands


def probed():
    """The registry of SITE commands, with the probe's added."""
    registry = commands()
    registry.add("heap", the_probe.report, "heap [peak]: what the bench reads")
    return registry


site.SiteCommands = probed

if names:
    import some

    some.run(names)
else:
    import main  # noqa: F401
