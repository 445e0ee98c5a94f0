"""trial.py by itself: its verdict over a running board, and after how many seconds."""

import json

import pytest

JUDGED = """
import asyncio, json
import trial

given = json.loads(%r)
trial._parsed = given["files"].get
sections = {"network": given["link"], "ftp": {"state": "running"}}
seconds = 0


class Quick:
    @staticmethod
    async def sleep(delay):
        global seconds
        seconds += delay
        if seconds in given["away"]:
            sections["network"]["up"] = seconds != given["away"][0]
        if seconds > 2000:
            raise OSError("no verdict")


trial.asyncio = Quick
try:
    verdict = asyncio.run(trial._judged(sections, given["wanted"], [], given["asked"]))
except OSError as error:
    verdict = str(error)
print(json.dumps([verdict, seconds]))
"""


@pytest.fixture
def judged(micropython):
    """The verdict over a running board, and after how many seconds: (files, ...) -> the two.

    files: path -> config.json's object; away: from when to when the network is down; address: the
    board's; host: ftp.host; asked: what an operator has done.
    """

    def judge(files, away=(), address=None, host="", asked=()):
        given = {
            "files": files,
            "link": {"state": "running", "up": True, "address": address},
            "away": away,
            "wanted": {"network": {}, "ftp": {"host": host}},
            "asked": asked,
        }
        return json.loads(micropython(JUDGED % json.dumps(given)))

    return judge


REACH = {"network": {"ssid": "a"}, "ftp": {"users": {"admin": {}}}}


@pytest.mark.parametrize(
    ("now", "away", "verdict"),
    [
        (REACH | {"name": "b"}, (), [None, 600]),
        (REACH | {"name": "b"}, (500, 510), [None, 1109]),
        (REACH | {"network": {"ssid": "b"}}, (), ["no verdict", 2001]),
        (REACH | {"ftp": {"users": {}}}, (), ["no verdict", 2001]),
    ],
    ids=["equal", "with a break", "another network", "other users"],
)
def test_equal_users_and_network_prove_it_in_ten_minutes(judged, now, away, verdict):
    assert judged({"/config.json": now, "/config.last": REACH}, away) == verdict


EQUAL = {"/config.json": {}, "/config.last": {}}
HERE = "192.0.2.7"


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.77"])
def test_where_ftp_listens_on_an_address_that_nobody_reaches_it_goes_back(judged, host):
    """As lwIP does, which takes any address; Linux refuses one that is not its own."""
    why = f"ftp: does not listen; ftp.host {host} is not this board's address {HERE}"

    assert judged(EQUAL, address=HERE, host=host) == [why, 30]

    reached = judged(EQUAL, address=HERE, host=host, asked=["login"])
    assert reached == [None, 1], "an admin has reached it all the same"


@pytest.mark.parametrize("host", [HERE, "0.0.0.0", "::", ""])
def test_an_address_of_its_own_is_proven_in_ten_minutes(judged, host):
    assert judged(EQUAL, address=HERE, host=host) == [None, 600]


def test_on_the_unix_port_whose_address_is_unknown_it_is_proven(judged):
    assert judged(EQUAL, address="127.0.0.1", host="192.0.2.77") == [None, 600]


def test_where_none_is_proven_ten_minutes_do_without_a_login(judged):
    assert judged({"/config.json": REACH}) == [None, 600]


STARVED = """
import json
import trial

files = json.loads(%r)
tries = [0]


def opened(path):
    tries[0] += 1
    if tries[0] in (1, 3):
        raise MemoryError
    return files[path]


trial._parsed = opened
seconds = 0


class Quick:
    @staticmethod
    async def sleep(delay):
        global seconds
        seconds += delay


trial.asyncio = Quick
sections = {"network": {"state": "running"}, "ftp": {"state": "running"}}
try:
    trial._judged(sections, {"network": {}}, [], []).send(None)
except StopIteration as end:
    print(end.value, seconds)
"""


def test_a_proven_one_that_memory_is_short_for_is_still_one_to_go_back_to(micropython):
    out = micropython(STARVED % json.dumps({"/config.json": {}, "/config.last": REACH}))

    assert out.split() == ["no", "network", "within", "300", "s", "302"]
    # And the file's reader does not take a lack of memory for a missing file.
    assert "no memory" in micropython("""
import trial

def open(path):
    raise MemoryError

trial.open = open
try:
    print(trial._parsed("/config.last"))
except MemoryError:
    print("no memory")
""")
