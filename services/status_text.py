"""Status as text: sections as readable lines, with units; loaded at the first STAT."""

from micropython import const

_UNITS = const((("_bytes", 6), ("_ms", 3), ("_s", 2)))
_LONG_MS = const(120_000)  # from here on shown as hours and days
_OPEN = ("board", "heap", "flash", "loop")  # sections without names of hosts, paths or services
_NOT_THEIRS = ("hung_in", "failure")  # but not these of the board: they name services and files
_HEALTH = ("state", "set", "clock", "connected", "phase")  # of a service
_WRONG = ("problem", "problems", "reason", "error", "last_error")
_HIDDEN = const("only admins are told")
_LONG = const(8)  # characters of an id of a bundle
_LEAST = const(20)  # less than this fraction of heap or flash is reported: a twentieth
_WIDTH = const(74)  # of a line, so that it fits a terminal behind `211-`


def size_text(n):
    """Return a count of bytes as readable text: 629 B, 52 KiB, 3.2 MiB."""
    if n < 1024:
        return "%d B" % n
    if n < 10 * 1024 * 1024:
        return "%d KiB" % ((n + 512) // 1024)
    return "%.1f MiB" % (n / 1048576)


def span_text(seconds):
    """Return a time span in seconds as `uptime` prints it: 3 days, 2:04:11."""
    sign = "-" if seconds < 0 else ""
    days, rest = divmod(abs(int(seconds)), 86400)
    text = "%d:%02d:%02d" % (rest // 3600, rest % 3600 // 60, rest % 60)
    if days:
        text = "%d day%s, %s" % (days, "" if days == 1 else "s", text)
    return sign + text


def plain(text):
    """Replace control characters, which could forge a reply or control a terminal, by spaces."""
    return "".join([char if char >= " " and char != "\x7f" else " " for char in text])


def _shown(key, value):
    """Return `key value`. The key's suffix (_bytes, _ms, _s) is removed and sets the unit."""
    for suffix, cut in _UNITS:
        if key.endswith(suffix) and isinstance(value, (int, float)):
            key = key[:-cut]
            if suffix == "_bytes":
                value = size_text(value)
            elif suffix == "_ms":
                value = "%d ms" % value if abs(value) < _LONG_MS else span_text(value // 1000)
            else:
                value = span_text(value)
            break
    if value is True:
        value = "yes"
    elif value is False:
        value = "no"
    elif isinstance(value, str):
        value = plain(value)
    elif key == "rssi":
        value = "%s dBm" % value
    return "%s %s" % (key.replace("_", " "), value)


def health(sections):
    """Yield names and dicts of sections with what clients without login may see.

    No host, path or error text. That something is wrong is shown: an unwell board must not look
    healthy.
    """
    for name, section in sections:
        if name not in _OPEN:
            wrong = [key for key in _WRONG if section.get(key)]
            section = {key: section[key] for key in _HEALTH if key in section}
            for key in wrong:
                section[key] = _HIDDEN
        elif "hung_in" in section:
            section = {key: section[key] for key in section if key not in _NOT_THEIRS}
        if section:
            yield name, section


def days_text(seconds):
    """Return a time span in seconds as days, hours and minutes: 3 days, 02:04."""
    days, rest = divmod(int(seconds), 86400)
    return "%d day%s, %02d:%02d" % (
        days,
        "" if days == 1 else "s",
        rest // 3600,
        rest % 3600 // 60,
    )


def troubles(sections):
    """Yield each problem as a short text. sections: yields names and dicts."""
    for name, section in sections:
        state = section.get("state")
        why = section.get("problem") or section.get("problems") or section.get("reason")
        if not section.get("connected", 1):
            why = why or section.get("last_error")  # if the broker does not answer
        if state in ("failed", "waiting"):
            yield "%s %s: %s" % (name, state, section.get("error") or why or "no reason is known")
        elif why and name != "update":
            yield "%s: %s" % (name, why)
        if name == "time" and not section.get("set"):
            yield "time: the clock is not set, so times are not real"
        if section.get("phase") == "trial":
            yield "update: a version is on trial"
        elif section.get("phase") == "rolled-back":
            yield "update: rolled back: %s" % (why or "no reason is known")
        total = section.get("total_bytes")
        if total and section.get("free_bytes", total) < total // _LEAST:
            yield "%s: %s free of %s" % (name, size_text(section["free_bytes"]), size_text(total))


def _is_long(value):
    """Whether a value is an identifier or another long text, which is shown last in its line."""
    return isinstance(value, str) and len(value) >= _LONG


def lines(sections):
    """Yield each section as one or more readable lines. sections: yields names and dicts."""
    for name, section in sections:
        if not section:
            continue
        parts = []
        if "state" in section:
            parts.append(str(section["state"]))
        for key in sorted(section, key=lambda key: (_is_long(section[key]), key)):
            if key != "state" and section[key] not in (None, ""):
                parts.append(_shown(key, section[key]))
        line = "%-10s" % name
        for i in range(len(parts)):
            part = " " + parts[i] + ("," if i + 1 < len(parts) else "")
            cut = 0  # where the line is broken: before part, then between its words
            while len(line) + len(part) > _WIDTH and cut >= 0:
                yield line + part[:cut]
                line = "%-10s" % ""
                part = part[cut:]
                cut = part.rfind(" ", 1, _WIDTH - len(line))
            line += part
        yield line
