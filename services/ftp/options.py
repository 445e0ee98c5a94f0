"""What config.json may say of the FTP server; unloaded when the services are built."""

from hal.net import is_address


def _address(value):
    """The rule for `host`: where to listen."""
    if not isinstance(value, str) or not is_address(value):
        raise ValueError("must be an IPv4 address such as 192.168.1.77")


def _advertised(value):
    """The rule for `advertise`: PASV's reply has room for four numbers, not for a name."""
    if value is not None:
        _address(value)


def _port_pair(value):
    """The rule for `passive_ports`: [lowest, highest]."""
    good = isinstance(value, list) and len(value) == 2
    good = good and all(isinstance(port, int) and 1024 <= port <= 65535 for port in value)
    if not good or value[0] > value[1]:
        raise ValueError("must be [lowest, highest], ports from 1024 to 65535")


OPTIONS = {
    "port": "int 1 65535",
    "host": _address,
    "passive_ports": _port_pair,
    "advertise": _advertised,
    "max_sessions": "int 1 100",
    "idle_s": "int 10 86400",
    "login_s": "int 5 3600",
    "stall_s": "int 5 3600",
    "buffer": "int 512 65536",
    "tls": "dict?",
    "users": "dict",
}
