"""What config.json may say of telemetry; unloaded when the services are built."""

from services.telemetry.broker import broker

_TOPIC_MAX = 100


def _base_topic(value):
    """The rule for `topic`: text without what MQTT keeps for subscribers."""
    good = isinstance(value, str) and 0 < len(value) <= _TOPIC_MAX
    if not good or "+" in value or "#" in value or value[0] == "/" or value[-1] == "/":
        raise ValueError("must be text such as outpost, without + and #, no / at its ends")


def _broker_url(value):
    """The rule for `broker`."""
    if value is not None:
        broker(value)


def _path(value):
    """The rule for `cafile`."""
    if not (isinstance(value, str) and value.startswith("/") and value[1:]):
        raise ValueError("must be a path such as /tls/ca.der")


OPTIONS = {
    "broker": _broker_url,
    "cafile": _path,
    "topic": _base_topic,
    "every_s": "int 5 86400",
    "discovery": "bool",
    "commands": "bool",
    "keepalive": "int 5 3600",
    "backlog": "int 1 1000",
}
