"""Describes events: one line for people, from the topic of an event and its fields."""

from collections.abc import Callable, Mapping

from outpost.shown import size, span

Scalar = str | float | bool | None
Fields = Mapping[str, Scalar]
GOOD, PLAIN, BAD = "good", "plain", "bad"
_SHORT_MS = 100  # shorter transfers show no speed
_NOT_SHOWN = {"boot", "seq", "time", "event_type", "traceback", "ok"}


def words(kind: str, fields: Fields) -> tuple[str, str]:
    """Return (text, GOOD or PLAIN or BAD) of an event; kind is its topic, such as ftp/transfer.

    fields: scalars of any type: the publisher isn't trusted.
    """
    try:
        describe = _KINDS.get(kind)
        if describe:
            return describe(fields)
        if kind.startswith("update/"):
            return _update(kind.removeprefix("update/"), fields)
    except (TypeError, ValueError, KeyError):
        pass  # not the fields of docs/mqtt.md: show them unchanged
    bad = fields.get("ok") is False or fields.get("error") or kind.endswith("crash")
    return f"{kind} {_listed(fields)}".rstrip(), BAD if bad else PLAIN


def _listed(fields: Fields) -> str:
    shown = {key: value for key, value in fields.items() if key not in _NOT_SHOWN}
    return " ".join(f"{key}={value}" for key, value in sorted(shown.items()) if value is not None)


def _number(value: Scalar) -> float:
    """Return a number; raise TypeError for anything else."""
    if not isinstance(value, (int, float)):
        raise TypeError
    return value


def _span(value: Scalar) -> str:
    if value is None:
        raise TypeError
    return span(int(value))


def _who(fields: Fields) -> str:
    """Return ` by admin from 192.168.1.5`, as far as it is known."""
    by = f" by {fields['user']}" if fields.get("user") else ""
    return by + (f" from {fields['address']}" if fields.get("address") else "")


def _transfer(fields: Fields) -> tuple[str, str]:
    what = fields["event_type"]
    path = fields["path"]
    if what in ("stored", "sent"):
        count, ms = _number(fields["bytes"]), _number(fields["ms"])
        took = f" in {ms / 1000:.1f} s, {size(count * 1000 / ms)}/s" if ms >= _SHORT_MS else ""
        return f"{what} {path}, {size(count)}{took}{_who(fields)}", GOOD
    if what == "failed":
        begun = f"failed {fields['verb']} {path} after {size(_number(fields['bytes']))}"
        return f"{begun}: {fields['error']}{_who(fields)}", BAD
    if what == "renamed":
        return f"renamed {path} to {fields['to']}{_who(fields)}", PLAIN
    return f"{what} {path}{_who(fields)}", PLAIN


def _login(fields: Fields) -> tuple[str, str]:
    if fields["ok"]:
        return f"login{_who(fields)}", PLAIN
    user = fields["user"] or "somebody unknown"
    return f"login refused to {user} from {fields['address']}: {fields['reason']}", BAD


def _lockout(fields: Fields) -> tuple[str, str]:
    return f"locked out {fields['address']} for {_span(fields['seconds'])}", BAD


def _restart(fields: Fields) -> tuple[str, str]:
    again = f", again in {_span(fields['delay_s'])}" if fields.get("delay_s") else ""
    return f"service {fields['service']} restarts{again}: {fields['error']}", BAD


def _crash(fields: Fields) -> tuple[str, str]:
    return f"task {fields['task']} crashed: {fields['error']}", BAD


def _black_box(fields: Fields) -> tuple[str, str]:
    about = f", {fields['service']} held it or failed last" if fields.get("service") else ""
    crash = f"; last crash: {fields['crash']}" if fields.get("crash") else ""
    last = str(fields.get("log") or "").rstrip().rpartition("\n")[2]
    return f"unclean reset: {fields['cause']}{about}{crash}; last words: {last}", BAD


def _command(fields: Fields) -> tuple[str, str]:
    command = fields["command"] or "unknown"
    if fields["ok"]:
        return f"command {command}: {fields['text']}", PLAIN
    return f"command {command} refused: {fields['error']}", BAD


def _update(what: str, fields: Fields) -> tuple[str, str]:
    way = f"{fields.get('from') or '?'} to {fields['version']}"
    reason = f": {fields['reason']}" if fields.get("reason") else ""
    return f"update {what}, {way}{reason}", BAD if what == "rolled-back" else GOOD


def _config(what: str) -> Callable[[Fields], tuple[str, str]]:
    """Return a function that describes an event config/..."""

    def describe(fields: Fields) -> tuple[str, str]:
        said = fields.get("error") or fields.get("problem")
        return f"{what}: {said}", BAD

    return describe


_KINDS: dict[str, Callable[[Fields], tuple[str, str]]] = {
    "config/problem": _config("config.json"),
    "config/reverted": _config("went back to the proven configuration"),
    "config/proven": lambda fields: ("configuration proven", GOOD),
    "ftp/transfer": _transfer,
    "ftp/login": _login,
    "ftp/lockout": _lockout,
    "service/restart": _restart,
    "task/crash": _crash,
    "board/blackbox": _black_box,
    "command/done": _command,
}
