"""`outpost watch` against real mosquitto and real boards: on terminals, in pipes, for scripts."""

import json
import socket
import time

import pytest
from outpost import bundle
from outpost.push.content import outpost_number

EVIL = "x\x1b[2J\x1b]0;title\x07[red]\u202egnp\u009b31m\nnext\u2028"
SAFE = "x\\x1b[2J\\x1b]0;title\\x07[red]\\u202egnp\\x9b31m\\nnext\\u2028".replace("\\n", "\\x0a")
ALTERNATE, BACK = b"\x1b[?1049h", b"\x1b[?1049l"


def test_the_live_view_of_a_real_board_at_two_widths(mosquitto, start_board, terminal):
    """An upload as it happens, and a board that dies; at 80 columns as at 120."""
    board = start_board(config={"telemetry": {"broker": mosquitto.url, "every_s": 10}})
    board.allow_death = True
    narrow = terminal(mosquitto.url)
    wide = terminal(mosquitto.url, columns=120, rows=36)
    for view in (narrow, wide):
        lines = view.wait_for("● online", "outpost", outpost_number(bundle.tree_root()), "not set")
        assert lines[0] == f"outpost watch {mosquitto.url} connected  1 online"
        assert max(map(len, lines)) < len(lines[0]) + 80
    assert "signal" in "\n".join(wide.lines)

    session = board.ftp()
    board.upload(session, "/data.csv")
    upload = board.begin_upload("/big.bin")
    upload.more(40_000)
    for view in (narrow, wide):
        view.wait_for(
            "stored /data.csv, 5 KiB", "↑ STOR /big.bin", "login by admin from 127.0.0.1"
        )
    upload.finish()
    for view in (narrow, wide):
        lines = view.wait_for("stored /big.bin")
        assert not any("↑" in line for line in lines), "it is over"

    board.upload(session, "/huge.bin", b"x" * 3_000_000)
    with socket.socket() as download:
        download.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        download.connect(session.makepasv())
        assert session.sendcmd("RETR /huge.bin").startswith("150")
        for view in (narrow, wide):
            shown = view.wait_for("↓ RETR /huge.bin", "% of 2930 KiB")
            assert any("·" in line for line in shown if "↓" in line), "it waits for its client"
    for view in (narrow, wide):
        view.wait_for("failed RETR /huge.bin")

    board.kill()
    for view in (narrow, wide):
        view.wait_for("● offline", "1 offline", " outpost offline")
        assert view.interrupt() == 0
        assert view.raw.index(ALTERNATE) < view.raw.index(BACK), "the first screen is back"
        assert b"Traceback" not in view.raw


def test_no_name_reaches_the_terminal_as_it_is(mosquitto, terminal, told, publish):
    told(mosquitto, "b1", name=EVIL)
    told(mosquitto, "b2", name="[bold]plain[/bold]")
    view = terminal(mosquitto.url, columns=150, rows=30)
    view.wait_for("2 online", "[bold]plain[/bold]")
    way = {"verb": "STOR", "path": "/" + EVIL, "user": EVIL, "address": "10.0.0.2", "bytes": 9}
    publish(
        mosquitto,
        "outpost/b1/event/ftp/transfer",
        way | {"event_type": "started", "boot": 3, "seq": 1},
    )
    view.wait_for("↑ STOR /" + SAFE)
    more = {"event_type": "failed", "error": EVIL, "boot": 3, "seq": 2}
    publish(mosquitto, "outpost/b1/event/ftp/transfer", way | more)
    publish(mosquitto, "outpost/b1/event/[red]\u202egnp", {"boot": 3, "seq": 3, EVIL: EVIL})
    publish(mosquitto, "outpost/b1/state", b"\x1b[2J no JSON")
    view.wait_for(f"failed STOR /{SAFE}", "sent state that is no JSON object")
    view.interrupt()
    for bad in (b"\x1b]", b"\x1b[2J\x1b", "\u202e".encode(), "\u009b".encode(), "\u2028".encode()):
        assert bad not in view.raw


def test_a_lost_broker_is_told_and_found_again(mosquitto, terminal, told):
    told(mosquitto, "b1", name="weather-7")
    view = terminal(mosquitto.url)
    view.wait_for("weather-7", "connected")
    mosquitto.stop()
    view.wait_for("again in", "weather-7")
    mosquitto.start()
    view.wait_for("connected  1 online")
    told(mosquitto, "b1", "offline")
    view.wait_for("● offline")
    assert view.interrupt() == 0


def test_an_empty_broker_says_what_to_do(mosquitto, terminal):
    view = terminal(mosquitto.url)
    view.wait_for("No boards yet", "telemetry.broker", "connected")
    assert view.interrupt() == 0


def test_a_window_that_changes_its_size(mosquitto, terminal, told):
    told(mosquitto, "b1", name="weather-7")
    view = terminal(mosquitto.url)
    assert "signal" not in "\n".join(view.wait_for("weather-7"))
    view.resize(130, 10)
    view.wait_for("weather-7", "signal")
    assert view.interrupt() == 0


def test_on_a_terminal_that_can_only_print_each_event_is_a_line(mosquitto, terminal, told):
    told(mosquitto, "b1", name="weather-7")
    view = terminal(mosquitto.url, kind="dumb")
    view.wait_for("broker: connected")
    told(mosquitto, "b1", "offline", name="weather-7")
    view.wait_for("Z weather-7 offline")
    assert view.interrupt() == 0
    assert b"\x1b" not in view.raw


def test_more_boards_than_rows_those_in_trouble_first(mosquitto, terminal, told):
    for number in range(12):
        told(mosquitto, f"board-{number:02d}")
    told(mosquitto, "zeta", "offline")
    told(mosquitto, "yota", time={"state": "failed"}, update={"phase": "trial"})
    view = terminal(mosquitto.url, rows=20)
    lines = view.wait_for(
        "13 online  1 offline", "yota: time failed, update: trial", "... and 7 more boards"
    )
    assert "zeta" in lines[3]
    assert "yota" in lines[4]


def test_in_a_pipe_each_event_is_a_line(mosquitto, piped, told, publish):
    told(mosquitto, "b1", name="weather-7")
    process = piped(mosquitto.url)
    told(mosquitto, "b1", "offline", name="weather-7")
    line = process.stdout.readline().decode()
    when, rest = line.split(" ", 1)
    time.strptime(when, "%Y-%m-%dT%H:%M:%SZ")
    assert rest == "weather-7 offline\n"
    event = {
        "event_type": "deleted",
        "path": EVIL,
        "user": "admin",
        "boot": 3,
        "seq": 4,
        "time": None,
    }
    publish(mosquitto, "outpost/b1/event/ftp/transfer", event)
    assert process.stdout.readline().decode().endswith(f"deleted {SAFE} by admin\n")
    old = {
        "event_type": "measured",
        "value": 3,
        "boot": 3,
        "seq": 5,
        "time": "2026-01-01T00:00:00Z",
    }
    publish(mosquitto, "outpost/b1/event/app/measured", old)
    line = process.stdout.readline().decode()
    assert line.endswith("app/measured value=3 (at 2026-01-01T00:00:00Z)\n")
    process.terminate()
    assert process.wait(20) == 0
    assert process.stderr.read() == b""


def test_json_is_each_message_as_a_line(mosquitto, piped, told, publish):
    told(mosquitto, "b1")
    process = piped(mosquitto.url, "--json")
    kept = [json.loads(process.stdout.readline()) for _ in range(3)]
    assert {line["topic"].rpartition("/")[2] for line in kept} == {"status", "info", "state"}
    assert all(line["retained"] for line in kept)
    for payload in (
        b"\xff\x1b[2J",
        b'{"path": "' + EVIL.encode() + b'"}',
        b'{"n": NaN}',
        b'{"a": 1}',
    ):
        publish(mosquitto, "outpost/b1/event/app/any", payload)
    lines = [process.stdout.readline() for _ in range(4)]
    assert all(line.isascii() and b"\x1b" not in line for line in lines)
    read = [json.loads(line) for line in lines]
    assert read[0]["payload"] == "\\xff\x1b[2J"
    assert isinstance(read[1]["payload"], str), "a line end in a string is no JSON"
    assert read[2]["payload"] == '{"n": NaN}'
    assert read[3]["payload"] == {"a": 1}
    assert set(read[3]) == {"time", "topic", "retained", "payload"}


def test_once_tells_by_its_exit_status_whether_all_are_online(mosquitto, watch, told):
    done = watch(mosquitto.url, "--once")
    assert done.returncode == 1
    assert "No board has told" in done.stdout
    told(mosquitto, "b1", name="weather-7", heap={"free_bytes": 30, "total_bytes": 100})
    done = watch(mosquitto.url, "--once")
    assert (done.returncode, done.stderr) == (0, "")
    assert "weather-7" in done.stdout
    assert "70%" in done.stdout
    told(mosquitto, "b2", "offline")
    assert watch(mosquitto.url, "--once").returncode == 1
    assert watch(mosquitto.url, "--once", "--expect", "1").returncode == 0
    assert watch(mosquitto.url, "--once", "--expect", "2").returncode == 1
    lines = watch(mosquitto.url, "--once", "--json").stdout.splitlines()
    assert len([json.loads(line) for line in lines]) == 6


def test_another_topic(mosquitto, watch, publish):
    publish(mosquitto, "site/a/b1/status", "online", retain=True)
    assert watch(mosquitto.url, "--once", "--topic", "site/a").returncode == 0
    assert watch(mosquitto.url, "--once").returncode == 1
    assert watch(mosquitto.url, "--topic", "site/#").returncode == 2


def test_the_login_is_taken_from_the_environment_and_never_shown(
    mosquitto_with_login, watch, told
):
    broker = mosquitto_with_login
    told(broker, "b1")
    url = broker.url.replace(broker.login, "board@")
    done = watch(url, "--once", OUTPOST_PASSWORD="s3cret/word")
    assert done.returncode == 0
    assert watch(broker.url, "--once").returncode == 0, "or from the URL"
    for arguments in ([url, "--once"], [url], [broker.url.replace("s3cret", "wr0ng"), "--once"]):
        done = watch(*arguments, OUTPOST_PASSWORD="wr0ng/word")
        assert done.returncode == 1
        assert "it refuses the login: Not authorized" in done.stderr
        assert "word" not in done.stderr + done.stdout


def test_tls_with_a_certificate_that_is_known(tls_mosquitto, watch, tmp_path):
    refused = watch(tls_mosquitto.url)
    assert refused.returncode == 1
    assert "its certificate can't be trusted: self-signed certificate" in refused.stderr
    done = watch(
        tls_mosquitto.url, "--once", "--expect", "0", "--cafile", tls_mosquitto.certificate
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("absent", "Connection refused"),
        ("mute", "no answer within 2 s"),
        ("no TLS", "is that its port for TLS?"),
    ],
)
def test_once_says_why_a_broker_cannot_be_asked(trouble, said, mosquitto, watch, free_port):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = {
            "absent": f"mqtt://127.0.0.1:{free_port()}",
            "mute": f"mqtt://127.0.0.1:{mute.getsockname()[1]}",
            "no TLS": mosquitto.url.replace("mqtt:", "mqtts:"),
        }[trouble]
        done = watch(url, "--once", "--timeout", "2")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith(f"Error: {url}: ")
