"""`outpost deploy` onto the real interpreter: what lands on the flash, what stays, what goes."""

import ftplib
import json
import re

import pytest
from outpost.dependencies import LET_THROUGH
from outpost.sim.desk import Board

USERS_FILES = {
    "/app.py": b"print('mine')\n",
    "/lib/mine.py": b"x = 1\n",
    "/hal/notes.txt": b"not a module\n",
    "/data/services/old.py": b"mine as well\n",
}


def summary(text):
    """(copied, unchanged, removed) of what a deployment said."""
    return tuple(map(int, re.search(r"(\d+) files? \w.*?(\d+) unchanged, (\d+)", text).groups()))


def test_the_whole_tree_arrives_and_a_second_deployment_copies_nothing(board, deploy, bundled):
    expected = bundled()
    assert summary(deploy("--no-reset")) == (len(expected), 0, 0)
    said = deploy("--no-reset")
    assert summary(said) == (0, len(expected), 0)
    assert "copying" not in said
    board.power_off()
    assert board.files() == expected


def test_one_changed_file_is_one_copy(board, deploy, tree, bundled):
    deploy("--no-reset")
    with (tree / "services" / "status_text.py").open("a") as file:
        file.write("\nCHANGED = True\n")
    said = deploy("--no-reset")
    assert summary(said)[0] == 1
    assert "copying 1/1 /outpost.bin" in said
    assert "1 file copied" in said
    board.power_off()
    assert board.files() == bundled()


@pytest.mark.parametrize("first", [(), ("--source",)], ids=["compiled first", "source first"])
def test_a_module_lies_there_in_one_form_only(board, deploy, bundled, first):
    second = () if first else ("--source",)
    deploy("--no-reset", *first)
    copied, unchanged, removed = summary(deploy("--no-reset", *second))
    assert unchanged == 1  # boot.py is the same source in both; main.py names modules
    before, after = bundled(source=bool(first)), bundled(source=bool(second))
    assert copied == sum(before.get(path) != content for path, content in after.items())
    assert removed == len(set(before) - set(after))
    board.power_off()
    assert board.files() == bundled(source=bool(second))


def test_what_is_no_more_goes_and_what_is_the_users_stays(board, deploy, tree, bundled):
    (tree / "services" / "gone").mkdir()
    (tree / "services" / "gone" / "__init__.py").write_text("x = 1\n")
    (tree / "hal" / "gone.py").write_text("x = 1\n")
    deploy("--no-reset")
    board.power_off()
    for path, content in USERS_FILES.items():
        board.write(path, content)
    board.write("/services/site.py", b"# the other form of a module\n")
    board.write("/services/cut.mpy.new", b"# left by a deployment that never ended\n")
    board.power_on()
    (tree / "services" / "gone" / "__init__.py").unlink()
    (tree / "hal" / "gone.py").unlink()
    assert summary(deploy("--no-reset"))[::2] == (1, 1)
    board.power_off()
    assert board.files() == bundled() | USERS_FILES


def test_a_dry_run_changes_nothing(board, deploy, bundled):
    board.power_off()
    board.write("/services/gone.mpy", b"M")
    board.power_on()
    said = deploy("--dry-run")
    assert "would copy /main.py" in said
    assert "would remove /services/gone.mpy" in said
    assert f"{len(bundled())} files to copy, 0 unchanged, 1 to remove; nothing was changed" in said
    # Looking has interrupted what ran there.
    board.wait(lambda: board.resets == 1, "restarted")
    board.power_off()
    assert board.files() == {"/services/gone.mpy": b"M"}


def test_the_config_of_the_board_stays_unless_one_is_given(board, deploy, config):
    deploy("--no-reset", "--config", config)
    deploy("--no-reset")
    board.power_off()
    assert board.files()["/config.json"] == config.read_bytes()
    board.power_on()
    config.write_text('{"name": "other"}')
    assert summary(deploy("--no-reset", "--config", config))[0] == 1
    board.power_off()
    assert board.files()["/config.json"] == b'{"name": "other"}'


def test_a_board_without_config_waits_for_somebody_to_see_its_password(board, deploy):
    said = deploy()
    assert "no config.json" in said
    assert f"mpremote connect {board.port} resume repl" in said
    assert board.resets == 0


def test_a_deployed_outpost_runs_and_is_deployed_to_while_it_runs(
    board, deploy, whole_tree, config
):
    port = json.loads(config.read_text())["ftp"]["port"]
    assert "the board is restarting" in deploy("--config", config, of=whole_tree)
    board.wait(lambda: b"board/boot" in board.console, "running Outpost")
    assert board.resets == 1
    with (whole_tree / "services" / "site.py").open("a") as file:
        file.write("\nCHANGED = True\n")
    assert summary(deploy(of=whole_tree))[0] == 1
    assert b"board/stop how=interrupt" in board.console, "Outpost was not stopped cleanly"
    board.wait(lambda: board.console.count(b"board/boot") == 2, "running again")
    board.power_off()

    with Board(board.image, ftp_port=port) as simulated:
        simulated.wait_ready()
        with ftplib.FTP() as session:
            session.connect("127.0.0.1", port, timeout=20)
            session.login("admin", "secret")
            assert {"main.py", "outpost.bin"} <= set(session.nlst("/"))


def test_standins_go_to_no_board(board, deploy, monkeypatch):
    monkeypatch.delenv(LET_THROUGH)
    said = deploy("--no-reset", status=1)
    assert "logging, ntptime, umqtt.simple: the stand-ins of the tests; `python -m" in said
    board.power_off()
    assert board.files() == {}
