"""Many boards: waves, the canary, and twenty at once of which one gets a version that crashes."""

import shutil

import pytest
from outpost.push.waves import waves
from outpost.sim.flash import Flash

TRIAL = ("--trial", "1")
BROKEN_7 = """\
import asyncio
import os


async def run(status, events):
    if "broken" in os.listdir("/"):
        raise ValueError("the rain gauge does not answer")
    while True:
        await asyncio.sleep(1)
"""


@pytest.mark.parametrize(
    ("canary", "size", "expected"),
    [
        (1, 3, ["a", "bcd", "ef"]),
        (2, 10, ["ab", "cdef"]),
        (0, 6, ["abcdef"]),
        (0, 5, ["abcde", "f"]),
        (9, 2, ["abcdef"]),
    ],
)
def test_the_canary_goes_first_then_waves(canary, size, expected):
    assert list(waves("abcdef", canary, size)) == [list(wave) for wave in expected]
    assert list(waves([], canary, size)) == []


def test_a_canary_that_fails_keeps_the_version_from_all_others(push, app, start_board, free_port):
    board = start_board()
    nobody = f"ftp://admin@127.0.0.1:{free_port()}/"
    done = push(app, nobody, board, *TRIAL, "--json")
    assert done.status == 1
    assert [found["result"] for found in done.boards] == ["failed", "skipped"]
    assert "Connection refused" in done.boards[0]["reason"]
    assert "ftp/login" not in board.console
    done = push(app, nobody, board, *TRIAL, "--json", "--keep-going")
    assert done.status == 1
    assert [found["result"] for found in done.boards] == ["failed", "confirmed"]


def test_twenty_boards_at_once_one_of_which_gets_a_version_that_crashes(
    push, app, start_board, start_configured, tmp_path
):
    first = start_configured({"app": "app"})
    assert push(app, first, *TRIAL).status == 0
    first.stop()
    boards = []
    for number in range(20):
        image = tmp_path / f"fleet-{number}.img"
        shutil.copy(first.flash, image)
        if number == 7:
            with Flash(image) as flash:
                flash.write("/broken", b"")
        boards.append(start_board(flash=image))
    names = tmp_path / "boards.txt"
    names.write_text(
        "".join(
            f"ftp://admin@127.0.0.1:{board.ftp_port} field-{number}\n"
            for number, board in enumerate(boards)
        )
    )
    app.write({"app.py": BROKEN_7})
    done = push(app, "--boards", names, *TRIAL, "--canary", 0, "--wave", 20)
    assert done.status == 1
    assert "20 boards: 19 confirmed, 1 rolled-back" in done.stdout, done.stdout + done.stderr
    assert "field-7: rolled-back: " in done.stdout
    assert "the rain gauge does not answer" in done.stdout
    (version,) = {
        line.split(":")[0].removeprefix("Application ")
        for line in done.stdout.splitlines()
        if line.startswith("Application weather+")
    }
    for number, board in enumerate(boards):
        runs = board.ftp().sendcmd("SITE UPDATE STATUS")
        assert (f"version {version}" in runs) == (number != 7)
        assert board.resets == (2 if number == 7 else 1)
        board.kill()  # all of them stopping in order, one after the other, takes its time
