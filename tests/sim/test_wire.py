"""host/outpost/sim/wire.py: what a simulated board tells its host, line by line."""

import threading

import pytest
from outpost.sim.hardware import Retained
from outpost.sim.wire import Ending, Wire


@pytest.fixture
def up():
    return threading.Event()


@pytest.fixture
def wire(up):
    """A wire of a board that nobody wants to end."""
    return Wire(Retained(), up, lambda: False)


@pytest.mark.parametrize(
    ("line", "ending"),
    [
        (b"reset\n", Ending("reset")),
        (b"cut\n", Ending("cut")),
        (b"sleep 250\n", Ending("sleep", sleep_ms=250)),
        (b"end 1\n", Ending("end")),
        (b"end 0\n", Ending("end", fault="main.py raised an exception")),
        (b"fault it wrote twice\n", Ending("fault", fault="it wrote twice")),
    ],
)
def test_a_line_may_end_the_life(wire, line, ending):
    assert wire.take(line) == ending


def test_a_line_may_come_in_pieces(wire, up):
    assert wire.take(b"u") is None
    assert not up.is_set()
    assert wire.take(b"p\nwrites 3 4\nre") is None
    assert up.is_set()
    assert wire.writes == (3, 4)
    assert wire.take(b"set\n") == Ending("reset")


def test_what_a_board_keeps_is_there_in_its_next_life(up):
    retained = Retained()
    wire = Wire(retained, up, lambda: False)

    wire.take(b"keep rtc " + "née".encode().hex().encode() + b"\nkeep empty \nclock +12.5\n")

    assert retained.values == {"rtc": "née", "empty": ""}
    assert retained.clock == "+12.5"


def test_a_watchdog_wants_to_be_fed(wire):
    assert wire.bites_in is None

    wire.take(b"watchdog 8000\n")
    assert 7 < wire.bites_in <= 8
    wire.take(b"watchdog 0\n")
    assert wire.bites_in == 0


def test_a_watchdog_bites_at_the_prompt_unless_somebody_stops_the_board(up):
    stopping = threading.Event()
    wire = Wire(Retained(), up, stopping.is_set)
    wire.take(b"watchdog 8000\n")

    assert wire.take(b"end 1\nfeed\n") is None
    stopping.set()
    assert wire.take(b"end 1\n") == Ending("end")
