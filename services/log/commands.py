"""SITE log: the last lines, or the last traceback; borrowed for each use."""

from services.log import crash


def log(logger, arg):
    """Return the last n lines, or all without n; with `crash`, the lines of the last traceback."""
    if arg.lower() == "crash":
        return (crash.load() or "There was no crash.").split("\n")
    if arg and not arg.isdigit():
        raise ValueError("Usage: SITE log [n|crash]")
    lines = list(logger.ring)
    return lines[-int(arg) :] if arg.strip("0") else [] if arg else lines


# name -> (handler(logger, arg), usage, only for admins, is a coroutine)
COMMANDS = {"log": (log, "log [n|crash]: the last n lines, or traceback", True, False)}
