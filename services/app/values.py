"""Values: what an application writes into its status and its events, made safe for all readers.

STAT, SITE, MQTT and the log take what is there for JSON scalars. An application may write NaN,
bytes, a list that holds itself, a text of 10 KB or one with line ends: none of it may reach them.
Nor may half of a surrogate pair, which json.loads() gives for an emoji: it is no UTF-8.
"""

from micropython import const

_CHARS = const(200)  # of a text
_KEY_CHARS = const(40)
_MOST = const(32)  # entries of a section, of an event, of a list
_DEEPEST = const(2)  # lists and dicts in each other
# Keys of its section that are not its own to write.
_OURS = ("state", "restarts", "error", "hung", "held_bytes", "low_heap_stops")
_LARGEST = const(1_000_000_000_000_000)  # what each reader of JSON has exactly


def text_of(value, most=_CHARS):
    """Any value as one line of text of bounded length."""
    if isinstance(value, (bytes, bytearray)):
        value = repr(bytes(value[:most]))
    elif not isinstance(value, str):
        value = repr(value)
    if len(value) > most:
        value = value[:most] + "..."
    # By ord(): half a pair in a text of ours could not be frozen into firmware.
    return "".join(
        [
            char
            if " " <= char < "\x7f" or (char >= "\xa0" and not 0xD800 <= ord(char) <= 0xDFFF)
            else " "
            for char in value
        ]
    )


def safe(value, depth=0):
    """The value as JSON has it; None for a number that is none, a word for what has no form."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_LARGEST < value < _LARGEST else None
    if isinstance(value, float):
        return value if value - value == 0 else None  # NaN and the infinities
    if isinstance(value, (str, bytes, bytearray)):
        return text_of(value)
    if isinstance(value, (list, tuple, dict)) and depth < _DEEPEST:
        if isinstance(value, dict):
            return safe_dict(value, depth + 1)
        return [safe(item, depth + 1) for item in value[:_MOST]]
    return "(%s)" % type(value).__name__


def safe_dict(values, depth=0):
    """A dict of safe values under keys that are texts, of its first entries."""
    found = {}
    for key in values:
        if len(found) >= _MOST:
            break
        name = text_of(key, _KEY_CHARS) if isinstance(key, (str, int, bytes)) else None
        if name:
            found[name] = safe(values[key], depth)
    return found


class SafeEvents:
    """The board's events as an application has them: what it publishes is made safe.

    called: calls the application's handlers, and has what they raise end there.
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
        for wildcard in "#+":  # a broker closes the connection on a topic that has one
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
        """Stop calling handler; one that was never subscribed is ignored."""
        for pair in list(self._handlers):
            if pair[0] == handler:
                self._handlers.remove(pair)
                self._events.unsubscribe(pair[1])
                return

    def let_go(self):
        """Forget the application's handlers, and what they hold."""
        while self._handlers:
            self._events.unsubscribe(self._handlers.pop()[1])


class SafeStatus:
    """The board's status as an application has it: its own sections reach readers as copies.

    They are copied each second, and when somebody asks (Status.refresh). Sections of services are
    the board's.
    """

    def __init__(self, status, own):
        self._status = status
        self._own = own
        self._written = {own: {}}  # name -> what the application writes
        self._shown = {}  # name -> the keys of that which readers see
        self._measure = status.measure
        status.measure = self.measure

    def __getattr__(self, name):
        return getattr(self._status, name)

    def section(self, name):
        """Return the section called name, a dict; it is made on first use."""
        name = text_of(name, _KEY_CHARS)
        if name in self._written:
            return self._written[name]
        if name in self._status.sections:
            return self._status.section(name)
        self._status.section(name)
        self._written[name] = {}
        return self._written[name]

    def let_go(self):
        """Forget what the application has written; readers keep what was shown."""
        for name in self._written:
            self._written[name] = {}
        self._shown.clear()

    def measure(self, heap_ms=0, flash_ms=0, both=True):
        """Show what the application has written, then measure as the supervisor does.

        Its arguments take no memory, so a full heap does not keep the watchdog's food away.
        """
        try:
            self._show()
        except MemoryError:
            pass  # readers have what was shown last
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
