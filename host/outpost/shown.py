"""Formats text for people: names from the network made safe for a terminal, sizes, time spans."""

import unicodedata

# Control characters, changes of the writing direction (bidi), line ends, unassigned characters.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
LIMIT = 200
ADVICE = 800  # characters for a board's problem, and for what to do about it


def safe(text: object, limit: int = LIMIT) -> str:
    """Return text as one line that can't control a terminal: ESC becomes \x1b, U+202E \u202e.

    At most limit characters; longer text ends in an ellipsis.
    """
    text = str(text)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text  # nearly all texts
    return "".join(map(_seen, text))


def _seen(char: str) -> str:
    if unicodedata.category(char) not in _UNSEEN:
        return char
    code = ord(char)
    if code < 256:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def versions(outpost: object, application: object, last: object) -> str:
    """Return what a board runs, Outpost and application: `0.2.0 + weather-3`; `-` if unknown.

    last: the version of the last update; boards before 0.2.0 only tell this.
    """
    told = [str(version) for version in (outpost, application) if version]
    return safe(" + ".join(told) or last or "-")


def size(count: float) -> str:
    """Return a count of bytes as in STAT: 629 B, 52 KiB, 3.2 MiB."""
    if count < 1024:
        return f"{count:.0f} B"
    if count < 10 * 1024 * 1024:
        return f"{count / 1024:.0f} KiB"
    return f"{count / 1048576:.1f} MiB"


def span(seconds: float) -> str:
    """Return a time span in its two largest units: 12 s, 4 min 05 s, 2 h 04 min, 3 d 02 h."""
    seconds = int(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600:02d} h"
