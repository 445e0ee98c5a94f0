"""The interface between a service and the supervisor."""


class Service:
    """A part of the daemon that the supervisor starts, watches, restarts and stops.

    The constructor must not wait. Its parameters are all that the service may use, and their
    defaults document the configuration. OPTIONS in options.py of the service's folder says what
    config.json may contain: key -> rule, see config.py.
    """

    name = "service"
    restart = "always"  # "always" | "on-failure" | "no"
    critical = False  # True: too many failures in a row reset the board
    module = None  # name of the user's module that it runs; its functions belong to the service

    async def run(self):
        """Work until finished (return), failed (exception) or stopped (cancellation).

        May be called again after any of the three: clean up in `finally`, and don't catch
        CancelledError.
        """
        raise NotImplementedError(self.name)
