"""Telemetry against mosquitto and a subscriber; brokers absent, frozen, mute, restarted."""

import json
import socket
import threading
import time

import pytest

BOARD = """
status.section("board").update({"id": "b0a4d", "name": "shed", "version": "1.2", "boots": 3,
                                "firmware": "MicroPython", "reset_cause": "power-on"})
status.section("network").update({"address": "10.0.0.7"})
from services.telemetry import Telemetry
service = Telemetry(status, events, site, %s)
"""
STORED = 'events.publish("ftp/transfer", event_type="stored", path="/%s", bytes=7, ok=True)'
STATUS = 'status.section("telemetry")'


@pytest.fixture
def telemetry(alone):
    """Start a telemetry service: (broker URL, packages=None, **options) -> Device."""

    def start(broker, packages=None, heap=None, more="", **options):
        given = {"broker": broker} | options
        text = ", ".join(f"{key}={value!r}" for key, value in given.items())
        return alone(BOARD % text + more, packages, heap)

    return start


def connected(device):
    device.wait_until(STATUS + '["connected"]')


def seqs(subscriber):
    return [message.json["seq"] for message in subscriber.matching("event/ftp/transfer")]


def wait_told(device, text):
    """Wait until the status says what is wrong with the broker."""
    device.wait_until(f'{text!r} in ({STATUS}["last_error"] or "")')


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


def test_an_absent_broker_costs_no_stall_and_keeps_the_events(
    telemetry, mosquitto, subscriber, packages
):
    mosquitto.stop()
    device = telemetry(mosquitto.url, packages=packages)
    for name in "abc":
        device.ask(STORED % name)
    wait_told(device, "REFUSED")
    assert device.ask("stall()") < 250
    mosquitto.start()
    device.ask('events.publish("network/up")')

    device.wait_until(STATUS + '["waiting"] == 0')
    subscriber.wait_for("event/ftp/transfer", count=3)
    assert seqs(subscriber) == [1, 2, 3]


def test_a_broker_that_is_far_away_costs_no_stall(telemetry):
    device = telemetry("mqtt://192.0.2.1:1883")  # RFC 5737: nobody lives there
    device.wait_for("telemetry/down")

    assert device.ask("stall()") < 250


def test_a_mute_broker_costs_no_stall(telemetry):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        device = telemetry(f"mqtt://127.0.0.1:{mute.getsockname()[1]}")
        wait_told(device, "does not answer")

        assert device.ask("stall()") < 250
        assert device.ask(STATUS)["stall_ms"] < 250


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", b"\x20", b"\xff" * 9, b""])
def test_whatever_is_not_a_broker_does_not_end_the_service(telemetry, answer):
    def serve():
        for _ in range(2):  # the probe, then the connection
            client = server.accept()[0]
            client.sendall(answer)
            client.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        device = telemetry(f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        device.wait_for("telemetry/down")

        assert device.ask("running.done()") is False
        assert device.ask("stall()") < 250


def test_a_frozen_broker_costs_no_stall_and_no_event(telemetry, mosquitto, subscriber, packages):
    device = telemetry(mosquitto.url, packages=packages)
    connected(device)
    subscriber.wait_for("/config")  # what has to be confirmed is short from here on
    device.ask("stall()")
    mosquitto.freeze()
    for number in range(12):
        device.ask(STORED % number)
    wait_told(device, "does not answer")
    assert device.ask(STATUS)["waiting"] == 12
    assert device.ask("stall()") < 250
    mosquitto.thaw()
    device.ask('events.publish("network/up")')

    device.wait_until(STATUS + '["waiting"] == 0')
    subscriber.wait_for("event/ftp/transfer", seq=12)
    # What had reached the frozen broker arrives twice; seq tells.
    assert sorted(set(seqs(subscriber))) == list(range(1, 13))


def test_a_restarted_broker_loses_no_event(telemetry, mosquitto, subscriber, packages):
    device = telemetry(mosquitto.url, packages=packages)
    connected(device)
    device.ask(STORED % "before")
    subscriber.wait_for("event/ftp/transfer")
    mosquitto.stop()
    for number in range(30):
        device.ask(STORED % number)
    assert device.ask(STATUS)["waiting"] == 30
    mosquitto.start()

    device.wait_until(STATUS + '["waiting"] == 0')
    subscriber.wait_for("event/ftp/transfer", count=31)
    assert seqs(subscriber) == list(range(1, 32))
    assert device.ask(STATUS)["dropped"] == 0
    assert device.ask("stall()") < 250


def test_events_on_the_way_when_the_broker_ends_are_sent_again(telemetry, mosquitto, subscriber):
    device = telemetry(mosquitto.url)
    connected(device)
    mosquitto.freeze()
    for number in range(5):
        device.ask(STORED % number)
    mosquitto.stop()
    mosquitto.start()

    device.wait_until(STATUS + '["waiting"] == 0')
    subscriber.wait_for("event/ftp/transfer", seq=5)
    assert sorted(set(seqs(subscriber))) == [1, 2, 3, 4, 5]


def test_a_full_backlog_drops_the_oldest_and_counts_them(telemetry, mosquitto):
    mosquitto.stop()
    device = telemetry(mosquitto.url, backlog=4)
    for number in range(10):
        device.ask(STORED % number)

    assert device.ask(STATUS)["dropped"] == 6
    assert device.ask(STATUS)["waiting"] == 4


def test_a_flood_while_the_broker_is_frozen_stays_bounded_and_in_order(
    telemetry, mosquitto, subscriber
):
    device = telemetry(mosquitto.url, backlog=4)
    connected(device)
    mosquitto.freeze()
    for number in range(20):
        device.ask(STORED % number)
    assert device.ask(STATUS)["waiting"] == 4
    mosquitto.thaw()

    subscriber.wait_for("event/ftp/transfer", seq=20)
    assert seqs(subscriber)[-4:] == [17, 18, 19, 20]
    device.wait_until(STATUS + '["waiting"] == 0')


def test_progress_is_not_kept_for_later(telemetry, mosquitto):
    mosquitto.stop()
    device = telemetry(mosquitto.url)
    device.ask('events.publish("ftp/transfer", event_type="progress", bytes=1)')
    device.ask(STORED % "a")

    assert device.ask(STATUS)["waiting"] == 1
    assert device.ask("service.outbox._seq") == 1


def test_a_slow_line_tears_no_packet(telemetry):
    """A broker that reads a byte now and then: short writes, and a state larger than buffers."""
    taken = bytearray()

    def serve():
        server.accept()[0].close()
        client = server.accept()[0]
        client.sendall(b"\x20\x02\x00\x00")
        while len(taken) < 400_000:
            part = client.recv(4096)
            if not part:
                return
            taken.extend(part)
            client.sendall(b"\xd0\x00" * part.count(b"\xc0\x00"))

    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        server.bind(("127.0.0.1", 0))
        server.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        more = 'status.section("x")["y"] = "z" * 300000'
        device = telemetry(f"mqtt://127.0.0.1:{server.getsockname()[1]}", more=more)
        connected(device)
        device.ask(STORED % "after")
        device.wait_until(STATUS + '["sent"] == 1')
        assert device.ask("stall()") < 250
        device.process.kill()
        thread.join(10)

    packets = list(split(bytes(taken)))
    # CONNECT, and each with its PINGREQ: status, info, SUBSCRIBE, and the state.
    assert [kind >> 4 for kind, _ in packets[:8]] == [1, 3, 12, 3, 12, 8, 12, 3]
    assert b"z" * 300000 in packets[7][1]
    assert any(b"/after" in body for _, body in packets)


def split(stream):
    """The MQTT packets in a stream, as (first byte, the rest without its length)."""
    at = 0
    while at < len(stream):
        kind, size, shift = stream[at], 0, 0
        while True:
            at += 1
            size |= (stream[at] & 127) << shift
            shift += 7
            if stream[at] < 128:
                break
        at += 1
        yield kind, stream[at : at + size]
        at += size


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("broker", "mqtts://", "must be mqtt://"),
        ("broker", "http://host", "must be mqtt://"),
        ("broker", "mqtt://", "must be mqtt://"),
        ("broker", "mqtt://u:s3cret@", "must be mqtt://"),
        ("broker", "mqtt://u:s3cret@host:x", "a port from 1 to 65535"),
        ("broker", "mqtt://host:70000", "a port from 1 to 65535"),
        ("broker", "mqtt://u:s3cret%zz@host", "write % as %25"),
        ("broker", 7, "must be mqtt://"),
        ("topic", "a/+", "must be text such as outpost"),
        ("topic", "/a", "must be text such as outpost"),
        ("topic", "", "must be text such as outpost"),
        ("discovery", {}, "must be true, false"),
        ("discovery", {"prefix": "a/#"}, "must be true, false"),
        ("discovery", {"prefix": ""}, "must be true, false"),
        ("discovery", {"topic": "a"}, "must be true, false"),
        ("discovery", 1, "must be true, false"),
    ],
)
def test_a_wrong_option_is_named_and_no_secret_told(micropython, key, value, why):
    with pytest.raises(micropython.failed) as failed:
        micropython(f"from services.telemetry.options import OPTIONS\nOPTIONS[{key!r}]({value!r})")

    assert why in str(failed.value)
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("mqtt://h", ("h", 1883, None)),
        ("mqtt://u@h:1", ("h", 1, b"u")),
        ("mqtt://u:p%40ss:w%C3%BC@h.lan:1884/", ("h.lan", 1884, b"u")),
    ],
)
def test_the_url_of_the_broker_is_read(micropython, url, parts):
    out = micropython(
        "from services.telemetry.broker import broker\n"
        f"b = broker({url!r})\nprint(b[:3] == {parts!r}, '%s:%d' % b[:2], b[3])"
    )

    assert out.startswith(f"True {parts[0]}:{parts[1]} ")
    if "%40" in url:
        assert out.endswith("b'p@ss:w\\xc3\\xbc'\n")


def test_a_short_heap_keeps_the_backlog_from_growing(micropython):
    """What waits for a broker may not take the memory that FTP needs."""
    waiting = micropython("""
from services.events import Events
from services.site import SiteCommands
from services.status import Status
from services.telemetry import Telemetry

def waiting(free, total):
    status, events = Status(), Events()
    status.section("heap").update({"free_bytes": free, "total_bytes": total})
    service = Telemetry(status, events, SiteCommands(), broker="mqtt://127.0.0.1:1")
    for n in range(40):
        events.publish("ftp/transfer", event_type="stored", path="/%d" % n, bytes=7, ok=True)
    return service.status["waiting"], service.status["dropped"]

import json
print(json.dumps([waiting(free, 190_000) for free in (100_000, 20_000, 9_000)]))
""")
    roomy, short, none = json.loads(waiting)
    assert roomy == [40, 0]
    assert 5 < short[0] < 30, short
    assert sum(short) == 40
    assert none == [1, 39], "the newest is always kept"


def test_a_backlog_that_leaves_no_memory_to_deliver_it_is_halved_until_it_goes(
    telemetry, mosquitto, subscriber
):
    """Not kept whole: nothing else on the board would give that memory back."""
    full = """
session = service._session
async def starved():
    if len(service.outbox) > 5:
        raise MemoryError("memory allocation failed, allocating 1397 bytes")
    await session()
service._session = starved
for number in range(20):
    events.publish("ftp/transfer", event_type="stored", path="/%d" % number, bytes=7, ok=True)
"""
    device = telemetry(mosquitto.url, more=full)

    paths = [
        subscriber.wait_for("event/ftp/transfer", count).json["path"] for count in range(1, 6)
    ]
    assert paths == [f"/{number}" for number in range(15, 20)], "the oldest go first"
    assert device.ask(STATUS)["dropped"] == 15
