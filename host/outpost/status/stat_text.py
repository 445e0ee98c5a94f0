"""Parses STAT's text into sections, for boards that have no SITE status yet.

The text is for people: sizes and spans are rounded, unknown values are left out, and commas
separate values that may contain commas. The list of known keys shows where a value ends.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest

# Section -> key -> value, which may be any JSON value.
Sections = dict[str, dict[str, object]]
# The keys of Outpost's own sections as STAT shows them, with the unit that STAT removes.
_KEYS = {
    "address": "", "boots": "", "broker": "", "bundle": "", "by": "", "clock": "",
    "connected": "", "converted": "", "drops": "", "dropped": "", "error": "", "failed": "",
    "firmware": "", "free": "_bytes", "id": "",
    "last crash": "", "last error": "", "last problem": "", "last sync": "", "level": "",
    "logins": "", "longest stall": "_ms", "name": "", "offset": "_ms", "outpost": "", "path": "",
    "port": "", "problem": "", "problems": "", "reset cause": "", "restarts": "", "rssi": "",
    "sent": "_bytes", "sessions": "", "set": "", "source": "", "stall": "_ms", "stored": "_bytes",
    "syslog": "", "total": "_bytes", "transfers": "", "transfers now": "", "up": "",
    "uptime": "_s", "utc offset min": "", "version": "", "waiting": "",
}  # fmt: skip
_TEXTS = {
    "bundle", "by", "error", "firmware", "id", "last_crash", "last_error", "last_problem",
    "name", "path", "problem",
}  # fmt: skip
_STATES = {
    *("starting", "running", "waiting", "failed", "finished", "stopped", "off"),
    *("trial", "proven", "reverted", "replaced"),  # a configuration's
}
_LINE = re.compile(r"([a-z_][\w.-]*) +(.*)")  # STAT's headings begin with a capital letter
_PHRASES = "|".join(sorted(map(re.escape, _KEYS), key=len, reverse=True))
_KNOWN = re.compile(rf"(?:^|, )({_PHRASES}) ")
_COMMA = re.compile(r", (?!\d+:\d\d:\d\d)")  # but not the comma in `3 days, 2:04:11`
_SPAN = re.compile(r"(-?)(?:(\d+) days?, )?(\d+):(\d\d):(\d\d)")
_SIZES = {"B": 1, "KiB": 1024, "MiB": 1024 * 1024}


def parse(reply: str) -> Sections:
    """Return section -> key -> value of a STAT reply's text, including its codes.

    Keys end in their unit as in the status: free_bytes, uptime_s, offset_ms.
    """
    sections: dict[str, str] = {}
    name = None
    for line in reply.splitlines():
        text = line[4:] if re.match(r"\d{3}[- ]", line) else line
        found = _LINE.fullmatch(text)
        if found:
            name = found[1]
            sections[name] = found[2]
        elif name and text.startswith(" " * 11):
            sections[name] += " " + text.strip()
        else:
            name = None
    return {name: dict(_pairs(text)) for name, text in sections.items()}


def _pairs(text: str) -> Iterator[tuple[str, object]]:
    """Yield (key, value) of the text after a section's name."""
    state, _, rest = text.partition(", ")
    if state in _STATES:
        yield "state", state
        text = rest
    starts = list(_KNOWN.finditer(text))
    at = starts[0].start() if starts else len(text)
    yield from _unknown(text[:at])
    for found, following in zip_longest(starts, starts[1:]):
        value = text[found.end() : following.start() if following else len(text)]
        first, *others = _COMMA.split(value)
        # After a number comes a key that isn't known here; a text may contain commas.
        if others and _read("", "", first)[1] != first:
            yield _read(found[1], _KEYS[found[1]], first)
            yield from _unknown(", ".join(others))
        else:
            yield _read(found[1], _KEYS[found[1]], value)


def _unknown(text: str) -> Iterator[tuple[str, object]]:
    """Yield pairs of an application's keys: the last word, or number with unit, is the value."""
    for part in _COMMA.split(text.strip(", ")):
        found = re.fullmatch(rf"(.+?) ({_SPAN.pattern}|-?\d+ ms|[\d.]+ (?:B|KiB|MiB)|\S+)", part)
        if found:
            yield _read(found[1], "", found[2])


def _read(phrase: str, unit: str, value: str) -> tuple[str, object]:
    """Return (key with its unit, value) of a phrase and the text after it."""
    key = phrase.replace(" ", "_")
    if key in _TEXTS:
        return key, value
    if re.fullmatch(r"[\d.]+ (B|KiB|MiB)", value):
        number, name = value.split()
        return f"{key}_bytes", round(float(number) * _SIZES[name])
    if re.fullmatch(r"-?\d+ ms", value):
        return f"{key}_ms", int(value.split()[0])
    value = value.removesuffix(" dBm")
    span = _SPAN.fullmatch(value)
    if span:
        sign, days, *clock = span.groups()
        hours, minutes, seconds = map(int, clock)
        total = ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
        total = -total if sign else total
        return (f"{key}_ms", total * 1000) if unit == "_ms" else (f"{key}_s", total)
    if value in ("yes", "no"):
        return key, value == "yes"
    for number in (int, float):
        try:
            return key, number(value)
        except ValueError:
            pass
    return key, None if value == "-" else value
