"""A whole board's transfers as a subscriber of a real broker sees them, also a sick broker's."""

import time

import pytest

STALL_MS = 2000


@pytest.fixture
def board(start_board):
    """A board that knows this broker: (mosquitto) -> DeskBoard."""

    def start(mosquitto):
        return start_board(clock="real", config={"telemetry": {"broker": mosquitto.url}})

    return start


def stored(subscriber, path):
    return subscriber.wait_for("event/ftp/transfer", event_type="stored", path=path).json


def wait_stat(device, session, text):
    """Wait until STAT says text, and return all that it says."""
    deadline = time.monotonic() + 60
    while text not in (said := device.stat(session)):
        assert time.monotonic() < deadline, said
    return said


def test_a_subscriber_sees_the_board_come_up_and_a_file_arrive(board, mosquitto, subscriber):
    device = board(mosquitto)
    session = device.ftp()
    device.upload(session, "/data.txt", b"x" * 5000)

    event = stored(subscriber, "/data.txt")
    assert event["bytes"] == 5000
    assert event["user"] == "admin"
    assert subscriber.wait_for("/status").payload == b"online"
    info = subscriber.wait_for("/info").json
    assert info["firmware"].startswith("MicroPython")
    assert info["boots"] == 1
    assert subscriber.wait_for("/state").json["ftp"]["state"] == "running"
    assert subscriber.wait_for("event/ftp/login").json["user"] == "admin"


def test_seq_has_no_gap(board, mosquitto, subscriber):
    device = board(mosquitto)
    session = device.ftp()
    for number in range(5):
        device.upload(session, f"/{number}.txt")
    stored(subscriber, "/4.txt")

    seqs = [m.json["seq"] for m in subscriber.messages if "/event/" in m.topic]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_clean_stop_says_offline_and_a_power_cut_leaves_it_to_the_will(
    board, mosquitto, subscriber
):
    device = board(mosquitto)
    subscriber.wait_for("/status")
    device.stop()
    assert subscriber.wait_for("/status", count=2).payload == b"offline"

    device.start()
    assert subscriber.wait_for("/status", count=3).payload == b"online"
    device.kill()
    assert subscriber.wait_for("/status", count=4).payload == b"offline"


def test_no_secret_leaves_the_board(board, mosquitto_with_login, subscribe):
    subscriber = subscribe(mosquitto_with_login)
    device = board(mosquitto_with_login)
    session = device.ftp()
    device.upload(session, "/x.txt")
    stored(subscriber, "/x.txt")

    told = f"{device.stat(session)} {device.console} {subscriber.messages}"
    assert "s3cret" not in told


@pytest.mark.parametrize("trouble", ["absent", "frozen", "restarted"])
def test_transfers_complete_and_are_told_beside_a_sick_broker(
    board, mosquitto, subscriber, trouble
):
    if trouble == "absent":
        mosquitto.stop()
    device = board(mosquitto)
    session = device.ftp()
    if trouble != "absent":
        wait_stat(device, session, "connected yes")
        subscriber.wait_for("/config")
    upload = device.begin_upload("/big.bin")
    if trouble == "restarted":
        mosquitto.stop()
    if trouble == "frozen":
        mosquitto.freeze()
    device.upload(session, "/beside.txt")
    # The trouble has been noticed, the upload has gone on all the while.
    wait_stat(device, session, "connected no")
    upload.more()
    if trouble == "frozen":
        mosquitto.thaw()
    else:
        mosquitto.start()
    wait_stat(device, session, "connected yes")
    upload.finish()

    assert stored(subscriber, "/beside.txt")["bytes"] == 5000
    assert stored(subscriber, "/big.bin")["bytes"] == upload.size
    assert device.longest_stall_ms(session) < STALL_MS
