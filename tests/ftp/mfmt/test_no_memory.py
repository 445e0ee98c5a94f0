"""The client's times where memory ends: a time is the old one or the new one."""

import pytest
from starving import STARVE

from tests.ftp.mfmt.conftest import WHEN, keep, shown

# The allocator fails at each allocation in turn.
STARVED = (
    STARVE
    + """
import asyncio, os, sys
from services.ftp.files import times

TABLE = times.TIMES = os.getcwd() + "/.times"
OLD, NEW = os.getcwd() + "/old", os.getcwd() + "/new"


def written(path, content):
    with open(path, "wb") as file:
        file.write(content)


def content():
    with open(TABLE, "rb") as file:
        return file.read()


written(OLD, b"old")
written(NEW, b"new, longer")
written(TABLE, b"")
for number in range(60):
    times.keep(OLD, 1_000_000 + number)
times.keep(NEW, 2_000_000)
before = content()


def time_of(path):
    kept = times.of_folder(os.getcwd())
    return kept.applied(path.rpartition("/")[2], os.stat(OLD))[8]


def run(coro):
    try:
        while True:
            coro.send(None)
    except StopIteration as end:
        return end.value


CALLS = {
    "rename": lambda: run(times.rename(OLD, NEW, OLD)),
    "storing": lambda: times.storing(OLD, OLD),
}
call = CALLS[sys.argv[1]]
failed = done = 0
leave = 0
while done < 20:
    written(TABLE, before)
    result = outcome(call, leave)
    after = content()
    if result == "no memory":
        failed += 1
        assert after == before, leave
    else:
        done += 1
        assert result in (True, None), result
        assert after != before, leave
        if sys.argv[1] == "rename":
            assert time_of(NEW) == 1_000_059, time_of(NEW)
            assert len(after) == len(before) - 20
    leave += 16
print(failed, done)
"""
)


@pytest.mark.parametrize("call", ["rename", "storing"])
def test_wherever_memory_ends_the_table_is_the_old_one_or_the_new_one(micropython, call):
    failed, done = map(int, micropython(STARVED, call, heap="96K").split())

    assert failed > 20, "the allocator failed in the middle of it too"
    assert done == 20


class TestNoMemory:
    """A reply that says that all was done is true also of the time: RNTO, STOR on a full heap."""

    @pytest.mark.parametrize("leave", [16_000, 12_000, 9_000, 7_000, 5_000, 4_000, 3_000])
    def test_rnto_takes_the_time_along_or_does_nothing(
        self, watched_board, connect, heap_eaten, leave
    ):
        session = connect(to=watched_board)
        session.put("/sd/a", b"content")
        keep(session, "/sd/a")
        session.ask("SITE gc")
        with heap_eaten(watched_board, leave):
            said = session.ask("RNFR /sd/a").code
            if said == 350:
                said = session.ask("RNTO /sd/b").code
        session = connect(to=watched_board)
        assert said in (250, 421, 451)
        assert shown(session, "/sd/b" if said == 250 else "/sd/a") == WHEN
        assert session.ask("SIZE /sd/b").code == (213 if said == 250 else 550)
        assert session.ask(f"DELE /sd/{'b' if said == 250 else 'a'}").code == 250
