"""Values: makes what an application writes into status and events safe for all readers.

STAT, SITE, MQTT and the log expect JSON scalars. An application may write NaN, bytes, a list that
contains itself, a text of 10 KB or one with line ends; these are replaced. So is half a surrogate
pair, which json.loads() makes of an emoji: it can't be encoded as UTF-8.
"""

from micropython import const

_CHARS = const(200)  # of a text
_KEY_CHARS = const(40)
_MOST = const(32)  # entries of a section, of an event, of a list
_DEEPEST = const(2)  # levels of nested lists and dicts
# Keys of its section that the application can't write.
_OURS = ("state", "restarts", "error", "hung", "held_bytes", "low_heap_stops")
_LARGEST = const(1_000_000_000_000_000)  # below this, all JSON readers represent integers exactly


def text_of(value, most=_CHARS):
    """Return any value as one line of text of bounded length."""
    if isinstance(value, (bytes, bytearray)):
        value = repr(bytes(value[:most]))
    elif not isinstance(value, str):
        value = repr(value)
    if len(value) > most:
        value = value[:most] + "..."
    # Compare by ord(): a literal with half a surrogate pair can't be frozen into firmware.
    return "".join(
        [
            char
            if " " <= char < "\x7f" or (char >= "\xa0" and not 0xD800 <= ord(char) <= 0xDFFF)
            else " "
            for char in value
        ]
    )


def safe(value, depth=0):
    """Return a value for JSON; None for NaN, infinity or a huge int, "(type)" for other types."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_LARGEST < value < _LARGEST else None
    if isinstance(value, float):
        return value if value - value == 0 else None  # neither NaN nor infinite
    if isinstance(value, (str, bytes, bytearray)):
        return text_of(value)
    if isinstance(value, (list, tuple, dict)) and depth < _DEEPEST:
        if isinstance(value, dict):
            return safe_dict(value, depth + 1)
        return [safe(item, depth + 1) for item in value[:_MOST]]
    return "(%s)" % type(value).__name__


def safe_dict(values, depth=0):
    """Return a dict of safe values with text keys, of the first entries."""
    found = {}
    for key in values:
        if len(found) >= _MOST:
            break
        name = text_of(key, _KEY_CHARS) if isinstance(key, (str, int, bytes)) else None
        if name:
            found[name] = safe(values[key], depth)
    return found


class SafeEvents:
    """The board's events as an application sees them; what it publishes is made safe.

    called: calls a handler of the application and handles what it raises.
    """

    def __init__(self, events, called):
        self._events = events
        self._called = called
        self._handlers = []

    def __getattr__(self, name):
        return getattr(self._events, name)

    def publish(self, topic, **fields):
        """Hand the event to every subscriber at once, as Events.publish() does."""
        topic = text_of(topic, _KEY_CHARS)
        for wildcard in "#+":  # topics with these make a broker close the connection
            topic = topic.replace(wildcard, "_")
        self._events.publish(topic, **safe_dict(fields))

    def subscribe(self, handler):
        """Call handler(topic, fields) at every event, as Events.subscribe() does."""
        called = self._called

        def heard(topic, fields):
            called(handler, topic, fields)

        self._handlers.append((handler, heard))
        self._events.subscribe(heard)

    def unsubscribe(self, handler):
        """Stop calling handler. Does nothing if it is not subscribed."""
        for pair in list(self._handlers):
            if pair[0] == handler:
                self._handlers.remove(pair)
                self._events.unsubscribe(pair[1])
                return

    def let_go(self):
        """Unsubscribe all handlers of the application."""
        while self._handlers:
            self._events.unsubscribe(self._handlers.pop()[1])


class SafeStatus:
    """The board's status as an application sees it; readers get copies of its own sections.

    They are copied each second, and at Status.refresh(). Sections of services are the board's own.
    """

    def __init__(self, status, own):
        self._status = status
        self._own = own
        self._written = {own: {}}  # name -> what the application writes
        self._shown = {}  # name -> the keys that readers see
        self._measure = status.measure
        status.measure = self.measure

    def __getattr__(self, name):
        return getattr(self._status, name)

    def section(self, name):
        """Return the section called name, a dict. It is created on first use."""
        name = text_of(name, _KEY_CHARS)
        if name in self._written:
            return self._written[name]
        if name in self._status.sections:
            return self._status.section(name)
        self._status.section(name)
        self._written[name] = {}
        return self._written[name]

    def let_go(self):
        """Forget what the application has written; readers still see the last copies."""
        for name in self._written:
            self._written[name] = {}
        self._shown.clear()

    def measure(self, heap_ms=0, flash_ms=0, both=True):
        """Copy what the application has written, then measure as the supervisor does.

        The parameters are passed on without allocation, so a full heap doesn't stop feeding the
        watchdog.
        """
        try:
            self._show()
        except MemoryError:
            pass  # readers still see the last copies
        if self._measure:
            self._measure(heap_ms, flash_ms, both)

    def _show(self):
        for name in self._written:
            section = self._status.section(name)
            new = safe_dict(self._written[name])
            if name == self._own:
                for key in _OURS:
                    new.pop(key, None)
            for key in self._shown.get(name, ()):
                if key not in new:
                    section.pop(key, None)
            section.update(new)
            self._shown[name] = list(new)
