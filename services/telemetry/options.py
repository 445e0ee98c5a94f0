"""The rules of section telemetry in config.json; unloaded when the services are built."""

from services.telemetry.broker import broker

_TOPIC_MAX = 100


def _base_topic(value):
    """The rule for `topic`: text without MQTT's wildcards."""
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


def _discovery(value):
    """The rule for `discovery`: a truth value, or the beginning of Home Assistant's topics."""
    good = isinstance(value, bool)
    if isinstance(value, dict) and value:
        good = True
        for key in value:
            topic = value[key]
            good = good and key in ("prefix", "birth") and isinstance(topic, str)
            good = good and 0 < len(topic) <= _TOPIC_MAX and not ("+" in topic or "#" in topic)
    if not good:
        raise ValueError('must be true, false, or such as {"prefix": "ha", "birth": "ha/status"}')


OPTIONS = {
    "broker": _broker_url,
    "cafile": _path,
    "topic": _base_topic,
    "every_s": "int 5 86400",
    "discovery": _discovery,
    "commands": "bool",
    "keepalive": "int 5 3600",
    "backlog": "int 1 1000",
}
