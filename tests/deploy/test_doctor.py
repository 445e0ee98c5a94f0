"""`outpost doctor` at a serial port and over FTP: what it finds, and what it says to do."""

import json
from pathlib import Path

import pytest
from outpost.doctor import advice, configuration, firmware, heap_needed, is_serial
from outpost.sim.desk import Board
from outpost.sim.prepare import prepare

ROOT = Path(__file__).parents[2]


@pytest.fixture
def doctor(outpost):
    """Run `outpost doctor` at a place: (where, status) -> all that it said."""

    def run(where, status):
        done = outpost("doctor", where)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_a_port_with_a_board_that_has_no_outpost(board, doctor):
    said = doctor(str(board.port), 1)
    assert "board: MicroPython" in said
    assert "! Outpost is not on it\n  -> `outpost deploy" in said
    board.wait(lambda: board.resets == 1, "restarted")


def test_a_port_with_a_board_that_is_well(board, deploy, doctor, config):
    settings = json.loads(config.read_text())
    config.write_text(json.dumps(settings | {"time": None}))
    deploy("--no-reset", "--config", config, of=ROOT)
    assert "nothing is wrong" in doctor(str(board.port), 0)


def test_a_port_without_a_configuration_is_not_started(board, deploy, doctor):
    deploy(of=ROOT)
    assert "! there is no config.json" in doctor(str(board.port), 1)
    assert board.resets == 0


def test_a_port_with_faults_in_the_configuration(board, deploy, doctor, config):
    settings = json.loads(config.read_text())
    settings["ftp"]["port"] = "many"
    config.write_text(json.dumps(settings))
    deploy("--no-reset", "--config", config, of=ROOT)
    said = doctor(str(board.port), 1)
    assert "! config.json: ftp.port" in said
    assert "outpost config check" in said


def test_a_port_with_a_full_flash(board, doctor):
    board.power_off()
    board.write("/video", bytes(6_200_000))
    board.power_on()
    assert "! the board's flash is too full" in doctor(str(board.port), 1)


def test_no_port(doctor, tmp_path):
    assert "Is the board plugged in" in doctor(f"{tmp_path}/ttyNONE", 1)


def test_an_address_with_a_board_whose_clock_is_not_set(shared_board, doctor):
    said = doctor(f"ftp://admin@127.0.0.1:{shared_board.ftp_port}", 1)
    assert "! clock not set: 127.0.0.1: nobody listens" in said
    assert "-> see that it reaches one of `time.servers` on UDP port 123" in said


def test_an_address_with_a_board_that_is_well(tmp_path, config, doctor):
    settings = json.loads(config.read_text())
    port = settings["ftp"]["port"]
    prepare(tmp_path / "well.img", ROOT, config=json.dumps(settings | {"time": None}))
    board = Board(tmp_path / "well.img", ftp_port=port)
    board.start()
    try:
        board.wait_ready()
        assert "nothing is wrong" in doctor(f"ftp://admin@127.0.0.1:{port}", 0)
    finally:
        board.stop()


def test_an_address_where_nobody_listens(doctor, free_port):
    said = doctor(f"ftp://admin@127.0.0.1:{free_port()}", 1)
    assert "! can't be asked: Connection refused\n  -> see its power" in said


@pytest.mark.parametrize(
    ("version", "old"), [("1.19.1", True), ("1.23.0", True), ("1.24.0", False), ("1.29.0", False)]
)
def test_an_old_firmware(version, old):
    assert bool(list(firmware(f"MicroPython {version}, Raspberry Pi Pico W with RP2040"))) is old


def test_heap_for_these_services():
    all_of_them = heap_needed({})
    ftp_alone = heap_needed(dict.fromkeys(["log", "network", "time", "update", "telemetry"]))
    assert (ftp_alone, all_of_them) == (60_500, 86_300)
    assert heap_needed({"time": None}) == all_of_them
    admin = {"password": "secret", "role": "admin", "root": "/"}
    content = json.dumps({"ftp": {"users": {"admin": admin}}}).encode()
    assert list(configuration(content, 200_000)) == []
    ((problem, todo),) = configuration(content, 70_000)
    assert problem.startswith("no heap for these services: they take 86 KB")
    assert "null" in todo


@pytest.mark.parametrize(
    "problem",
    [
        "rescue mode: three boots failed", "network: no such Wi-Fi", "app waiting: OSError: 5",
        "telemetry is down: refused", "update to 2.0 on trial", "update to 2.0 rolled back: E",
        "config.json: ftp.port: must be", "config.json was taken back: no network",
        "clock not set: no answer", "low heap: 5.0% free", "low flash: 0.0% free",
        "ftp failed: MemoryError", "can't be asked: no answer within 15 s",
    ],
)  # fmt: skip
def test_each_problem_has_something_to_do(problem):
    assert advice(problem)


def test_ports_and_addresses():
    assert all(map(is_serial, ["/dev/ttyACM0", "COM3", "auto", "id:e661", "a0"]))
    assert not any(map(is_serial, ["weather-7", "ftp://weather-7/", "192.168.1.7"]))
