"""A heap in which all services serve, on the 32-bit interpreter: bytes as a board has them."""

import dataclasses
import io
import os

import pytest
from fixtures_sim import desk
from outpost.sim.boards import BOARDS

KIB = 1024
MIB = KIB * KIB
BROKER = {"telemetry": {"broker": "mqtt://127.0.0.1:1"}}  # nobody answers there


@pytest.fixture
def serving(tmp_path):
    """A simulated board with all services and so many bytes of heap."""
    with desk(tmp_path) as start:

        def make(heap):
            profile = dataclasses.replace(BOARDS["desk"], heap=heap)
            return start(config=BROKER, profile=profile, bits=32)

        yield make


def test_a_mebibyte_both_ways_and_a_long_listing_in_148_kib(serving):
    board = serving(148 * KIB)
    content = os.urandom(MIB)
    with board.ftp() as session:
        session.storbinary("STOR /big", io.BytesIO(content))
        received = io.BytesIO()
        session.retrbinary("RETR /big", received.write)
        assert received.getvalue() == content
        session.mkd("/many")
        for number in range(100):
            session.storbinary(f"STOR /many/file{number:04}", io.BytesIO(b"x"))
        lines = []
        session.retrlines("LIST /many", lines.append)
        assert len(lines) == 100
        assert session.sendcmd("STAT").startswith("211-")
    assert "MemoryError" not in board.console
