"""`outpost sim` as a person uses it: options, what it prints, how it ends."""

import contextlib
import json
import signal
import socket
import sys
from pathlib import Path

import pytest
from fixtures_sim import Command
from outpost.sim.command import passive_range
from outpost.sim.flash import Flash

OUTPOST = Path(sys.executable).with_name("outpost")


@pytest.fixture
def sim(tmp_path, free_port):
    """Start `outpost sim` with these options; on a port and flash of its own unless they say."""
    with contextlib.ExitStack() as stack:

        def start(*options, port=None, flash=None):
            port = port or free_port()
            flash = flash or tmp_path / "flash.img"
            command = Command([OUTPOST, "sim", "--ftp-port", port, "--flash", flash, *options])
            command.port = port
            command.flash = flash
            stack.callback(command.kill)
            return command

        yield start


@pytest.fixture
def config_of():
    """Read config.json of an image: path -> dict."""

    def read(path):
        with Flash(path) as flash:
            return json.loads(flash.read("/config.json"))

    return read


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_it_is_ready_and_stops_cleanly(sim, number):
    board = sim()
    board.wait_for(f"FTP ready on 127.0.0.1:{board.port}\n")

    with socket.create_connection(("127.0.0.1", board.port), timeout=10) as control:
        assert control.recv(100).startswith(b"220")

    assert board.end(number) == 0
    assert board.output.count("FTP ready") == 1
    assert board.output.endswith("board: stopped\n")
    assert "Traceback" not in board.output


def test_options_are_merged_into_the_boards_config(sim, config_of, tmp_path):
    (tmp_path / "my.json").write_text(
        '{"name": "mine", "ftp": {"idle_s": 99, "passive_ports": [30000, 30001]}}'
    )

    board = sim(
        "--config", tmp_path / "my.json", "--ntp", "127.0.0.1", "--mqtt", "mqtt://127.0.0.1:9",
        "--passive", "31000-31003", "--clock", "real",
    )  # fmt: skip
    board.wait_for("FTP ready")
    assert board.end(signal.SIGINT) == 0

    config = config_of(board.flash)
    assert config["name"] == "mine"
    assert config["ftp"]["idle_s"] == 99
    assert config["ftp"]["port"] == board.port
    assert config["ftp"]["host"] == "127.0.0.1"
    assert config["ftp"]["passive_ports"] == [31000, 31003]
    assert config["time"]["servers"] == ["127.0.0.1"]
    assert config["telemetry"]["broker"] == "mqtt://127.0.0.1:9"


def test_the_next_start_keeps_what_the_board_wrote_and_fresh_forgets_it(sim, config_of):
    first = sim()
    first.wait_for("FTP ready")
    first.end(signal.SIGINT)
    users = config_of(first.flash)["ftp"]["users"]

    second = sim("--passive", "31010-31013")
    second.wait_for("FTP ready")
    second.end(signal.SIGINT)
    kept = config_of(first.flash)["ftp"]

    third = sim("--fresh")
    third.wait_for("FTP ready")
    third.end(signal.SIGINT)

    assert "password" in first.output
    assert "pbkdf2" in users["admin"]["password"]
    assert kept["users"] == users
    assert kept["passive_ports"] == [31010, 31013]
    assert config_of(first.flash)["ftp"]["users"] != users


def test_a_console_file_gets_what_the_board_prints(sim, tmp_path):
    board = sim("--console", tmp_path / "console.txt")
    board.wait_for("FTP ready")
    board.end(signal.SIGINT)

    assert "FTP ready" in (tmp_path / "console.txt").read_text()


def test_a_board_that_dies_shows_its_traceback_and_ends_in_1(sim, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "main.py").write_text("def f():\n    open('/nothing')\nf()\n")

    board = sim("--tree", tmp_path / "tree")

    assert board.end() == 1
    assert 'File "/main.py", line 2, in f\nOSError: [Errno 2] ENOENT\n' in board.output
    assert "board died: main.py raised an exception" in board.output


def test_deep_sleep_ends_in_0(sim, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "main.py").write_text("import machine\nmachine.deepsleep()")

    # An RP2 with its radio on doesn't sleep: it resets.
    board = sim("--tree", tmp_path / "tree", "--board", "esp32")

    assert board.end() == 0
    assert "deep sleep" in board.output


def test_a_second_signal_does_not_wait(sim, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "main.py").write_text(
        "import time\nprint('up')\nwhile True:\n    try:\n        time.sleep(1)\n"
        "    except KeyboardInterrupt:\n        print('no')\n"
    )
    board = sim("--tree", tmp_path / "tree")
    board.wait_for("up\n")

    board.process.send_signal(signal.SIGINT)
    board.wait_for("no\n")

    assert board.end(signal.SIGINT, timeout=5) == 1


class TestRefusals:
    def test_a_port_in_use(self, sim):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            board = sim(port=port)

            assert board.end() == 1
            assert f"port {port} of 127.0.0.1 can't be used" in board.output
            assert "--ftp-port" in board.output

    def test_a_flash_in_use(self, sim):
        first = sim()
        first.wait_for("FTP ready")
        second = sim()

        assert second.end() == 1
        assert "is in use by another simulated board" in second.output

    def test_a_file_that_is_no_flash(self, sim, tmp_path):
        (tmp_path / "letter.txt").write_text("dear all")
        board = sim(flash=tmp_path / "letter.txt")

        assert board.end() == 1
        assert "is no flash image of the board" in board.output
        assert (tmp_path / "letter.txt").read_text() == "dear all"

    def test_a_damaged_flash(self, sim, tmp_path):
        (tmp_path / "zeros.img").write_bytes(bytes(6144 * 1024))
        board = sim(flash=tmp_path / "zeros.img")

        assert board.end() == 1
        assert "--fresh" in board.output

    def test_a_config_that_is_no_json(self, sim, tmp_path):
        (tmp_path / "my.json").write_text("{oops")
        board = sim("--config", tmp_path / "my.json")

        assert board.end() == 1
        assert "my.json" in board.output

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (["--passive", "100-200"], "ports from 1024"),
            (["--passive", "5000"], "LOWEST-HIGHEST"),
            (["--mount", "/does/not/exist:/sd"], "there is no folder"),
            (["--mount", "/tmp:sd"], "must be such as /sd"),
            (["--heap", "lots"], "such as 133K"),
        ],
    )
    def test_an_option_that_is_wrong(self, sim, options, complaint):
        board = sim(*options)

        assert board.end() == 2
        assert complaint in board.output


def test_passive_ranges_of_neighbours_do_not_meet():
    ranges = [set(range(low, high + 1)) for low, high in map(passive_range, range(2121, 2171))]

    assert len(set.union(*ranges)) == sum(map(len, ranges))
    assert max(max(ports) for ports in ranges) < 32768, "Linux's ephemeral ports begin there"
