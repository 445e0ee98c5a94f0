"""The log service. Its module `crash` is small, and works if the others can't be imported."""

# Import it before __getattr__ exists: afterwards the import would look it up there and fail.
from services.log import crash as crash


def __getattr__(name):
    """Import the service when Log is requested."""
    if name == "Log":
        from services.log.logger import Log

        return Log
    raise AttributeError(name)
