"""What `outpost deploy` says when it can't: what was wrong, and what to do."""

import os
import random

import pytest
import serial
from click.testing import CliRunner
from outpost import bundle, serial_board
from outpost.cli import main


def test_no_board_at_the_port(deploy, tmp_path):
    said = deploy(port=tmp_path / "ttyNONE", status=1)
    assert f"there is no {tmp_path}/ttyNONE; serial ports here: " in said
    assert "Is the board plugged in" in said


def test_a_port_that_another_program_has(board, deploy):
    with serial.Serial(str(board.port), exclusive=True):
        said = deploy(status=1)
    assert f"{board.port} can't be opened: another program has it" in said


def test_a_port_where_nobody_answers(tree, monkeypatch):
    monkeypatch.setattr(serial_board, "_ANSWER_S", 2)
    other_end, device = os.openpty()
    try:
        arguments = ["deploy", os.ttyname(device), "--tree", str(tree)]
        done = CliRunner().invoke(main, arguments)
    finally:
        os.close(other_end)
        os.close(device)
    assert done.exit_code == 1
    assert "no MicroPython answers" in done.output
    assert "press the board's reset button" in done.output


def test_a_list_is_no_board(deploy):
    assert "PORT must name one board" in deploy(port="list", status=2)


def test_bytecode_that_the_board_does_not_load(board, deploy, tree, bundled):
    cache = tree / "build" / "mpy"
    cache.unlink()
    bundle.device_files(tree)
    for path in cache.iterdir():
        if path.suffix == ".mpy":
            content = bytearray(path.read_bytes())
            content[1] = 5
            path.write_bytes(content)
    said = deploy(status=1)
    assert "loads .mpy version 6, and /outpost.bin has version 5" in said
    assert "deploy with --source" in said
    board.wait(lambda: board.resets == 1, "restarted, though nothing came")
    deploy("--source", "--no-reset")
    board.power_off()
    assert board.files() == bundled(source=True)


def test_a_board_without_space_keeps_what_it_has(board, deploy, tree):
    board.power_off()
    board.write("/video", bytes(6_050_000))
    board.power_on()
    noise = random.Random(1).randbytes(200_000).hex()  # nothing that deflating makes small
    tree.joinpath("services", "site.py").write_text(f"NAME = '{noise}'\n")
    said = deploy(status=1)
    assert "the board's flash is too full" in said
    assert "KiB are needed" in said
    board.power_off()
    assert list(board.files()) == ["/video"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"name": "x",\n "ftp": {"port": 21,}\n}', 'line 2, column 21: Expecting property name'),
        ("[]", "must be an object"),
        (b'{"name":\n"\xff"}', "line 2: not UTF-8"),
    ],
)  # fmt: skip
def test_a_broken_config_is_named_before_anything_happens(
    board, deploy, tmp_path, text, complaint
):
    path = tmp_path / "broken.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    said = deploy("--config", path, status=1)
    assert f"{path}" in said
    assert complaint in said
    board.power_off()
    assert board.files() == {}


def test_a_module_that_does_not_compile(deploy, tree):
    (tree / "config.py").write_text("def\n")
    assert "config.py does not compile" in deploy(status=1)
