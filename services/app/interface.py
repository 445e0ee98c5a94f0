"""Interface: the object that is passed to an application's run(outpost); loaded only for that."""

from services.app.values import text_of

_NAME = "abcdefghijklmnopqrstuvwxyz0123456789_"


class Outpost:
    """An application's access to its board.

    settings: the object `app.settings` of config.json, or {}. status: the application's own
    section, a dict: STAT, MQTT and Home Assistant show what it writes there. board and events:
    what run(status, events) gets.
    """

    def __init__(self, app):
        self._app = app
        self.settings = app.settings
        self.status = app.safe.section(app.name)
        self.board = app.safe
        self.events = app.events

    def publish(self, topic, **fields):
        """Publish the event `app/TOPIC`. The log shows it; MQTT sends it as `event/app/TOPIC`."""
        self.events.publish("app/" + topic, **fields)

    def sensor(self, key, name=None, unit=None, device_class=None):
        """Have Home Assistant show status[key] as a sensor.

        key: lower-case letters, digits and `_`. name: for people; by default the key. unit and
        device_class: of Home Assistant, such as "°C" and "temperature". Raises ValueError for a
        wrong key.
        """
        if not key or [char for char in key if char not in _NAME]:
            raise ValueError("a sensor's key has small letters, digits and _ alone")
        texts = [text_of(text) if text else None for text in (name or key, unit, device_class)]
        self._app.status.sensors[key] = texts

    def on_command(self, handler):
        """Call handler(text) for `SITE tell TEXT`, and for `app TEXT` over MQTT.

        Its return value is the reply. A ValueError is the caller's mistake. Other exceptions are
        also sent as the reply, and end nothing. The handler must not wait.
        """
        self._app.hears = handler


def tell(app, text):
    """Pass a command to the application and return its reply as safe text. Raises ValueError."""
    if not app.hears:
        raise ValueError("the application hears no commands")
    try:
        answer = app.called(app.hears, text)
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else type(error).__name__ + ": "
        raise ValueError(text_of("%s%s" % (kind, error)))
    return text_of("done" if answer is None else answer)


COMMANDS = {"tell": (tell, "tell TEXT: a command to the application", True, False)}
