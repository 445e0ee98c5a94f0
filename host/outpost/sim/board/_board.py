"""What firmware does between power-on and the end of main.py."""

import gc
import os
import sys

import __main__
import machine  # noqa: F401 - ours: it stands before the builtin as long as the host's files do
import vfs
from _flash import Flash
from _host import rules, settings, tell, tell_and_wait

if rules["port"] != "unix":
    import _pace
    import _port

    _port.play()


class HostFolder(vfs.VfsPosix):
    """A host folder as a file system with a working rename.

    VfsPosix joins both names to its root in the same buffer, so that it renames the new name to
    itself: an error, or a success without effect. A name without a leading slash isn't copied
    there.
    """

    def __init__(self, folder):
        super().__init__(folder)
        # From the process's current folder up to the host's root, and down to the folder.
        self._folder = "../" * os.getcwd().count("/") + folder.lstrip("/")

    def rename(self, old, new):
        super().rename(self._folder + old, new)


def mount(folders):
    """Mount the flash at the root; folders: (host's path, path on the board), such as SD cards."""
    flash = Flash(settings.pop("flash"), settings.pop("cut_at"), settings.pop("journal"))
    folders = [(HostFolder(host_path), path) for host_path, path in folders]
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(flash, progsize=rules["program"]), "/")
    for folder, path in folders:
        vfs.mount(folder, path)
    sys.path[:] = ("", ".frozen", "/lib")
    sys.argv[:] = ()


def run(path):
    """Run a file, if it exists, in the namespace of `__main__`; return whether it ended normally.

    As in firmware, an exception is printed, and SystemExit is a soft reset.
    """
    try:
        os.stat(path)
    except OSError:
        return True
    try:
        execfile(path, __main__.__dict__)
    except SystemExit:
        tell_and_wait(b"soft\n")
    except Exception as error:
        sys.print_exception(error)
        return False
    return True


def power_on():
    """Run boot.py and main.py; this board has no REPL afterwards."""
    well = True
    try:
        tell(b"up\n")  # from here on the host may send Ctrl-C
        # As in pyexec: after an exception in boot.py the board stays at its prompt.
        well = run("/boot.py") and run("/main.py")
    except KeyboardInterrupt as interrupt:
        sys.print_exception(interrupt)
    tell_and_wait(b"end %d\n" % well)


mount(settings.pop("mounts"))
gc.collect()
if rules["port"] != "unix":
    _pace.begin()
power_on()
