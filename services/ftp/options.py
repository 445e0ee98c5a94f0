"""What config.json may say of the FTP server; unloaded when the services are built."""


def port_pair(value):
    """A rule for config.json: [lowest, highest] port."""
    good = isinstance(value, list) and len(value) == 2
    good = good and all(isinstance(port, int) and 1024 <= port <= 65535 for port in value)
    if not good or value[0] > value[1]:
        raise ValueError("must be [lowest, highest], ports from 1024 to 65535")


OPTIONS = {
    "port": "int 1 65535",
    "host": "str",
    "passive_ports": port_pair,
    "advertise": "str?",
    "max_sessions": "int 1 100",
    "idle_s": "int 10 86400",
    "login_s": "int 5 3600",
    "stall_s": "int 5 3600",
    "buffer": "int 512 65536",
    "tls": "dict?",
    "users": "dict",
}
