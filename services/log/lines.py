"""Lines of the log: makes one line of an event or a text, so that none can forge another line."""

import json

from micropython import const

_VALUE_CHARS = const(120)  # a path may have 500
_TEXT_CHARS = const(200)
_SECRETS = const(("password", "secret", "token"))
# Keys that are not searched for secrets; nor are parts of these words.
_HARMLESS = const("address bytes error event_type ms ok path service state user verb")


def one_line(text):
    """Return the text as one line: control characters escaped, length bounded.

    A client chooses file names. A newline in one must not create a second line, and an escape
    sequence must not reach the operator's terminal.
    """
    if len(text) > _TEXT_CHARS:
        text = text[:_TEXT_CHARS] + "..."
    if json.dumps(text)[1:-1] == text and not _has_control(text):
        return text  # nearly all lines; checked without a loop
    safe = []
    for char in text:
        if char == "\n":
            char = "\\n"
        elif char < " " or _is_control(char):
            char = "\\x%02x" % ord(char)
        safe.append(char)
    return "".join(safe)


def event_text(topic, fields):
    """Return `topic key=value key="two words"` as bytes: sorted, no secrets, no traceback.

    Bytes, because MicroPython compares each new str with all interned names; this was half of an
    event's cost.
    """
    parts = [topic.encode()]
    for key in sorted(fields):
        value = fields[key]
        if value is None or key == "traceback":
            continue
        if key not in _HARMLESS and _is_secret(key):
            value = "***"
        parts.append(b"%s=%s" % (key, _value(value)))
    return b" ".join(parts)


def _is_secret(key):
    for secret in _SECRETS:
        if secret in key:
            return True
    return False


def _value(value):
    """Return a value as in logfmt: bare, or as a JSON string if it could be misread."""
    text = value
    if not isinstance(value, str):
        if value is True:
            return "true"
        if value is False:
            return "false"
        if isinstance(value, int):
            return value
        text = str(value)
    size = len(text)
    if size > _VALUE_CHARS:
        text = text[:_VALUE_CHARS] + "..."
        size = len(text)
    # Nearly all texts are plain ASCII, which repr() leaves as it is. Check that without a loop.
    if len(b"%r" % text) == size + 2:
        if text and not (" " in text or "=" in text or '"' in text):
            return text
    quoted = json.dumps(text)
    if len(quoted) == len(text) + 2 and text and not (" " in text or "=" in text):
        if not _has_control(text):
            return text
    if not _has_control(quoted):
        return quoted
    return "".join(["\\u%04x" % ord(char) if _is_control(char) else char for char in quoted])


def _has_control(text):
    """Whether text has DEL or U+0080 to U+009F."""
    if len(text.encode()) == len(text):
        return "\x7f" in text
    return any([_is_control(char) for char in text])


def _is_control(char):
    # U+0080 to U+009F are control characters too (ECMA-48): terminals read U+009B as ESC [.
    return "\x7f" <= char < "\xa0"
