"""Telemetry against mosquitto: what a subscriber hears, from the login to the last will."""

import time

import pytest

from tests.telemetry.conftest import BOARD, STATUS, STORED, connected, seqs


def test_a_subscriber_hears_status_info_state_and_events(
    telemetry, mosquitto, subscriber, packages
):
    device = telemetry(mosquitto.url, packages=packages)
    device.ask(STORED % "a.txt")

    assert subscriber.wait_for("outpost/b0a4d/status").payload == b"online"
    assert subscriber.wait_for("outpost/b0a4d/info").json == {
        "version": "1.2",
        "outpost": None,
        "application": None,
        "firmware": "MicroPython",
        "board": "shed",
        "address": "10.0.0.7",
        "reset_cause": "power-on",
        "boots": 3,
        "started": None,
        "commands": False,
    }
    state = subscriber.wait_for("outpost/b0a4d/state").json
    assert state["board"]["name"] == "shed"
    assert state["telemetry"]["connected"] is True
    assert subscriber.wait_for("outpost/b0a4d/event/ftp/transfer").json == {
        "seq": 1,
        "boot": 3,
        "time": None,
        "event_type": "stored",
        "path": "/a.txt",
        "bytes": 7,
        "ok": True,
    }


def test_status_info_and_state_are_retained_and_events_are_not(
    telemetry, mosquitto, subscriber, subscribe
):
    device = telemetry(mosquitto.url)
    device.ask(STORED % "a.txt")
    subscriber.wait_for("event/ftp/transfer")
    late = subscribe(mosquitto)

    retained = {
        message.topic
        for message in late.messages
        if message.retained and message.topic.startswith("outpost/")
    }
    assert retained == {f"outpost/b0a4d/{name}" for name in ("status", "info", "state")}


def test_the_topic_can_be_chosen(telemetry, mosquitto, subscriber):
    telemetry(mosquitto.url, topic="farm/outposts")

    assert subscriber.wait_for("farm/outposts/b0a4d/status").payload == b"online"


def test_events_tell_the_time_once_the_clock_is_set(telemetry, mosquitto, subscriber):
    device = telemetry(mosquitto.url)
    device.ask('status.section("time").update({"set": True})')
    device.ask(STORED % "a.txt")

    moment = subscriber.wait_for("event/ftp/transfer").json["time"]
    assert moment[:2] == "20"
    assert (moment[10], moment[-1], len(moment)) == ("T", "Z", 20)


@pytest.mark.parametrize(
    ("topic", "event_type"),
    [
        ("ftp/login", "login"),
        ("ftp/lockout", "lockout"),
        ("service/restart", "restart"),
        ("task/crash", "crash"),
        ("update/applied", "applied"),
    ],
)
def test_other_events_are_named_after_their_topic(
    telemetry, mosquitto, subscriber, topic, event_type
):
    device = telemetry(mosquitto.url)
    device.ask(f'events.publish({topic!r}, what="x")')

    assert subscriber.wait_for("event/" + topic).json["event_type"] == event_type


def test_events_that_concern_nobody_stay_on_the_board(telemetry, mosquitto, subscriber):
    device = telemetry(mosquitto.url)
    device.ask('events.publish("time/sync", server="x")')
    device.ask(STORED % "a.txt")
    subscriber.wait_for("event/ftp/transfer")

    assert not subscriber.matching("event/time/sync")


def test_seq_rises_by_one_even_when_the_service_starts_again(telemetry, mosquitto, subscriber):
    device = telemetry(mosquitto.url)
    device.ask(STORED % "a")
    subscriber.wait_for("event/ftp/transfer")
    device.ask("stop()")
    device.ask(STORED % "b")
    device.ask("asyncio.create_task(service.run()) and None")
    device.ask(STORED % "c")

    subscriber.wait_for("event/ftp/transfer", count=3)
    assert seqs(subscriber) == [1, 2, 3]


def test_the_state_is_published_when_a_service_changes(telemetry, mosquitto, subscriber):
    device = telemetry(mosquitto.url)
    subscriber.wait_for("/state")
    device.ask('status.section("ftp").update({"state": "failed"})')
    device.ask('events.publish("service/state", service="ftp", state="failed")')

    assert subscriber.wait_for("/state", count=2).json["ftp"]["state"] == "failed"


def test_the_state_is_published_every_so_often(telemetry, mosquitto, subscriber):
    telemetry(mosquitto.url, every_s=1)

    subscriber.wait_for("/state", count=3)


def test_a_retained_offline_of_somebody_else_is_put_right(telemetry, mosquitto, subscriber):
    """A clone's last will, or a hand: the board would count as gone until it reconnects."""
    telemetry(mosquitto.url, every_s=1)
    subscriber.wait_for("/state")
    mosquitto.publish("outpost/b0a4d/status", b"offline", retain=True)
    subscriber.wait_for("/state", count=len(subscriber.matching("/state")) + 2)

    said = [m.payload for m in subscriber.messages if m.topic.endswith("/status")]
    assert b"offline" in said
    assert said[-1] == b"online"


def test_names_that_are_not_ascii_arrive_whole(telemetry, mosquitto, subscriber):
    device = telemetry(mosquitto.url)
    device.ask(STORED % "gr\u00fc\u00dfe \u2600.txt")
    device.ask(STORED % "next")

    subscriber.wait_for("event/ftp/transfer", path="/grüße ☀.txt")
    subscriber.wait_for("event/ftp/transfer", path="/next")


def test_without_a_broker_the_service_has_finished(alone):
    device = alone(BOARD % "")

    device.wait_until("running.done()")
    assert device.ask(STATUS)["connected"] is False


def test_a_login_reaches_the_broker_and_the_secret_nobody_else(
    telemetry, mosquitto_with_login, subscribe
):
    subscriber = subscribe(mosquitto_with_login)
    url = mosquitto_with_login.url.replace("s3cret/word", "s3cret%2Fword")
    device = telemetry(url)
    connected(device)
    subscriber.wait_for("/state")

    told = f"{device.events} {device.ask('status.sections')} {subscriber.messages}"
    assert "s3cret" not in told
    assert "board:" not in told


def test_a_refused_login_is_told_without_the_secret(telemetry, mosquitto_with_login):
    device = telemetry(mosquitto_with_login.url.replace("s3cret", "wr0ng"))
    down = device.wait_for("telemetry/down")

    assert "not authorised" in down["error"]
    assert "wr0ng" not in str(down) + str(device.ask("status.sections"))


def test_a_stop_delivers_what_waits_and_says_offline(telemetry, mosquitto, subscriber, packages):
    device = telemetry(mosquitto.url, packages=packages)
    connected(device)
    device.ask("(%s, stop())[1]" % (STORED % "last"))

    subscriber.wait_for("event/ftp/transfer", path="/last")
    assert subscriber.wait_for("/status", count=2).payload == b"offline"
    assert "disconnected." in mosquitto.log.read_text()  # in good order, no last will


def test_a_device_that_vanishes_is_told_by_its_last_will(telemetry, mosquitto, subscriber):
    device = telemetry(mosquitto.url)
    subscriber.wait_for("/status")
    device.process.kill()

    assert subscriber.wait_for("/status", count=2).payload == b"offline"


def test_an_idle_connection_is_kept_alive(telemetry, mosquitto):
    device = telemetry(mosquitto.url, keepalive=1, every_s=3600)
    connected(device)
    pings = mosquitto.log.read_text().count("Received PINGREQ")

    deadline = time.monotonic() + 10
    while mosquitto.log.read_text().count("Received PINGREQ") < pings + 4:
        assert time.monotonic() < deadline, mosquitto.log.read_text()
        time.sleep(0.05)
    assert device.ask(STATUS)["connected"]
