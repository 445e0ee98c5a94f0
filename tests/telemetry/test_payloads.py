"""What a real board tells a real broker, held against docs/schemas."""

import contextlib
import ftplib
import hashlib
import io
import itertools
import json
import re
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from outpost import bundle
from outpost.sim.flash import Flash
from outpost.sim.prepare import prepare
from telemetry.payloads import HEAD, checked, faults, load

DOC = Path(__file__).parents[2] / "docs" / "mqtt.md"

# Loses a task, then fails itself: a task/crash and a service/restart.
APP = """
import asyncio

async def lost():
    raise ValueError("nobody awaits me")

async def run(status, events):
    status.section("greenhouse")["temperature_c"] = 21.5
    asyncio.create_task(lost())
    await asyncio.sleep(1)
    raise RuntimeError("sensor gone")
"""


@pytest.fixture
def busy_board(start_board, mosquitto, tmp_path):
    """A board whose application fails, with a short interval between states."""
    flash = tmp_path / "busy.img"
    prepare(flash, bundle.tree_root(), config=json.dumps({"app": "app"}))
    with Flash(flash) as content:
        content.write("/app.py", APP.encode())
    board = start_board(
        flash=flash,
        clock="real",
        config={"telemetry": {"broker": mosquitto.url, "every_s": 5, "topic": "outpost"}},
    )
    board.allow_traceback = True
    return board


def ours(subscriber):
    """The messages of boards."""
    return [
        message
        for message in subscriber.messages
        if message.topic.startswith("outpost/") and not message.topic.endswith("/command")
    ]


def transfer_all(board, subscriber):
    """Every kind of transfer, and logins right and wrong."""
    upload = board.begin_upload("/slow.bin")
    session = board.ftp()
    board.upload(session, "/a.txt")
    session.retrbinary("RETR /a.txt", lambda data: None)
    session.rename("/a.txt", "/b.txt")
    session.delete("/b.txt")
    # The control connection ends in mid upload.
    broken = board.ftp()
    broken.voidcmd("TYPE I")
    data = broken.transfercmd("STOR /broken.bin")
    data.sendall(b"x" * 3000)
    subscriber.wait_for("ftp/transfer", event_type="started", path="/broken.bin")
    broken.close()
    with pytest.raises(ftplib.error_perm):
        board.ftp(password="not it")
    with pytest.raises(ftplib.error_perm):
        board.ftp(user="nobody")
    subscriber.wait_for("ftp/transfer", event_type="failed", path="/broken.bin")
    data.close()
    subscriber.wait_for("ftp/transfer", event_type="progress", path="/slow.bin", count=2)
    upload.finish()
    subscriber.wait_for("ftp/transfer", event_type="stored", path="/slow.bin")


def test_every_message_of_a_busy_board_meets_its_schema(busy_board, subscriber):
    transfer_all(busy_board, subscriber)
    subscriber.wait_for("event/task/crash")
    subscriber.wait_for("event/service/restart")
    subscriber.wait_for("/state", count=3)
    busy_board.stop()
    subscriber.wait_for("/status", count=2)

    assert checked(ours(subscriber)) >= {
        *("status.json", "info.json", "state.json"),
        *("event-ftp-transfer.json", "event-ftp-login.json"),
        *("event-task-crash.json", "event-service-restart.json"),
    }
    told = {message.json["event_type"] for message in subscriber.matching("ftp/transfer")}
    assert told == {"started", "progress", "stored", "sent", "failed", "deleted", "renamed"}
    failed = subscriber.wait_for("ftp/transfer", event_type="failed").json
    assert "connection" in failed["error"]
    # Progress at most once a second: by the board's own clock.
    ages = [m.json["ms"] for m in subscriber.matching("ftp/transfer", event_type="progress")]
    assert len(ages) >= 2
    assert all(later - age >= 1000 for age, later in itertools.pairwise(ages))
    state = subscriber.matching("/state")[-1].json
    assert state["greenhouse"] == {"temperature_c": 21.5}


def stage(session, version):
    """Upload a version that brings one file."""
    content = f"hello from {version}".encode()
    with contextlib.suppress(ftplib.error_perm):
        session.mkd("/next")
    session.storbinary("STOR /next/hello.txt", io.BytesIO(content))
    manifest = {"version": version, "files": {"/hello.txt": hashlib.sha256(content).hexdigest()}}
    text = json.dumps(manifest | {"remove": []}).encode()
    session.storbinary("STOR /next/manifest.json", io.BytesIO(text))


def test_what_happens_seldom_meets_its_schema_too(start_board, mosquitto, subscriber, tmp_path):
    flash = tmp_path / "rare.img"
    prepare(flash, bundle.tree_root(), tls=True)
    board = start_board(
        flash=flash,
        clock="real",
        config={"telemetry": {"broker": mosquitto.url, "commands": True, "every_s": 5}},
    )
    # A handshake that is none, a command that is none.
    stranger = ftplib.FTP()
    stranger.connect("127.0.0.1", board.ftp_port, timeout=20)
    stranger.sendcmd("AUTH TLS")
    stranger.sock.sendall(b"no handshake\r\n" * 10)
    subscriber.wait_for("event/ftp/tls")
    stranger.close()
    topic = subscriber.wait_for("/info").topic.replace("/info", "/command")
    mosquitto.publish(topic, b"make coffee")
    subscriber.wait_for("command/done")
    # An update that is confirmed, and one that is taken back.
    for boot, version, end, told in (
        (2, "2.0", "CONFIRM", "update/confirmed"),
        (3, "3.0", "ROLLBACK", "update/rolled-back"),
    ):  # either way it is 2.0 that runs then
        session = board.ftp()
        stage(session, version)
        session.sendcmd("SITE UPDATE APPLY")
        subscriber.wait_for("/info", boots=boot)
        board.wait_ready()
        board.ftp().sendcmd(f"SITE UPDATE {end}")
        assert subscriber.wait_for(told, timeout=40).json["version"] == "2.0"

    assert checked(ours(subscriber)) >= {
        *("event-ftp-tls.json", "event-command-done.json", "event-update.json"),
    }


def test_a_configuration_that_is_proven_or_taken_back_is_told(
    start_board, mosquitto, subscriber, tmp_path
):
    board = start_board(
        clock="real", config={"telemetry": {"broker": mosquitto.url, "every_s": 5}}
    )
    board.prove()
    subscriber.wait_for("event/config/proven")
    session = board.ftp()
    session.storbinary("STOR /config.json", io.BytesIO(b'{"ftp": {"usres": {}}}'))
    said = subscriber.wait_for("event/config/problem").json["problem"]
    assert said.startswith("ftp.usres: no such key")
    session.sendcmd("SITE shutdown -r")
    told = subscriber.wait_for("event/config/reverted", timeout=40).json
    assert told["error"].startswith("no user with the role admin can log in; ftp.usres")
    state = subscriber.matching("/state")[-1].json
    assert "state" in state["config"]
    assert "event-config.json" in checked(ours(subscriber))


def test_times_are_null_until_the_clock_is_set_and_utc_from_then_on(
    start_board, mosquitto, subscriber, chronyd
):
    board = start_board(
        clock="2000",
        config={
            "telemetry": {"broker": mosquitto.url, "every_s": 5},
            "time": {"servers": [chronyd.address]},
        },
    )
    early = subscriber.wait_for("/info").json
    assert early["started"] is None
    board.wait_console("time/sync")
    board.upload(board.ftp(), "/a.txt")

    started = subscriber.wait_for("/info", count=2).json["started"]
    moment = subscriber.wait_for("ftp/transfer", event_type="stored").json["time"]
    now = time.time()
    for text in (started, moment):
        then = time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
        assert abs(now - then) < 120
    assert checked(ours(subscriber))


def test_a_field_that_is_not_documented_is_a_fault(busy_board, subscriber):
    """The proof that the tests above can fail."""
    busy_board.ftp()
    message = subscriber.wait_for("event/ftp/login")
    assert faults(message) == []
    changed = json.dumps(message.json | {"password": "x"}).encode()
    message.payload = changed
    assert any("password" in fault for fault in faults(message))
    state = subscriber.wait_for("/state")
    content = state.json
    content["ftp"]["secret"] = 1
    state.payload = json.dumps(content).encode()
    assert any("secret" in fault for fault in faults(state))


@pytest.mark.parametrize("name", sorted(load()))
def test_a_schema_is_one_and_is_listed(name):
    schema = load()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == name
    assert f"(schemas/{name})" in DOC.read_text()


def test_every_topic_in_the_page_has_a_schema():
    topics = re.findall(r"^\| `(event/[a-z/]+|status|info|state)", DOC.read_text(), re.MULTILINE)
    named = {topic.rstrip("/").replace("/", "-") + ".json" for topic in topics}
    assert {*load()} - {HEAD} <= named | {"event-update.json", "event-config.json"}
