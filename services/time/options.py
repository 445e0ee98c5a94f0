"""The rules of section time in config.json; unloaded when the services are built."""

_SERVERS_MAX = 8


def _server_names(value):
    """The rule for `servers`: a list of one to eight host names or addresses."""
    good = isinstance(value, list) and 0 < len(value) <= _SERVERS_MAX
    for name in value if good else ():
        good = good and isinstance(name, str) and 0 < len(name) < 254 and " " not in name
    if not good:
        raise ValueError("must be a list of 1 to %d host names" % _SERVERS_MAX)


OPTIONS = {
    "servers": _server_names,
    "every_s": "int 16 604800",
    "utc_offset_min": "int -720 840",
    "timeout_ms": "int 50 1000",
}
