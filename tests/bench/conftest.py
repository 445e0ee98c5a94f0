"""The bench's own functions measure; the tests say how much is allowed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import boards, heap, speed


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """The card's content: a folder of 500 entries, a file of 16 MiB, one of 1 KiB."""
    return speed.Material(tmp_path_factory.mktemp("card"), speed.QUICK)


@pytest.fixture
def serve(material):
    """A callable (*services, **options) -> a running Outpost with a probe in its heap."""
    started = []

    def start(*services, **options):
        server = boards.ProbedOutpost(material.folder, services=services, **options)
        started.append(server)
        return server.__enter__()

    yield start
    for server in started:
        if server.running:
            server.__exit__()


@pytest.fixture
def measured():
    """The bench's heap figures, as a module."""
    return heap
