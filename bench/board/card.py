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
        plain = vfs.VfsPosix()

        def rename(old, new):
            """Rename by the host's paths, which need no buffer."""
            plain.rename(folder + old, folder + new)

        self.rename = rename
