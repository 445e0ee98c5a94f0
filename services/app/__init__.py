"""The user's own application as a service: when it crashes, FTP stays up."""

from services.app.values import SafeEvents, SafeStatus
from services.service import Service


class App(Service):
    """Runs `await module.run(status, events)` of the user's module, again whenever it fails."""

    name = "app"
    restart = "on-failure"

    def __init__(self, status, events, site, module):
        self._status = status
        self._events = SafeEvents(events)
        self._safe = None
        self._module = module

    async def run(self):
        """Import the module and await its run(); raises what that raises."""
        if not self._safe:  # not before the supervisor has set what measures
            self._safe = SafeStatus(self._status, self.name)
        module = __import__(self._module, None, None, ("run",))
        await module.run(self._safe, self._events)
