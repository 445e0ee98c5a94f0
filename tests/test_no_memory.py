"""Memory that ends at any allocation: what was said to be done is so, and nothing is forgotten.

The allocator fails at each allocation in turn, as starving.py has it. Once without the collector,
so that every allocation counts; once with it, which gives what a failed step held to the next one:
that may then write what the failed one did not read.
"""

import itertools

import pytest
from starving import STARVE

STARVED = (
    STARVE
    + '''
import asyncio, json, os, sys

HERE = os.getcwd()


def written(name, content):
    with open(HERE + "/" + name, "wb") as file:
        file.write(content)


def content(name):
    try:
        with open(HERE + "/" + name, "rb") as file:
            return file.read()
    except OSError:
        return None


def module(name, fat):
    """A module of the root whose files lie here, as an object; constants have no other way in."""
    for folder in sys.path:
        try:
            with open("%s/%s.py" % (folder, name)) as file:
                source = file.read()
            break
        except OSError:
            pass
    names = {"__name__": name, "print": lambda *what: None}
    exec(source.replace('"/', '"%s/' % HERE), names)
    names["on_fat"] = lambda path="/": bool(int(fat))

    class Module:
        pass

    for each in names:
        setattr(Module, each, names[each])
    return Module


def in_turn(before, call, check, step=16):
    # before(): all as it was. check(result): whether it was done; an AssertionError where what
    # was said is not so. step: bytes; more where what is left lies in many small holes.
    for collects in (False, True):
        failed = done = leave = 0
        while done < 20:
            before()
            if check(outcome(call, leave, collects)):
                done += 1
            else:
                failed += 1
            leave += step
        print(failed, done)
'''
)


def in_the_midst(said, least, collecting=None):
    """The allocator failed in the middle of each call too, at more than `least` places.

    collecting: how many where the collector ran meanwhile, where those are fewer.
    """
    runs = [line.split() for line in said.splitlines()]
    assert runs
    bounds = itertools.cycle((least, least if collecting is None else collecting))
    for (failed, done), bound in zip(runs, bounds, strict=False):
        assert int(failed) > bound, said
        assert done == "20", said


RECORD = """
recovery = module("recovery", sys.argv[1])
TRIAL = {"boots": 7, "version": "1.2", "update": {"state": "trial", "boots": 1, "to": "1.3"}}
TRIAL["why"] = "w" * 250

def before():
    for name in ("boot.new", "boot.json"):
        written(name, json.dumps(TRIAL).encode() + b" " * 300)

"""
MARKED = """
def check(result):
    kept = recovery.record()
    state = kept["update"]["state"]
    assert result is None or state in ("trial", "confirmed"), (result, kept)
    assert result == "no memory" or state == "confirmed", (result, kept)
    assert kept["boots"] == 7 and kept["version"] == "1.2", (result, kept)
    return result is None

in_turn(before, lambda: recovery.mark("confirmed", reason=None), check)
"""
ENDED = """
def check(result):
    # It never raises; where it could not be noted, the trial must not be forgotten.
    kept = recovery.record()
    assert kept["boots"] == 7 and kept["update"] == TRIAL["update"], kept
    return "end" in kept

in_turn(before, lambda: recovery.ended("a crash"), check)
"""
BEGUN = """
def check(result):
    kept = recovery.record()
    assert kept["update"] == TRIAL["update"], kept
    assert kept["boots"] in (7, 8), kept
    return kept["boots"] == 8

in_turn(before, lambda: recovery.begin("power-on"), check)
"""


@pytest.mark.parametrize("fat", [0, 1], ids=["littlefs", "fat"])
@pytest.mark.parametrize("script", [MARKED, ENDED, BEGUN], ids=["mark", "ended", "begin"])
def test_the_boot_record_never_forgets_an_update(micropython, script, fat):
    in_the_midst(micropython(STARVED + RECORD + script, fat, heap="96K"), 20)


PUT = """
import config
path = HERE + "/config.json"
OLD = b'{"ftp": {"users": {"a": {"password": "clear"}}}, "name": "' + b"n" * 400 + b'"}'

def before():
    written("config.json", OLD)
    written("config.last", OLD)

def put():
    try:
        config.put(("ftp", "users", "a", "password"), "hash", path)
    except ValueError:
        return "no memory"

def check(result):
    now, proven = content("config.json"), content("config.last")
    if result is None:
        assert b"clear" not in now and proven == now, (now, proven)
    else:
        assert proven == OLD, "at the most config.json has it, which is then on trial"
    return result is None

in_turn(before, put, check)
"""


def test_put_that_returns_left_no_password_in_clear_in_either_file(micropython):
    in_the_midst(micropython(STARVED + PUT, heap="96K"), 20)


PROVEN = """
proven = module("proven", sys.argv[1])
NEW, OLD = b'{"name": "new"}' + b" " * 900, b'{"name": "old"}' + b" " * 900

def before():
    written("config.json", NEW)
    written("config.last", OLD)
    for name in ("config.failed.json", "config.why"):
        if content(name) is not None:
            os.remove(HERE + "/" + name)

"""
PROVE = """
def check(result):
    assert content("config.json") == NEW
    assert content("config.last") in ((NEW,) if result is None else (NEW, OLD)), result
    return result is None

in_turn(before, proven.prove, check)
"""
TAKE_BACK = """
def check(result):
    assert content("config.last") == OLD
    if result is None:
        assert content("config.json") == OLD and content("config.failed.json") == NEW
        assert content("config.why") == b"no network"
    else:
        assert content("config.json") in (NEW, OLD, None), "config.last takes its place"
    return result is None

in_turn(before, lambda: proven.take_back("no network"), check)
"""


@pytest.mark.parametrize("fat", [0, 1], ids=["littlefs", "fat"])
@pytest.mark.parametrize("script", [PROVE, TAKE_BACK], ids=["prove", "take_back"])
def test_a_configuration_is_kept_or_taken_back_or_it_says_that_it_is_not(micropython, script, fat):
    in_the_midst(micropython(STARVED + PROVEN + script, fat, heap="96K"), 10)


LOST = """
from services.events import Events
from services.site import SiteCommands
from services.status import Status
from services.log import Log
from services.telemetry import Telemetry

for make in (
    lambda *wired: Log(*wired, path=None),
    lambda *wired: Telemetry(*wired, broker="mqtt://127.0.0.1:1"),
):
    status, events = Status(), Events(lambda text: None)
    status.section("heap").update({"free_bytes": 90_000, "total_bytes": 100_000})
    service = make(status, events, SiteCommands())
    waiting = service._waiting if service.name == "log" else service.outbox
    (handler,) = events._subscribers
    fields = {"event_type": "failed", "path": "/a" * 20, "bytes": 7, "ok": False}
    told = [0]

    def before():
        while service.name == "log" and len(waiting):
            waiting.pop()
        told[0] = service.status["dropped"] + len(waiting)

    def check(result):
        now = service.status["dropped"] + len(waiting)
        assert now == told[0] + 1, (service.name, result, told, now)
        return result != "no memory"

    in_turn(before, lambda: handler("ftp/transfer", fields), check)
"""


def test_a_line_and_an_event_that_find_no_memory_are_counted(micropython):
    in_the_midst(micropython(STARVED + LOST, heap="160K"), 3)


UNHEARD = """
import asyncio
from services.events import Events
from services.ftp.control.session import Session
from services.ftp.server import FtpServer
from supervisor import Supervisor


class Full(Events):
    def publish(self, topic, **fields):
        raise MemoryError  # as for the dictionary of its fields


class Server:
    events = Full()
    section = {"sessions": 1, "transfers_now": 1, "transfers": 0, "stored_bytes": 0}
    sessions = []
    left = FtpServer.left
    ended = FtpServer.ended
    _publish = FtpServer._publish


class Client:
    server = Server()
    account = user = name = "admin"
    address = "192.0.2.9"
    path = "/a"
    verb = "STOR"
    bytes = total = began = 0
    _idle = asyncio.Event()
    ended = Session.ended

    def end(self, code, text):
        self.why = code


class Watcher:
    events = Server.events
    status = type("", (), {"section": lambda self, name: {}})()
    say = Supervisor._say


client = Client()
client._replying = None
try:
    client.ended(client, (226, b"Stored.")).send(None)
except StopIteration:
    pass
assert client.why == 421, "the client does not hear 226, though it may have it"
client.server.sessions.append(client)
client.server.left(client)
Watcher().say(client, "waiting")
print(Server.events.failures)
"""


def test_an_event_that_finds_no_memory_is_counted_wherever_somebody_lives_on(micropython):
    assert micropython(UNHEARD).split() == ["3"]


TREE = """
from services.events import Events
from services.ftp.commands import tree
from services.ftp.files import disk, times
from services.ftp.server import FtpServer

times.TIMES = disk.TIMES = HERE + "/.times"
tree.times = lambda: times  # to load it from its source takes most of the heap
tree.on_fat = times.replace.__globals__["on_fat"] = lambda path="/": False
OLD, NEW = HERE + "/old.txt", HERE + "/new.txt"
WHEN = 1_700_000_000


class Server:
    events = Events(lambda text: None)
    changed = FtpServer.changed

    def is_around(self, session, path):
        return False

    def is_busy(self, path):
        return False


class Session:
    server = Server()
    user = "admin"
    address = "192.0.2.1"

    def path(self, arg, writing=False):
        return arg

    def shown(self, path):
        return path[len(HERE) :]


session = Session()


def before():
    written("old.txt", b"old")
    written("new.txt", b"replaced")
    times.keep(OLD, WHEN)
    session.rename_from = OLD


def ran(coroutine):
    # One that waits for nothing ends in its first step, at most for other tasks' turn.
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        return end.value
    except OSError as error:
        return error.errno, "failed"


def time_of(path):
    gc.collect()
    return disk.stat_of(path)[8]


"""
RENAMED = """
def check(result):
    if result == "no memory":
        assert content("old.txt") == b"old" and content("new.txt") == b"replaced"
        assert time_of(OLD) == WHEN, "it keeps its time"
        return False
    assert result[0] == 250 and content("old.txt") is None and content("new.txt") == b"old"
    assert time_of(NEW) == WHEN or b"lost" in result[1], result
    return result[1] == b"Renamed."

in_turn(before, lambda: ran(tree.RNTO(session, NEW)), check, 48)
"""
DELETED = """
def check(result):
    assert (content("old.txt") is None) == (result != "no memory"), result
    return result != "no memory"

in_turn(before, lambda: ran(tree.DELE(session, OLD)), check)
"""
STORED = """
from services.ftp.files import upload
upload.on_fat, upload.times = tree.on_fat, tree.times
made = []

def before_it():
    before()
    made.clear()
    made.append(upload.Upload(OLD, 1, set()))
    made[0].file.write(b"new")
    made[0].finish()

def check(result):
    if result == "no memory":
        assert content("old.txt") == b"old" and time_of(OLD) == WHEN
        made[0].close()
    else:
        assert content("old.txt") == b"new" and time_of(OLD) != WHEN
    assert content(".upload-1") is None
    return result is None

in_turn(before_it, lambda: made[0].commit(), check, 96)
"""


@pytest.mark.parametrize("script", [RENAMED, DELETED, STORED], ids=["RNTO", "DELE", "STOR"])
def test_what_is_said_of_a_file_is_so(micropython, script):
    in_the_midst(micropython(STARVED + TREE + script, heap="144K", timeout=100), 20, -1)
