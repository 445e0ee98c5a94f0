"""The fixtures of conftest.py themselves."""

import socket

import pytest
from outpost.sim.interpreters import interpreter


def test_a_script_runs_in_the_real_interpreter_with_its_arguments(micropython):
    out = micropython("import sys\nprint(sys.implementation.name, sys.argv[1:])", "a", 2)

    assert out == "micropython ['a', '2']\n"


def test_the_device_code_is_importable(micropython):
    out = micropython("from services.events import Backlog\nprint(Backlog(3).size)")

    assert out == "3\n"


def test_the_heap_can_be_chosen(micropython):
    out = micropython("import gc\nprint(gc.mem_free() + gc.mem_alloc())", heap="64wK")

    size = 64 * 1024 * interpreter().bits // 32
    assert size * 13 // 16 < int(out) < size


def test_a_failing_script_raises_with_its_whole_output(micropython):
    with pytest.raises(micropython.failed, match=r"(?s)said.*ValueError: why"):
        micropython("print('said')\nraise ValueError('why')")


def test_a_free_port_can_be_bound(free_port):
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
