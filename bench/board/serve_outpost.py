"""Outpost with a probe in it, on folders of the host: ROOT CARD [SERVICE...].

ROOT is the board's root, with the bundle and config.json; CARD is mounted at /sd. Without
services' names the whole main.py runs; with names only those, under the supervisor.
"""

import sys

import vfs
from card import Card
from probe import Probe

names = sys.argv[3:]
root, card = Card(sys.argv[1]), Card(sys.argv[2])  # before the host's paths are gone
vfs.umount("/")
vfs.mount(root, "/")
vfs.mount(card, "/sd")
sys.path[:] = ("/", ".frozen", "/lib")  # "" would be the folder of this process
probe = Probe()

# After the probe has seen the bare heap.
if names:
    try:
        import archive

        archive.start()  # boot.py's part
        del archive
    except ImportError:
        pass  # it is frozen
else:
    import boot  # noqa: F401 - as firmware does; its names stay

    del boot, sys.modules["boot"]
try:
    from services import site
except ImportError:
    import daemon as site  # a bundle has it there

probe.watch_loop()
commands = site.SiteCommands


def probed():
    """The registry of SITE commands, with the probe's added."""
    registry = commands()
    registry.add("heap", probe.report, "heap [peak]: what the bench reads")
    return registry


site.SiteCommands = probed

if names:
    import some

    some.run(names)
else:
    import main  # noqa: F401
