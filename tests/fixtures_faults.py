"""Fixtures `watched_board` and `bystander`: a board that counts its tasks, and who uses it well.

What goes wrong for one session must cost another one nothing that it notices, and leave nothing
behind: `with bystander(board):` runs an innocent session beside the fault and compares sessions,
transfers, tasks, descriptors, listening sockets, heap and flash before it and after it.
"""

import contextlib
import os
import re
import statistics
import threading
import time

import pytest

# An application, as config.json's "app" runs one: it counts the tasks that live, and those that
# wait for a socket; it holds heap while the card has a file that says how much to leave, and sets
# the clock by the seconds that another one tells.
WATCHER = '''
import asyncio
import gc
import os
from asyncio import core
from time import gmtime, ticks_ms, time

import machine

alive = 0
_create_task = core.create_task


def create_task(coro):
    if "_write_in_time" in str(coro):
        # The log's, which is older than this count: it must not appear there when a lack of
        # memory has restarted the log.
        return _create_task(coro)
    return _create_task(_counted(coro))


async def _counted(coro):
    global alive
    alive += 1
    try:
        return await coro
    finally:
        alive -= 1


def fill_names():
    """Invent names until the interpreter's table of them grows.

    It grows by itself when so many are known, by 7 or 14 KB that never come back: a test in which
    that happened would seem to lose them.
    """
    gc.collect()
    gc.disable()  # a collection in that very moment would hide it, and the table grow again
    for number in range(2000):
        if number % 50 == 0:
            gc.collect()  # but now and then, or a board's heap would be full of what was made
        free = gc.mem_free()
        getattr(asyncio, "name%d" % number, None)
        if free - gc.mem_free() > 4096:
            break
    gc.enable()


def eat(leave):
    """Hold the heap but for `leave` bytes, in ever smaller pieces."""
    held = None
    size = 65536
    while size >= 64:
        gc.collect()
        try:
            while gc.mem_free() > leave + size:
                held = (held, bytearray(size))
        except MemoryError:
            pass
        size //= 2
    return held


async def run(status, events):
    asyncio.create_task = core.create_task = create_task
    fill_names()
    counts = status.section("counts")
    held = None
    while True:
        try:
            counts["tasks"] = alive
            counts["waiting"] = len(core._io_queue.map)
            counts["turn"] = counts.get("turn", 0) + 1
            counts["ticks"] = ticks_ms()
            asked = os.listdir("/sd")
            if "clock" in asked:
                with open("/sd/clock") as file:
                    t = gmtime(int(time()) + int(file.read()))
                machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
                os.remove("/sd/clock")
            wanted = "eat" in asked
            if wanted and not held:
                with open("/sd/eat") as file:
                    held = eat(int(file.read()))
                with open("/sd/eaten", "w"):
                    pass
            elif "eaten" in asked and not wanted:
                held = None
                gc.collect()
                os.remove("/sd/eaten")
        except OSError:
            pass
        except MemoryError:
            # Others took all that was left. A piece for each look: else nobody could end it.
            held = held and held[0]
        await asyncio.sleep_ms(20)
'''
# No time service: it asks now and then, in tasks that come and go by themselves.
WATCHED = {"app": "watcher", "time": None}, {"/watcher.py": WATCHER}
_FREE_KIB = 10  # what the heap may have less: holes, a new name, a verb's module
_USUAL_MS = 250  # nineteen answers of twenty come within this, also on a busy machine
_LONGEST_MS = 2500
_PATIENCE_S = 30
# Modules that come with the first command that needs them are no leak.
_WARM_UP = ("FEAT", "STAT", "PWD", "SIZE /main.py", "HELP", "PORT 1", "SITE free", "HASH /x")


class Bystander:
    """An innocent session: NOOP without a pause, and a small file now and then, in a thread.

    answers_ms: how long each took. hungry: there may be no memory for the file: 451 then.
    """

    def __init__(self, control, hungry=False):
        self._hungry = hungry
        self.answers_ms = []
        self._control = control
        self._over = threading.Event()
        self._trouble = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        assert self._control.ask("TYPE I").code == 200
        self._file = self._control.fetch("RETR /boot.py")
        self._thread.start()

    def stop(self):
        """Leave; AssertionError where an answer was wrong, missing or late."""
        deadline = time.monotonic() + _PATIENCE_S
        while len(self.answers_ms) < 20 and self._thread.is_alive():
            assert time.monotonic() < deadline, "the innocent session gets no answers"
            time.sleep(0.01)
        self._over.set()
        self._thread.join(_PATIENCE_S)
        assert not self._thread.is_alive(), "the innocent session hangs"
        if self._trouble:
            raise AssertionError(f"the innocent session met {self._trouble!r}") from self._trouble
        usual = statistics.quantiles(self.answers_ms, n=20)[-1]
        assert usual < _USUAL_MS, f"{usual:.0f} ms for the innocent session"
        assert max(self.answers_ms) < _LONGEST_MS, f"{max(self.answers_ms):.0f} ms, once"

    def leave(self):
        """Close the session, however the test ended."""
        self._over.set()
        self._thread.join(_PATIENCE_S)
        self._control.close()

    def _run(self):
        try:
            turn = 0
            while not self._over.is_set():
                began = time.monotonic()
                if turn % 10 == 9:
                    self._fetch()
                else:
                    assert self._control.ask("NOOP").code == 200
                self.answers_ms.append((time.monotonic() - began) * 1000)
                turn += 1
                self._over.wait(0.01)
        except Exception as error:
            self._trouble = error

    def _fetch(self):
        reply = self._control.ask("EPSV")
        if self._hungry and reply.code == 451:
            return
        assert reply.code == 229, reply
        sock = self._control.data(port=self._control.port_in(reply))
        reply = self._control.ask("RETR /boot.py")
        if reply.code == 150:
            content = b""
            with contextlib.suppress(*([ConnectionError] if self._hungry else [])):
                content = self._control.rest(sock)
            reply = self._control.reply()
            assert content == self._file or reply.code != 226, "less than the file, and 226"
        assert reply.code == 226 or (self._hungry and reply.code == 451), reply


@pytest.fixture
def bystander(dial, wait_for):
    """Context manager: an innocent session on a board, and the same afterwards as before.

    (board, answers=True, alike=True, hungry=False) -> the Bystander. answers: False where it
    can't be asked to answer in time; alike: False where something is left on purpose; hungry: its
    own small file may find no memory.
    """

    @contextlib.contextmanager
    def run(board, answers=True, alike=True, hungry=False):
        for _ in range(2):
            with contextlib.closing(dial(board)) as first:
                first.get("/boot.py")
                first.names("/")
                for command in _WARM_UP:
                    first.ask(command)
        before = wait_for(lambda: _at_rest(dial, board), "the board to be at rest")
        innocent = Bystander(dial(board, "reader"), hungry)
        innocent.start()
        try:
            yield innocent
            if answers:
                innocent.stop()
        finally:
            innocent.leave()
        if alike:
            _wait_alike(wait_for, dial, board, before)

    return run


def _wait_alike(wait_for, dial, board, before):
    last = None

    def same():
        nonlocal last
        last = _found(dial, board)
        return last[0] == before[0] and last[1] > before[1] - _FREE_KIB

    try:
        wait_for(same, "the board to be as before", _PATIENCE_S)
    except AssertionError as error:
        raise AssertionError(f"{before} before, {last} after") from error


def _at_rest(dial, board):
    """What _found() finds, where it finds the same twice; else None."""
    found = _found(dial, board)
    return found if _found(dial, board)[0] == found[0] else None


def _found(dial, board):
    """(what is counted, KiB of heap free) of a board, the session that asks included."""
    with contextlib.closing(dial(board)) as observer:
        turn = _turn(observer.ask("STAT"))
        while _turn(status := observer.ask("STAT")) < turn + 2:  # counted since this session is
            time.sleep(0.01)
        text = status.text
        counted = {
            name: int(re.search(rf"\b{name} (\d+)", text)[1])
            for name in ("sessions", "transfers now", "tasks", "waiting")
        }
        # Listeners stay open for the next session that wants one.
        descriptors, listeners = board.sockets()
        counted["descriptors"] = descriptors - listeners
        counted["sections"] = sorted(re.findall(r"^211-([a-z]+) {2,}", text, re.MULTILINE))
        free = int(observer.ask("SITE free").lines[1].split()[3].removesuffix("KiB"))
    return counted, free


def _turn(status):
    return int(re.search(r"\bturn (\d+)", status.text)[1])


@pytest.fixture(scope="session")
def power_up_watched(power_up):
    """Start a board with the shortest limits that config.json allows, which counts its tasks.

    (ftp=None, sections=None, files=None, **options of power_up) -> Desk.
    """

    def start(ftp=None, sections=None, files=None, **options):
        limits = {"idle_s": 10, "login_s": 5, "stall_s": 5} | (ftp or {})
        own, watcher = WATCHED
        return power_up(limits, own | (sections or {}), files=watcher | (files or {}), **options)

    return start


@pytest.fixture(scope="session")
def watched_board(power_up_watched):
    """The board that most tests of faults share."""
    return power_up_watched(lasting=True)


@pytest.fixture
def set_clock(wait_for):
    """The function: step a board's clock, (board, seconds)."""

    def step(board, seconds):
        request = board.card / "clock"
        part = board.card / "clock.part"
        part.write_text(str(seconds))
        os.rename(part, request)
        wait_for(lambda: not request.exists(), "the clock to be set")

    return step


@pytest.fixture
def heap_eaten(wait_for):
    """Context manager: (board, leave) an application holds the heap but for `leave` bytes."""

    @contextlib.contextmanager
    def run(board, leave):
        request, done = board.card / "eat", board.card / "eaten"
        part = board.card / "eat.part"
        part.write_text(str(leave))
        os.rename(part, request)
        try:
            wait_for(done.exists, "the heap to be eaten")
            yield
        finally:
            request.unlink()
        wait_for(lambda: not done.exists(), "the heap to be given back")

    return run
