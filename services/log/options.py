"""What config.json may say of the log; unloaded when the services are built."""

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _level_rule(value):
    if value not in _LEVELS:
        raise ValueError("must be DEBUG, INFO, WARNING, ERROR or CRITICAL")


def _path_rule(value):
    if value is not None and not (isinstance(value, str) and value.startswith("/") and value[1:]):
        raise ValueError("must be a path such as /log/outpost.log, or null for no file")


OPTIONS = {
    "level": _level_rule,
    "path": _path_rule,
    "max_bytes": "int 1024 16777216",
    "keep": "int 0 9",
    "syslog": "str?",
}
