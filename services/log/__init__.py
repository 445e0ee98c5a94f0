"""The log service; `crash` alone is cheap, and works where the rest cannot be imported."""

# Before __getattr__ exists: afterwards a submodule would be looked for there, in vain.
from services.log import crash as crash


def __getattr__(name):
    """Import the service when it is asked for."""
    if name == "Log":
        from services.log.logger import Log

        return Log
    raise AttributeError(name)
