"""Interface: the one object that an application's run(outpost) is given; loaded for such a one."""

from services.app.values import text_of

_NAME = "abcdefghijklmnopqrstuvwxyz0123456789_"


class Outpost:
    """What an application has of its board.

    settings: the object `app.settings` of config.json, {} without one. status: the application's
    own section, a dict: STAT, MQTT and Home Assistant show what it writes there. board and events:
    what run(status, events) is given.
    """

    def __init__(self, app):
        self._app = app
        self.settings = app.settings
        self.status = app.safe.section(app.name)
        self.board = app.safe
        self.events = app.events

    def publish(self, topic, **fields):
        """Publish the event `app/TOPIC`: the log has it, and MQTT as `event/app/TOPIC`."""
        self.events.publish("app/" + topic, **fields)

    def sensor(self, key, name=None, unit=None, device_class=None):
        """Have Home Assistant show status[key] as a sensor.

        key: small letters, digits and `_`. name: what people call it, the key without one. unit
        and device_class: as Home Assistant has them, such as "°C" and "temperature". ValueError.
        """
        if not key or [char for char in key if char not in _NAME]:
            raise ValueError("a sensor's key has small letters, digits and _ alone")
        texts = [text_of(text) if text else None for text in (name or key, unit, device_class)]
        self._app.status.sensors[key] = texts

    def on_command(self, handler):
        """Have handler(text) called for `SITE tell TEXT`, and for `app TEXT` over MQTT.

        What it returns is the answer. A ValueError is the caller's mistake; what else it raises is
        told, too, and ends nothing. It may not wait.
        """
        self._app.hears = handler


def tell(app, text):
    """Hand a command to the application and return its answer; ValueError. Both are made safe."""
    if not app.hears:
        raise ValueError("the application hears no commands")
    try:
        answer = app.called(app.hears, text)
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else type(error).__name__ + ": "
        raise ValueError(text_of("%s%s" % (kind, error)))
    return text_of("done" if answer is None else answer)


COMMANDS = {"tell": (tell, "tell TEXT: a command to the application", True, False)}
