"""`outpost push` to simulated boards: what arrives, what is confirmed, rolled back, refused."""

import json
import re

import pytest
from outpost.certificate import make
from outpost.sim.flash import Flash

TRIAL = ("--trial", "1")


@pytest.fixture
def board(start_board):
    """A board without an application as yet."""
    return start_board()


def files_of(board):
    """Path -> content of a board's flash; the board is stopped for that."""
    board.stop()
    with Flash(board.flash) as flash:
        return {path: flash.read(path) for path in flash.paths()}


def test_a_version_arrives_and_is_confirmed_and_a_second_push_changes_nothing(push, app, board):
    done = push(app, board, *TRIAL)
    assert done.status == 0, done.stdout
    assert f"127.0.0.1:{board.ftp_port}: confirmed" in done.stdout
    assert "1 board: 1 confirmed" in done.stdout
    assert board.resets == 1
    done = push(app, board, *TRIAL)
    assert done.status == 0
    assert "1 board: 1 unchanged" in done.stdout
    assert board.resets == 1
    files = files_of(board)
    assert {"/app.mpy", "/weather/sensor.mpy", "/www/index.html"} <= set(files)
    assert not [path for path in files if path.startswith(("/next", "/prev"))]


def test_the_report_as_json_has_stdout_for_itself(push, app, board):
    done = push(app, board, *TRIAL, "--version", "1.4.0", "--json")
    (found,) = done.boards
    size = found["bytes"]
    assert found == {
        "board": f"127.0.0.1:{board.ftp_port}",
        "url": f"ftp://admin@127.0.0.1:{board.ftp_port}",
        "result": "confirmed",
        "reason": "",
        "before": found["before"],
        "version": "1.4.0",
        "place": [
            "/app.mpy",
            "/weather/__init__.mpy",
            "/weather/sensor.mpy",
            "/www/index.html",
        ],
        "remove": [],
        "sent": 4,
        "bytes": size,
        "seconds": found["seconds"],
        "notes": [],
    }
    assert size > 100
    assert done.report["counts"] == {"confirmed": 1}
    assert "confirmed" in done.stderr


def test_only_what_differs_is_sent_and_other_forms_go(push, app, board):
    assert push(app, board, *TRIAL).status == 0
    app.write({"weather/sensor.py": "PIN = 5\n", "www/more.html": "<p>more\n"})
    (found,) = push(app, board, *TRIAL, "--json").boards
    assert found["place"] == ["/weather/sensor.mpy", "/www/more.html"]
    board.upload(board.ftp(), "/www/old.html")
    forms = ["/app.mpy", "/weather/__init__.mpy", "/weather/sensor.mpy"]
    (found,) = push(app, board, *TRIAL, "--json", "--source", "--prune").boards
    assert found["result"] == "confirmed"
    assert found["remove"] == [*forms, "/www/old.html"]
    files = files_of(board)
    assert files["/weather/sensor.py"] == b"PIN = 5\n"
    assert "/www/more.html" in files
    assert not {*forms, "/www/old.html"} & set(files)


def test_a_dry_run_shows_and_changes_nothing(push, app, board):
    done = push(app, board, "--dry-run")
    assert done.status == 0
    assert "would send /weather/sensor.mpy" in done.stdout
    assert "1 planned" in done.stdout
    assert board.resets == 0
    assert not [path for path in files_of(board) if path.startswith(("/next", "/weather"))]


def test_outpost_itself_is_pushed_and_what_is_no_more_goes(push, board, whole_tree):
    tree = whole_tree
    with (tree / "services" / "site.py").open("a") as file:
        file.write("\n__name__\n")  # no new name: that may give others other words
    (tree / "boot.py").write_text((tree / "boot.py").read_text() + "\n# changed\n")
    board.ftp().mkd("/hal")
    board.upload(board.ftp(), "/hal/gone.mpy", b"M\x06\0\x1f")
    (found,) = push(tree, board, *TRIAL, "--json").boards
    assert found["result"] == "confirmed", found
    # The boot.py of that board is another one than this tree's: see push/bridge.py.
    assert found["place"] == ["/outpost.bin", "/hal/__init__.mpy"]
    assert found["remove"] == ["/hal/gone.mpy"]
    assert found["notes"] == ["/boot.py differs and stays: --include-boot brings it"]
    (found,) = push(tree, board, *TRIAL, "--json", "--include-boot").boards
    assert (found["result"], found["place"]) == ("confirmed", ["/boot.py"])
    assert files_of(board)["/boot.py"].endswith(b"# changed\n")


def test_a_push_of_outpost_leaves_the_applications_version(
    push, app, board, whole_tree, tmp_path, outpost
):
    """Both are told: by push, of what it brought; by status, side by side."""
    (found,) = push(app, board, *TRIAL, "--version", "weather-3", "--json").boards
    assert (found["before"], found["version"]) == (None, "weather-3")
    with (whole_tree / "assemble.py").open("a") as file:
        file.write("\nCHANGED = True\n")
    done = push(whole_tree, board, *TRIAL, "--version", "9.9+ab", "--json")
    (found,) = done.boards
    assert (done.report["outpost"], found["result"], found["version"]) == (
        True, "confirmed", "9.9+ab",
    )  # fmt: skip
    own = found["before"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", own)
    told = outpost("status", f"ftp://admin@127.0.0.1:{board.ftp_port}").stdout
    assert "application weather-3, " in told
    assert f"outpost {own}, " in told


def test_a_version_that_crashes_goes_and_the_reason_is_told(push, board, whole_tree):
    board.allow_traceback = True
    with (whole_tree / "assemble.py").open("a") as file:
        file.write("\nimport greenhouse\n")
    done = push(whole_tree, board, *TRIAL)
    assert done.status == 1
    assert "rolled-back: " in done.stdout
    assert "no module named 'greenhouse'" in done.stdout
    again = push(whole_tree, board, *TRIAL, "--json")
    assert again.status == 1
    (found,) = again.boards
    assert found["sent"] == 0
    assert "no module named 'greenhouse'" in found["reason"]
    assert "--again" in found["reason"]
    (found,) = push(whole_tree, board, *TRIAL, "--json", "--again").boards
    assert (found["result"], found["sent"]) == ("rolled-back", 1)


def test_what_keeps_a_trial_from_health_is_told_while_it_lasts(push, tmp_path, start_board):
    board = start_board(config={"app": {"module": "pump"}})
    board.allow_traceback = True  # it has no pump.py yet
    folder = tmp_path / "version"
    folder.mkdir()
    (folder / "pump.py").write_text("async def run(outpost):\n    raise OSError('no pump')\n")
    done = push(folder, board, "--trial", "60")
    assert done.status == 1
    assert ": on trial, boot 1: app: OSError: no pump" in done.stderr + done.stdout
    assert "rolled-back: " in done.stdout


def test_a_board_on_trial_is_left_alone_and_one_s_own_trial_is_watched(push, app, board):
    trial = push(app, board, "--trial", "600", "--timeout", "3", "--json")
    assert trial.status == 1
    assert "not confirmed within 3 s: state trial" in trial.boards[0]["reason"]
    other = push(app, board, "--version", "other", "--json")
    assert other.status == 1
    assert "is on trial there: wait until" in other.boards[0]["reason"]
    board.ftp().sendcmd("SITE UPDATE CONFIRM")
    assert push(app, board, "--json").boards[0]["result"] == "unchanged"


def test_its_own_version_on_trial_is_watched_to_its_end(push, app, board):
    named = ("--version", "1.4.0", "--json")
    push(app, board, "--trial", "4", "--timeout", "1", *named)
    (found,) = push(app, board, *named).boards
    assert found["result"] == "confirmed"
    assert found["sent"] == 0


def test_other_files_by_the_name_of_a_version_on_trial_are_brought_after_it(push, app, board):
    named = ("--version", "1.4.0", "--json")
    push(app, board, "--trial", "3", "--timeout", "1", *named)
    app.write({"weather/sensor.py": "PIN = 5\n"})
    (found,) = push(app, board, *TRIAL, *named).boards
    assert found["result"] == "confirmed"
    assert found["place"] == ["/weather/sensor.mpy"]


def test_a_full_flash_is_told_before_anything_is_sent(push, app, board):
    app.write({"www/film": b"\0" * 7_000_000})
    (found,) = push(app, board, "--json").boards
    assert found["result"] == "failed"
    assert "too full: 6" in found["reason"]
    assert found["bytes"] == 0


def test_what_the_board_can_not_load_is_told_before_anything_is_sent(push, app, board):
    app.write({"lib/old.mpy": b"M\x05\0\x1f"})
    (found,) = push(app, board, "--json").boards
    assert found["result"] == "failed"
    assert "loads .mpy version 6, and /lib/old.mpy has version 5" in found["reason"]
    assert found["bytes"] == 0


def test_only_admins_may_push(push, app, start_board):
    users = {"admin": {"password": "secret", "role": "write", "root": "/"}}
    board = start_board(config={"ftp": {"users": users}})
    done = push(app, board, "--json")
    assert done.status == 1
    assert "admin is no admin there" in done.boards[0]["reason"]


def test_a_user_who_sees_only_a_part_of_the_board_is_told(push, app, start_board):
    users = {"admin": {"password": "secret", "role": "admin", "root": "/services"}}
    board = start_board(config={"ftp": {"users": users}})
    (found,) = push(app, board, "--json").boards
    assert "the user's root in config.json must be /" in found["reason"]
    assert found["bytes"] == 0


def test_a_board_with_tls_is_pushed_to_over_tls(push, app, start_board, tmp_path):
    pair = make(["127.0.0.1"])
    (tmp_path / "board.pem").write_text(pair.pem)
    with Flash(tmp_path / "tls.img", fresh=True) as flash:
        for file in pair.files:
            flash.write(file.path, file.content)
    tls = {"ftp": {"tls": {"required": True}}}
    board = start_board(flash=tmp_path / "tls.img", config=tls)
    url = f"ftps://127.0.0.1:{board.ftp_port}"
    done = push(app, url, *TRIAL, "--cafile", tmp_path / "board.pem", "--json")
    assert done.boards[0]["result"] == "confirmed", done.boards
    assert "can't be trusted" in push(app, url, "--json").boards[0]["reason"]
    assert "must begin with ftps://" in push(app, board, "--json").boards[0]["reason"]
    told = push(app, url, "--cafile", "/dev/null")
    assert told.status == 2
    assert "holds no certificate" in told.stderr


def test_a_board_in_rescue_mode_takes_a_version_and_that_is_told(push, app, start_board, tmp_path):
    with Flash(tmp_path / "rescue.img", fresh=True) as flash:
        flash.write("/rescue", b"")
    board = start_board(flash=tmp_path / "rescue.img")
    (found,) = push(app, board, *TRIAL, "--json").boards
    assert found["result"] == "confirmed"
    assert "in rescue mode: the file /rescue is there" in found["notes"][0]


def test_a_board_without_updates_is_told_what_to_do(push, app, start_configured):
    board = start_configured({"update": None})
    assert "takes no updates" in push(app, board, "--json").boards[0]["reason"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no board: name one"),
        (["ftp://a/x"], "URL 1: must end with the port"),
        (["ftp://a", "ftp://A:21/"], "is named twice"),
        (["--prune", "--version", "1 2", "ftp://a"], "1 to 32 letters"),
        (["--boards", "/dev/null"], "names no board"),
    ],
)
def test_a_wrong_command_line_is_2(push, app, arguments, told):
    done = push(app, *arguments)
    assert done.status == 2
    assert told in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_without_a_password_and_a_terminal_it_ends(push, app, monkeypatch, tmp_path):
    monkeypatch.delenv("OUTPOST_PASSWORD")
    monkeypatch.setenv("HOME", str(tmp_path))
    done = push(app, "ftp://me@127.0.0.1:1")
    assert done.status == 2
    assert "no password for me" in done.stderr


def test_a_password_in_a_url_is_warned_of_and_not_repeated(push, app, free_port):
    done = push(app, f"ftp://me:pa55word@127.0.0.1:{free_port()}/", "--json")
    assert done.status == 1
    assert "can read a password there" in done.stderr
    assert "pa55word" not in done.stdout + done.stderr
    assert json.loads(done.stdout)["boards"][0]["result"] == "failed"
