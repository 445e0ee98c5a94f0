"""The rules of section log in config.json; unloaded when the services are built."""

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _level_rule(value):
    if value not in _LEVELS:
        raise ValueError("must be DEBUG, INFO, WARNING, ERROR or CRITICAL")


def _path_rule(value):
    if value is not None and not (isinstance(value, str) and value.startswith("/") and value[1:]):
        raise ValueError("must be a path such as /log/outpost.log, or null for no file")


def collector(value):
    """Return (host, port) of a syslog collector. Raises ValueError if the text isn't one."""
    host, colon, port = value.strip().partition(":") if isinstance(value, str) else ("", "", "")
    if host == "udp" and port.startswith("//"):
        host, colon, port = port[2:].rstrip("/").partition(":")
    if not host or len(host) > 253 or port[:1] == "/" or any([c in host for c in "/ []@"]):
        raise ValueError("must be udp://host:514, a name or an IPv4 address, or null for none")
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("must end in a port from 1 to 65535")
    return host, int(port) if colon else 514


def _collector_rule(value):
    if value is not None:
        collector(value)


OPTIONS = {
    "level": _level_rule,
    "path": _path_rule,
    "max_bytes": "int 1024 16777216",
    "keep": "int 0 9",
    "syslog": _collector_rule,
}
