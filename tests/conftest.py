"""Fixtures that every test may use: the real interpreter, free ports, simulated boards."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from outpost.dependencies import LET_THROUGH
from outpost.sim.boards import BOARD
from outpost.sim.desk import Board
from outpost.sim.interpreters import BITS, interpreter

ROOT = Path(__file__).resolve().parent.parent

# What several folders of tests share: services by themselves, time servers, brokers.
sys.path.insert(0, str(ROOT / "tests"))
import lanes  # noqa: E402 - it stands there

_CONSOLE_CHARS = 3000

os.environ[LET_THROUGH] = "1"  # the boards of tests are simulated ones

pytest_plugins = (
    "missing_programs",
    "fixtures_device",
    "fixtures_sim",
    "fixtures_time",
    "fixtures_faults",
    "fixtures_syslog",
    "fixtures_tree",
    "fixtures_mqtt",  # after fixtures_time, which it imports: pytest must see that one first
    "fixtures_page",
)


def pytest_collection_modifyitems(items):
    """Keep the tests of a file together where several run at a time: they share boards."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(lanes.group(item.nodeid)))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before the clock of its timeout runs
def pytest_runtest_protocol(item):
    """Keep off others while a test runs that must be alone."""
    with lanes.processor(item.nodeid, ROOT / "build"):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Put a test into the lanes that lanes.py has for it, with all that its fixtures start."""
    for lane, variable, value in ((lanes.WIDE, BITS, "64"), (lanes.DESK, BOARD, "desk")):
        os.environ.pop(variable, None)
        if lanes.reason(item.nodeid, lane):
            os.environ[variable] = value


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show, with a test that failed, what the boards that it was given have said at last."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Board):
                report.sections.append((f"console of {name}", value.console[-_CONSOLE_CHARS:]))
    return report


# Where `make deps` puts the packages, and what stands in for them until it has run.
DEPENDENCIES = (ROOT / "build" / "lib", ROOT / "tests" / "standins")


class MicroPythonFailed(Exception):
    """A script ended with an exit status other than 0; the text is all that it printed."""


@pytest.fixture
def micropython(tmp_path):
    """Run a script in the real interpreter: (text, *args, timeout, heap, bits) -> its stdout.

    The repository's root and the dependencies are on its sys.path; heap is a size as
    `-X heapsize=` takes it, such as "96wK"; bits: 32 or 64, None for 32 where it is. Raises
    MicroPythonFailed (also reachable as `micropython.failed`) or subprocess.TimeoutExpired.
    """
    runs = []

    def run(script, *args, timeout=60, heap=None, bits=None):
        path = tmp_path / f"script{len(runs)}.py"
        path.write_text(script)
        runs.append(path)
        options = ["-X", f"heapsize={heap}"] if heap else []
        search = [str(ROOT), *(str(folder) for folder in DEPENDENCIES), ".frozen"]
        done = subprocess.run(
            [*interpreter(bits).plain, *options, path, *map(str, args)],
            env=os.environ | {"MICROPYPATH": ":".join(search)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        if done.returncode:
            raise MicroPythonFailed(
                f"exit status {done.returncode}\n--- stdout\n{done.stdout}"
                f"\n--- stderr\n{done.stderr}"
            )
        return done.stdout

    run.failed = MicroPythonFailed
    return run


@pytest.fixture
def free_port():
    """A callable that gives a TCP port of 127.0.0.1 which nothing listens on."""

    def find():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return find
