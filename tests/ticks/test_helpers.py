"""hal.uptime() and hal.elapsed() count on when ticks wrap; the source measures with them alone."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_WAIT_S = 2**29 // 1000


def test_uptime_and_elapsed_over_thirty_days(said):
    uptimes, spans = said("""
start = Time.now
uptimes = []
for hour in range(30 * 24 + 1):
    uptimes.append(hal.uptime() - hour * 3600)
    Time.now += 3_600_000
say(*set(uptimes))
spans = []
for days in (0, 1, 6, 6.2, 6.3, 9, 12.4):
    since = Time.ticks_ms()
    began = Time.now
    Time.now += int(days * DAY)
    spans.append([hal.elapsed(since), int(days * DAY)])
    Time.now = began
say(*spans)
""")

    assert uptimes == [0]
    for measured, true in spans:
        assert measured == true if true < 2**29 else measured == 2**29 - 1


def test_elapsed_and_uptime_allocate_nothing(said):
    assert said("""
import gc, micropython
hal.ticks_ms, hal.ticks_diff, hal.ticks_add = real.ticks_ms, real.ticks_diff, real.ticks_add
hal._counted = real.ticks_add(real.ticks_ms(), -5000)
micropython.heap_lock()
try:
    for _ in range(100):
        hal.elapsed(5)
        hal.uptime()
    failed = None
except MemoryError:
    failed = True
micropython.heap_unlock()
say(failed)
""") == [[None]]


def test_no_option_asks_asyncio_for_a_wait_that_it_refuses():
    """Beyond 536,870 s ticks_add() raises on 32 bits; time.every_s is waited for in pieces."""
    beyond = set()
    for path in ROOT.glob("services/*/options.py"):
        for name, most in re.findall(r'"(\w+_s|keepalive)": "int\?? \d+ (\d+)"', path.read_text()):
            if int(most) > LONGEST_WAIT_S:
                beyond.add(f"{path.parent.name}.{name}")
    assert beyond == {"time.every_s"}


KEPT = sorted(
    path.relative_to(ROOT)
    for part in ("*.py", "hal/*.py", "services/**/*.py")
    for path in ROOT.glob(part)
)


@pytest.mark.parametrize("path", KEPT, ids=str)
def test_what_is_kept_in_an_object_is_measured_by_the_one_helper(path):
    """A local variable lives as long as its step; what an object keeps may be days old.

    ticks_diff() with such a value is right for 6.2 days: hal.elapsed() and hal.uptime() know.
    """
    allowed = {
        "hal/__init__.py",  # the helpers themselves
        "hal/console.py",  # looked at each few ms; of a rest both bounds are checked
        "services/ftp/server.py",  # looked at each second
        "services/ftp/tls.py",  # bounds the wait on both sides
        "services/time/sntp.py",  # an answer's: seconds
        "supervisor.py",  # a step's, and measurements that are renewed
    }
    if str(path) in allowed:
        return
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ticks_diff":
            for given in node.args:
                kept = isinstance(given, (ast.Attribute, ast.Subscript))
                assert not kept, f"{path}:{node.lineno}: hal.elapsed() or hal.uptime()"
