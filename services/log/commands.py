"""SITE log: the last lines, or the last traceback; borrowed when that is typed."""

from services.log import crash


def log(logger, arg):
    """The last n lines, all that are kept without n; with `crash` the lines of the traceback."""
    if arg.lower() == "crash":
        return (crash.load() or "There was no crash.").split("\n")
    if arg and not arg.isdigit():
        raise ValueError("Usage: SITE log [n|crash]")
    lines = list(logger.ring)
    return lines[-int(arg) :] if arg.strip("0") else [] if arg else lines


# name -> (handler(logger, arg), usage, for admins alone, is a coroutine)
COMMANDS = {"log": (log, "log [n|crash]: the last n lines, or traceback", True, False)}
