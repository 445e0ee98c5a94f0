"""Wear: how many blocks of flash a board programs and erases, in use and at rest."""

import io
import os
import time

import pytest
from fixtures_mqtt import Mosquitto
from fixtures_sim import free_ftp_port
from fixtures_time import Chronyd
from outpost.sim.clock import Haste, libfaketime
from outpost.sim.journal import writes

MIB, KIB = 1 << 20, 1 << 10
PROGRAM, BLOCK = 128, 4096  # bytes
LINE_PROGRAMS = 40  # of one line of the log: the block that it goes into is half full as a rule
RETRY_S = 300  # the longest that the clock waits before it asks again


class Journaled:
    """A board that has booted before, and counts what it writes."""

    def __init__(self, start, folder, **options):
        self.journal = folder / "journal"
        self.board = start(**options)
        self.board.stop()
        self.board.journal = str(self.journal)
        self.board.start()
        self.board.wait_ready()
        self._seen = 0

    def take(self):
        """(programs, erases) since the last call, or since this boot."""
        new = writes(self.journal)[self._seen :]
        self._seen += len(new)
        erases = sum(data is None for _, data in new)
        return len(new) - erases, erases


def test_uploads_cost_little_more_than_their_bytes(start_one, tmp_path):
    quiet = {"config": {"log": {"level": "WARNING"}}, "clock": "real"}
    flash = Journaled(start_one, tmp_path, **quiet)
    session = flash.board.ftp()
    data = os.urandom(MIB)

    def store(path, content):
        session.storbinary("STOR " + path, io.BytesIO(content))

    flash.take()
    for content in (data, data[::-1]):  # the second one goes over the first
        store("/big", content)
        programs, erases = flash.take()
        assert MIB // PROGRAM <= programs <= MIB // PROGRAM * 1.01
        assert MIB // BLOCK <= erases <= MIB // BLOCK * 1.02

    session.mkd("/small")
    for _ in range(2):
        flash.take()
        for number in range(128):
            store(f"/small/{number}", data[:KIB])
        programs, erases = flash.take()
        # A file has a block of its own; its names cost as much again, at most.
        assert 128 <= erases <= 128 * 1.4
        assert programs <= 2 * 128 * KIB // PROGRAM


def test_a_file_of_the_log_fills_up_in_batches(start_one, tmp_path):
    flash = Journaled(start_one, tmp_path, clock="real")
    session = flash.board.ftp()
    session.retrbinary("RETR /boot.py", len)
    flash.take()
    for _ in range(120):
        session.retrbinary("RETR /boot.py", len)
    session.quit()
    flash.board.stop()
    programs, erases = flash.take()
    # Twelve lines at a time: opened and closed for each it would be 1,400 programs, 120 erases.
    assert programs <= 120 / 12 * LINE_PROGRAMS + 60
    assert erases <= 120 / 12 + 8


@pytest.mark.skipif(not libfaketime(), reason="NOT TESTED: faketime is not installed")
class TestAtRest:
    """All services on, nobody logged in; time hurries."""

    def test_a_synchronised_clock_costs_a_line_each_time_and_nothing_else(
        self, start_one, tmp_path
    ):
        haste = Haste(70)
        chronyd, mosquitto = Chronyd(tmp_path), Mosquitto(tmp_path, free_ftp_port())
        shift = [f"{name}={value}" for name, value in haste.variables().items()]
        chronyd.command = ["env", *shift, *chronyd.command]
        chronyd.start()
        mosquitto.start()
        try:
            servers = {
                "time": {"servers": [chronyd.address], "timeout_ms": 1000, "every_s": 300},
                "telemetry": {"broker": mosquitto.url},
            }
            flash = Journaled(start_one, tmp_path, config=servers, clock=haste)
            board = flash.board
            board.wait_console("time/sync", start=board.console.rindex("board/boot"))
            sleep(haste, 60)
            flash.take()
            lines = board.console.count("\n")
            sleep(haste, 700)
            programs, erases = flash.take()
            lines = board.console.count("\n") - lines
        finally:
            chronyd.stop()
            mosquitto.stop()
        # By default there is one an hour.
        assert lines >= 1, board.console[-1000:]
        assert programs <= lines * LINE_PROGRAMS
        assert erases <= lines * 2

    def test_servers_that_never_answer_cost_nothing_after_the_first_time(
        self, start_one, tmp_path, time_server
    ):
        haste = Haste(200)
        absent = {
            "time": {"servers": [time_server(lambda query: None).address]},
            "telemetry": {"broker": f"mqtt://127.0.0.1:{free_ftp_port()}"},
        }
        flash = Journaled(start_one, tmp_path, config=absent, clock=haste)
        # Until its first configuration is proven, too, which is kept once: ten minutes.
        flash.board.wait_console("config/proven", timeout=30)
        sleep(haste, 100)
        before = flash.take()
        assert before > (0, 0)
        sleep(haste, 6 * RETRY_S)
        assert flash.take() == (0, 0), flash.board.console[-1000:]
        assert flash.board.state == "running"


def sleep(haste, seconds):
    """Sleep so many seconds of a clock that hurries."""
    time.sleep(seconds / haste.rate)
