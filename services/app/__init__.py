"""The user's own application as a service: when it crashes, FTP stays up."""

from services.service import Service


class App(Service):
    """Runs `await module.run(status, events)` of the user's module, again whenever it fails."""

    name = "app"
    restart = "on-failure"

    def __init__(self, status, events, site, module):
        self._status = status
        self._events = events
        self._module = module

    async def run(self):
        """Import the module and await its run(); raises what that raises."""
        module = __import__(self._module, None, None, ("run",))
        await module.run(self._status, self._events)
