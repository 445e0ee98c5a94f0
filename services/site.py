"""SiteCommands: operator commands that any service may offer, typed as `SITE name argument`."""


class SiteCommands:
    """A registry of handler(arg) -> text or an iterable of lines.

    A handler may also be a coroutine function. ValueError(text) is the caller's mistake (501),
    OSError what could not be done.
    """

    def __init__(self):
        self._commands = {}

    def add(self, name, handler, usage, admin=False):
        """Offer `SITE name`; usage is what SITE HELP shows, such as "log [n]: last n lines"."""
        self._commands[name] = (handler, usage, admin)

    def find(self, name):
        """Return (handler, usage, admin) of a command; KeyError where there is none."""
        return self._commands[name.lower()]

    def usages(self, admin):
        """Yield the usage of each command that such a user may call, sorted by name."""
        for name in sorted(self._commands):
            usage = self._commands[name]
            if admin or not usage[2]:
                yield usage[1]
