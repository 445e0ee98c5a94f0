"""Home Assistant's discovery and the commands, against a real broker; its own schemas are
tests/homeassistant's."""

import pytest

CONFIG = "homeassistant/device/outpost-b0a4d/config"
BIRTH = "homeassistant/status"

# Keys of the device form as Home Assistant documents them (MQTT integration, device discovery,
# and each platform's page), as far as they are of use here.
ROOT = {"dev", "o", "cmps", "~", "avty_t", "stat_t", "qos"}
DEVICE = {"ids", "name", "sw", "mf", "mdl", "cns", "cu", "hw", "sn", "sa"}
ENTITY = {"p", "uniq_id", "name", "ic", "ent_cat", "dev_cla"}
PLATFORMS = {
    "sensor": ENTITY | {"stat_t", "val_tpl", "unit_of_meas", "stat_cla"},
    "binary_sensor": ENTITY | {"stat_t", "val_tpl"},
    "event": ENTITY | {"stat_t", "val_tpl", "evt_typ"},
    "update": ENTITY | {"stat_t", "val_tpl"},
    "button": ENTITY | {"cmd_t", "pl_prs"},
}
NEEDED = {"event": {"stat_t", "evt_typ"}, "button": {"cmd_t"}}
REMOVED = {"p": "button"}  # a platform by itself takes an entity away

BOARD = """
status.section("board").update({"id": "b0a4d", "name": 'the "old" shed', "version": "1.2",
    "outpost": "0.9", "boots": 3, "firmware": "MicroPython 1.29.0 on rp2",
    "reset_cause": "power-on"})
%s
from services.telemetry import Telemetry
service = Telemetry(status, events, site, broker=%r, **%r)
"""
UPDATE = 'status.section("update").update({"to": None, "version": "1.2", "state": "idle"})'
CLOCK = 'status.section("time").update({"set": False})'


@pytest.fixture
def telemetry(alone, mosquitto):
    """Start the service: (before="", packages=None, **options) -> Device."""

    def start(before="", packages=None, **options):
        return alone(BOARD % (before, mosquitto.url, options), packages)

    return start


def announced(subscriber, count=1):
    return subscriber.wait_for(CONFIG, count=count).json


def test_the_device_is_announced_in_the_documented_form(telemetry, subscriber, packages):
    telemetry(CLOCK + "\n" + UPDATE, packages, commands=True)
    config = announced(subscriber)

    assert config.keys() == ROOT
    assert config["dev"].keys() <= DEVICE
    assert config["dev"]["ids"] == "outpost-b0a4d"
    assert config["dev"]["name"] == 'the "old" shed'
    assert config["dev"]["sw"] == "0.9"
    assert config["o"] == {"name": "Outpost", "sw": "0.9"}
    assert config["~"] == "outpost/b0a4d"
    entities = config["cmps"]
    for name, entity in entities.items():
        platform = entity["p"]
        assert entity.keys() <= PLATFORMS[platform], name
        assert entity.keys() >= {"p", "uniq_id", "name"} | NEEDED.get(platform, set()), name
    assert len({entity["uniq_id"] for entity in entities.values()}) == len(entities)
    assert {entity["p"] for entity in entities.values()} == PLATFORMS.keys()
    assert {
        *("last_boot", "heap_free", "flash_free", "rssi", "sessions", "bytes_in", "bytes_out"),
        *("clock_offset", "longest_stall", "restarts", "clock_set", "problem", "transfer"),
        *("update", "reboot", "sync"),
    } <= entities.keys()


def test_it_is_retained_and_said_again_at_home_assistants_birth(
    telemetry, mosquitto, subscriber, subscribe
):
    device = telemetry()
    first = announced(subscriber)
    mosquitto.publish(BIRTH, b"offline")
    mosquitto.publish(BIRTH, b"online")
    assert announced(subscriber, count=2) == first

    assert [m.json for m in subscribe(mosquitto).messages if m.topic == CONFIG] == [first]
    assert device.ask("stall()") < 250
    # Its goodbye was none of our business.
    assert len(subscriber.matching(CONFIG)) == 2


def test_what_a_board_lacks_is_not_offered(telemetry, subscriber):
    telemetry()
    entities = announced(subscriber)["cmps"]

    assert "update" not in entities
    assert "clock_offset" not in entities
    assert entities["reboot"] == entities["sync"] == REMOVED


def test_turned_off_it_says_nothing_outside_its_own_topic(telemetry, mosquitto, subscriber):
    """A broker with an access list may close the connection on any other topic."""
    device = telemetry(discovery=False, commands=True)
    subscriber.wait_for("/state")
    device.ask("stop()")
    subscriber.wait_for("/status", count=2)

    own = [m.topic for m in subscriber.messages if m.topic.startswith("outpost/b0a4d/")]
    assert [m.topic for m in subscriber.messages if m.topic != "ready"] == own
    assert "homeassistant" not in mosquitto.log.read_text()


def test_its_topics_can_be_chosen(telemetry, mosquitto, subscriber):
    telemetry(discovery={"prefix": "ha", "birth": "house/born"})
    subscriber.wait_for("ha/device/outpost-b0a4d/config")
    mosquitto.publish("house/born", b"online")

    subscriber.wait_for("ha/device/outpost-b0a4d/config", count=2)
    assert "homeassistant" not in mosquitto.log.read_text()


def test_a_heap_too_full_for_it_costs_nothing_else(telemetry, subscriber):
    # A full heap can't be had at will here: the module's import fails as it would there.
    device = telemetry("""
import services.telemetry.session as module
def full(name, what, borrow=module.borrow):
    if name.endswith("discovery"):
        raise MemoryError
    return borrow(name, what)
module.borrow = full
""")
    device.ask('events.publish("ftp/transfer", event_type="stored", path="/a")')

    subscriber.wait_for("event/ftp/transfer", path="/a")
    assert "not enough memory" in device.ask('status.section("telemetry")["problem"]')


@pytest.fixture
def board(start_board, mosquitto, chronyd):
    """A whole board that obeys."""
    return start_board(
        clock="2000",
        config={
            "telemetry": {"broker": mosquitto.url, "commands": True},
            "time": {"servers": [chronyd.address]},
        },
    )


def test_a_board_obeys_known_words_alone(board, mosquitto, subscriber):
    topic = subscriber.wait_for("/info").topic.replace("/info", "/command")
    # One that came from a subscription proves it is there.
    mosquitto.publish(topic, b"sync")
    done = subscriber.wait_for("command/done").json
    assert (done["command"], done["ok"]) == ("sync", True)
    assert "Clock set" in done["text"]

    for number, word in enumerate((b"rm -rf /", b"x" * 900, b"\xff\xfe"), start=2):
        mosquitto.publish(topic, word)
        done = subscriber.wait_for("command/done", count=number).json
        assert done["ok"] is False
        assert done["command"] is None
    mosquitto.publish(topic, b"y" * 100_000)  # passed over, without a word
    mosquitto.publish(topic, b"reboot")
    assert subscriber.wait_for("command/done", command="reboot").json["ok"] is True

    assert subscriber.wait_for("/info", count=3).json["boots"] == 2
    assert board.resets == 1
    # The large one cost no connection: there was one more offline, of the reboot.
    assert [m.payload for m in subscriber.matching("/status")] == [
        b"online",
        b"offline",
        b"online",
    ]


def test_a_retained_command_is_refused(start_board, mosquitto, subscriber, subscribe):
    quiet = start_board(clock="real", config={"telemetry": {"broker": mosquitto.url}})
    topic = subscriber.wait_for("/info").topic.replace("/info", "/command")
    mosquitto.publish(topic, b"reboot", retain=True)
    # Where commands are not allowed nobody listens.
    quiet.upload(quiet.ftp(), "/a.txt")
    subscriber.wait_for("ftp/transfer", event_type="stored")
    assert not subscriber.matching("command/done")
    quiet.stop()

    board = start_board(
        flash=quiet.flash, config={"telemetry": {"broker": mosquitto.url, "commands": True}}
    )
    done = subscriber.wait_for("command/done").json
    assert done["ok"] is False
    assert "retained" in done["error"]
    assert board.resets == 0


def test_orders_are_followed_one_at_a_time(telemetry, mosquitto, subscriber):
    device = telemetry(
        """
async def slow(arg):
    global runs
    runs += 1
    await gate.wait()
    return "done"
runs = 0
gate = asyncio.Event()
site.add("ntp", slow, "ntp", waits=True)
""",
        commands=True,
    )
    announced(subscriber)
    for _ in range(5):
        mosquitto.publish("outpost/b0a4d/command", b"sync")
    mosquitto.publish(BIRTH, b"online")
    announced(subscriber, count=2)  # so those before it have arrived, too

    assert device.ask("runs") == 1
    for number in range(1, 5):
        refused = subscriber.wait_for("command/done", count=number).json
        assert (refused["command"], refused["ok"]) == ("sync", False)
        assert "still at work" in refused["error"]
    device.ask("gate.set()")
    assert subscriber.wait_for("command/done", count=5).json["text"] == "done"
