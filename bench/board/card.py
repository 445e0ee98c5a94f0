"""A folder of the host as an SD card, for the unix port whose rename() is broken there."""

import vfs


class Card:
    """A VfsPosix(folder) whose rename() works.

    VfsPosix's own keeps both names in one buffer, so it renames a file over itself. No subclass:
    an instance of one would be taken for the C object itself where imports look for files.
    """

    def __init__(self, folder):
        card = vfs.VfsPosix(folder)
        for name in dir(card):
            setattr(self, name, getattr(card, name))
        self._folder = folder
        self._plain = vfs.VfsPosix()
        self.rename = self._rename

    def _rename(self, old, new):
        """Rename by the host's paths, which need no buffer."""
        self._plain.rename(self._folder + old, self._folder + new)
