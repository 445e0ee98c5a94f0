"""The contract that every service keeps with the supervisor."""


class Service:
    """A part of the daemon that the supervisor starts, watches, restarts and stops.

    The constructor wires and must not wait; its parameters are all that a service may touch.
    """

    name = "service"
    restart = "always"  # "always" | "on-failure" | "no"
    critical = False  # True: too many failures in a row reset the board
    # What config.json may say: key -> rule, see config.py. Defaults stand in the constructor.
    options = {}

    async def run(self):
        """Work until finished (return), failed (exception) or stopped (cancellation).

        May be called again after any of the three: clean up in `finally`, let
        CancelledError pass.
        """
        raise NotImplementedError(self.name)
