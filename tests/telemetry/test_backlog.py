"""Events that wait for a broker which is absent, frozen or restarted: none is lost, few fit."""

import json

from tests.telemetry.conftest import STATUS, STORED, connected, seqs, wait_told


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
