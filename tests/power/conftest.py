"""Boards whose runs several tests look at."""

import pytest
from fixtures_sim import desk


@pytest.fixture(scope="module")
def start_one(tmp_path_factory):
    """The function start_board() (tests/fixtures_sim.py), for a board of a whole module."""
    with desk(tmp_path_factory.mktemp("power")) as start:
        yield start
