"""The contract that every service keeps with the supervisor."""


class Service:
    """A part of the daemon that the supervisor starts, watches, restarts and stops.

    The constructor wires and must not wait; its parameters are all that a service may touch, and
    their defaults document the configuration. What config.json may say stands as OPTIONS in
    options.py of its folder: key -> rule, see config.py.
    """

    name = "service"
    restart = "always"  # "always" | "on-failure" | "no"
    critical = False  # True: too many failures in a row reset the board
    module = None  # the name of the user's module that it runs; functions in there are its own

    async def run(self):
        """Work until finished (return), failed (exception) or stopped (cancellation).

        May be called again after any of the three: clean up in `finally`, let
        CancelledError pass.
        """
        raise NotImplementedError(self.name)
