"""What a day came to: what must be equal at its end, the table, the data file and the picture."""

import json

from outpost import bundle

from bench.figures import markdown

DOCS = bundle.tree_root() / "docs"
DATA, PAGE, PICTURE = DOCS / "soak.json", DOCS / "soak.md", DOCS / "soak.png"
# Bytes of heap that a life may have less at its end than early in it. The lines of the log's
# ring and MQTT's waiting events differ in length, and what stays may lie in other holes.
HEAP_SLACK = 4_096
# Bytes that the log may hold: config.json's max_bytes of each file, and keep of them beside it.
LOG_BYTES = 3 * 16_384
_BEGIN, _END = "<!-- made by `make soak ARGS=--write` -->", "<!-- the end of what is made -->"
_CHANGES = ("/log/outpost.log", "/log/outpost.log.1", "/log/outpost.log.2")
_GROWS = ("/boot.json",)  # whose count of boots gets more digits


def faults(outcome):
    """What is not as it must be, as lines of text; none where the day was good.

    Everything is compared at rest: nobody logged in for 75 s of the board's, and after the
    collection that the supervisor makes every second.
    """
    plan = outcome.plan
    found = list(outcome.wrong)
    for name, asked in (("transfers", plan.transfers), ("logins", plan.logins)):
        if getattr(outcome, name) < asked:
            found.append(f"{getattr(outcome, name)} {name} in place of {asked}")
    if len(outcome.lives) - 1 != plan.reboots:
        found.append(f"{len(outcome.lives) - 1} reboots in place of {plan.reboots}")
    if outcome.broker_restarts != plan.broker_restarts:
        found.append(f"{outcome.broker_restarts} restarts of the broker, not as planned")
    if outcome.syncs < len(outcome.lives):
        found.append(f"{outcome.syncs} syncs of the clock in {len(outcome.lives)} lives")
    if outcome.connections < len(outcome.lives) + plan.broker_restarts:
        found.append(f"{outcome.connections} connections to the broker, too few")
    if outcome.uncounted > outcome.late:  # who came too late may not have heard of the end
        found.append(f"the board counts {outcome.uncounted} transfers more, or fewer")
    if outcome.late > plan.logins // 20 + 3:
        found.append(f"{outcome.late} sessions were given up: is the host too busy?")
    found += [f"something failed on the board: {crash}" for crash in outcome.crashes]
    found += _held(outcome) + _files(outcome)
    return found


def _held(outcome):
    """Heap, descriptors and sockets: within each life that was looked at twice, and over all."""
    found = []
    rests = [life.late for life in outcome.lives]
    first = next(life.early for life in outcome.lives if life.early)
    for number, life in enumerate(outcome.lives, 1):
        if life.early and life.late.heap < life.early.heap - HEAP_SLACK:
            found.append(
                f"life {number}: heap {life.early.heap} at first, {life.late.heap} at last"
            )
    if rests[-1].heap < first.heap - HEAP_SLACK:
        found.append(f"heap: {first.heap} bytes free at first, {rests[-1].heap} at last")
    for name in ("descriptors", "listeners", "waiting"):
        seen = {getattr(rest, name) for rest in [first, *rests]}
        if len(seen) != 1:
            found.append(f"{name}: {sorted(seen)} at rest")
    return found


def _files(outcome):
    """The files on the flash: the same names and sizes, the log within its bound."""
    before, after = dict(outcome.files_before), dict(outcome.files_after)
    log = sum(size for path, size in after.items() if path.startswith("/log/"))
    found = []
    if log > LOG_BYTES:
        found.append(f"the log has {log} bytes, more than {LOG_BYTES}")
    for path in _CHANGES + _GROWS:
        before.pop(path, None)
        after.pop(path, None)
    if before != after:
        changed = sorted(set(before.items()) ^ set(after.items()))
        found.append(f"files: other ones than at first: {changed}")
    return found


def figures(outcome, origin):
    """The Outcome as the data file has it: plain values, one point of the heap a state."""
    early = next(life.early for life in outcome.lives if life.early)
    late = outcome.lives[-1].late
    return {
        "origin": origin,
        "plan": vars(outcome.plan),
        "wall_s": round(outcome.wall_s),
        "hours": round(outcome.hours, 2),
        **{name: getattr(outcome, name) for name in _COUNTS},
        "reboots": len(outcome.lives) - 1,
        "programs": sum(life.programs for life in outcome.lives),
        "erases": sum(life.erases for life in outcome.lives),
        "first": vars(early),
        "last": vars(late),
        "files": [_count(outcome.files_before), _count(outcome.files_after)],
        "log_bytes": sum(n for path, n in outcome.files_after.items() if path in _CHANGES),
        "faults": faults(outcome),
        "lives": [round(life.began, 3) for life in outcome.lives],
        "rests": [
            [round(rest.hour, 3), rest.heap, rest.descriptors]
            for life in outcome.lives
            for rest in (life.early, life.late)
            if rest
        ],
        "heap": [[round(hour, 3), free, sessions] for hour, free, sessions in outcome.heap],
    }


_COUNTS = (
    "transfers",
    "logins",
    "late",
    "aborted",
    "wrong_passwords",
    "syncs",
    "failed_syncs",
    "broker_restarts",
    "connections",
    "states",
    "events",
    "uncounted",
)


def _count(files):
    return len([path for path in files if path not in _CHANGES])


def table(found):
    """The Markdown of a day's figures."""
    first, last = found["first"], found["last"]
    rows = [
        [f"{found['hours']:.1f} h of the board's time took", f"{found['wall_s'] / 60:.0f} min"],
        ["transfers, each checked", f"{found['transfers']:,}"],
        [
            "sessions that the board gave up as too slow, and that began again",
            f"{found['late']:,}",
        ],
        ["transfers that the board's own count has not", f"{found['uncounted']:,}"],
        ["logins", f"{found['logins']:,}"],
        ["clients that died in an upload", f"{found['aborted']:,}"],
        ["wrong passwords", f"{found['wrong_passwords']:,}"],
        ["reboots", f"{found['reboots']:,}"],
        ["clock synchronised", f"{found['syncs']:,}"],
        ["time server too late, asked again", f"{found['failed_syncs']:,}"],
        ["broker restarted", f"{found['broker_restarts']:,}"],
        ["connections to the broker", f"{found['connections']:,}"],
        ["states and events over MQTT", f"{found['states'] + found['events']:,}"],
        ["blocks programmed, erased", f"{found['programs']:,}, {found['erases']:,}"],
    ]
    equal = [
        [what, f"{first[key]:,}", f"{last[key]:,}"]
        for what, key in (
            ("free heap, bytes", "heap"),
            ("file descriptors", "descriptors"),
            ("listening sockets", "listeners"),
            ("sockets that the loop waits for", "waiting"),
        )
    ]
    equal.append(["files, those of the log aside", *(f"{n:,}" for n in found["files"])])
    return "\n\n".join(
        [
            found["origin"] + ".",
            markdown(["", "in the day"], rows),
            markdown(["at rest", "at the start", "at the end"], equal),
        ]
    )


def load():
    """The figures that the page shows."""
    return json.loads(DATA.read_text())


def write(found):
    """Write docs/soak.json, and what is made of it: the page's table and the picture."""
    from soak import picture  # only now: matplotlib is large

    text = PAGE.read_text()
    before, begins, rest = text.partition(_BEGIN)
    _, ends, after = rest.partition(_END)
    if not begins or not ends:
        raise ValueError(f"{PAGE}: the lines {_BEGIN} and {_END} must stand in it")
    DATA.write_text(_as_text(found))
    PAGE.write_text(f"{before}{_BEGIN}\n\n{table(found)}\n\n{_END}{after}")
    picture.draw(found, PICTURE)


def _as_text(found):
    """JSON with a line for each key: the points of the heap would be thousands of lines."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
