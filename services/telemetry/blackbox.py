"""What is known of an unclean reset: cause, service, last lines of the log; borrowed at boot."""

from micropython import const

_BYTES = const(900)  # of the log
_LINES = const(8)
_ORDERLY = const(" board/stop ")  # the supervisor's last line in the log at an orderly stop
_NEVER = const(("power-on", "deep-sleep", "external", "unknown"))


def black_box(board, log):
    """Return the fields of a board/blackbox event, or None after a clean reset.

    board, log: sections of the status, before the log has written a line of this boot. A power-on
    is clean: the power may have been cut on purpose. Another reset is unclean if it came from the
    watchdog, or if the log doesn't end with the supervisor's line.
    """
    cause = board.get("reset_cause")
    lines = _last_lines(log.get("path"))
    if cause != "watchdog":
        tells = log.get("level") in ("DEBUG", "INFO")  # other levels log no stop
        if cause in _NEVER or not tells or not lines:
            return None
        for line in lines:
            if _ORDERLY in line:
                return None
    return {
        "cause": cause,
        "service": board.get("hung_in") or _who(lines),
        "crash": log.get("last_crash"),
        "log": "\n".join(lines),
    }


def _last_lines(path):
    """Return the last lines of the log file and of the one before it, oldest first."""
    if not path:
        return []
    text = b""
    for name in (path + ".1", path):
        try:
            with open(name, "rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _BYTES))
                text += file.read(_BYTES)
        except OSError:
            pass  # it doesn't exist
    lines = text[-_BYTES:].split(b"\n")
    if len(text) > _BYTES:
        del lines[0]  # it is incomplete
    return [_text(line) for line in lines if line][-_LINES:]


def _text(line):
    try:
        return line.decode()
    except UnicodeError:
        return "".join([chr(byte) if 32 <= byte < 127 else "?" for byte in line])


def _who(lines):
    """Return the service or task that the last failure in the log names, or None."""
    for line in reversed(lines):
        for topic, key in ((" service/restart ", " service="), (" task/crash ", " task=")):
            if topic in line and key in line:
                name = line.split(key, 1)[1]
                return name[1:].split('"')[0] if name[0] == '"' else name.split(" ")[0]
    return None
