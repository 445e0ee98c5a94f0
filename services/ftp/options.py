"""The rules of section ftp in config.json; unloaded when the services are built."""

from hal.net import is_address
from services.borrow import borrow


def _address(value):
    """The rule for `host`: where to listen."""
    try:
        if not is_address(value):
            borrow("hal.ip6", "groups")(value)
    except (AttributeError, ValueError):
        raise ValueError('must be an address such as 192.168.1.77, or "::" for IPv4 and IPv6')


def _advertised(value):
    """The rule for `advertise`: an IPv4 address, because PASV's reply can't hold a name."""
    if value is not None and not (isinstance(value, str) and is_address(value)):
        raise ValueError("must be an IPv4 address such as 192.168.1.77")


def _port_pair(value):
    """The rule for `passive_ports`: [lowest, highest]."""
    good = isinstance(value, list) and len(value) == 2
    good = good and all(isinstance(port, int) and 1024 <= port <= 65535 for port in value)
    if not good or value[0] > value[1]:
        raise ValueError("must be [lowest, highest], ports from 1024 to 65535")


def _budget(value):
    """The rule for `max_sockets`: None for the port's limit, 0 for no limit."""
    good = value is None or (isinstance(value, int) and not isinstance(value, bool))
    if not good or (value and not 2 <= value <= 1000):
        raise ValueError("must be a whole number from 2 to 1000, 0 for no bound, or null")


def _type(value):
    """The rule for `default_type`."""
    if value not in ("A", "I"):
        raise ValueError("must be A (line ends are converted) or I (bytes as they are)")


def _paths(value):
    """The rule for `protected`: a list of paths of the file system."""
    if not isinstance(value, list) or not all(
        isinstance(path, str) and path.startswith("/") and path.strip("/") for path in value
    ):
        raise ValueError('must be a list of paths below /, such as ["/log", "/config.*"]')


def tls(given):
    """Return (cert, key, required, data, problems) of `tls`. Called when the server is made."""
    problems = []
    found = {"cert": "/tls/cert.der", "key": "/tls/key.der", "required": False, "data": True}
    for key in given:
        value = given[key]
        if key not in found:
            problems.append("ftp.tls.%s: no such key; known are cert, key, required, data" % key)
        elif key in ("required", "data"):
            # An invalid value counts as true, so that a typo exposes no password and no file.
            found[key] = value is not False
            if not isinstance(value, bool):
                problems.append("ftp.tls.%s: must be true or false; it is true until then" % key)
        elif isinstance(value, str) and value.startswith("/"):
            found[key] = value
        else:
            text = "ftp.tls.%s: must be a path that begins with /; running on %s"
            problems.append(text % (key, found[key]))
    return found["cert"], found["key"], found["required"], found["data"], problems


OPTIONS = {
    "port": "int 1 65535",
    "host": _address,
    "passive_ports": _port_pair,
    "advertise": _advertised,
    "max_sessions": "int? 1 100",
    "max_per_address": "int? 1 100",
    "max_sockets": _budget,
    "idle_s": "int 10 86400",
    "login_s": "int 5 3600",
    "reclaim_s": "int 5 86400",
    "stall_s": "int 5 3600",
    "lockout_s": "int 5 86400",
    "protected": _paths,
    "buffer": "int? 512 16384",
    "default_type": _type,
    "tls": "dict?",
    "users": "dict",
}
