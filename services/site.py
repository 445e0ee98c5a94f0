"""SiteCommands: operator commands that any service may offer, typed as `SITE name argument`."""

from errno import EACCES

from services.borrow import borrow


class SiteCommands:
    """A registry of handler(arg) -> text or an iterable of lines.

    A handler that waits is a coroutine function, added with waits=True: MicroPython can't tell it
    from a generator of lines. ValueError(text) is the caller's mistake (501); OSError is a
    failure.
    """

    def __init__(self):
        self.commands = {}  # for SITE HELP: services/ftp/commands/operator.py lists them

    def add(self, name, handler, usage, admin=False, waits=False):
        """Offer `SITE name`; usage is what SITE HELP shows, such as "log [n]: last n lines"."""
        self.commands[name] = (handler, usage, admin, waits)

    def add_rare(self, names, module, owner):
        """Offer the names in COMMANDS of a module: name -> (handler, usage, admin, waits).

        Each handler is called as handler(owner, arg). The module is borrowed for each call.
        """
        for name in names:
            self.commands[name] = (module, owner)

    async def run(self, name, arg, admin):
        """Call a command and return its text or lines. Raises KeyError if there is none.

        admin: whether the caller is one. Raises OSError(EACCES) if only an admin may call it.
        """
        (handler, _, admin_only, waits), given = self._found(name.lower(), arg)
        if admin_only and not admin:
            raise OSError(EACCES)
        return await handler(*given) if waits else handler(*given)

    def _found(self, name, arg):
        """Return a command's entry and the arguments of its handler."""
        entry = self.commands[name]
        if len(entry) > 2:
            return entry, (arg,)
        module, owner = entry
        return borrow(module, "COMMANDS")[name], (owner, arg)
