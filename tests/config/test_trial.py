"""A configuration on trial: it is kept once it has proven itself, and taken back where it fails.

Each board first proves a configuration that works, then gets another one, as an operator would
bring it over FTP, and reboots with it.
"""

import ftplib
import json
import socket
import time

import pytest
from fixtures_sim import PASSWORD
from outpost.sim.flash import Flash

NETWORK = {"ssid": "greenhouse", "password": "tomatoes", "trial_s": 10}
RETURN_S = 90


@pytest.fixture
def proven(start_board, tmp_path):
    """A stopped board with a proven configuration, whose radio finds `greenhouse`.

    proven.config: that configuration; proven.text: its bytes; proven.air: rewrites the air.
    """
    air = tmp_path / "air.json"
    air.write_text(json.dumps({"greenhouse": "tomatoes"}))
    board = start_board(config={"network": NETWORK}, air=air)
    board.prove()
    board.stop()
    board.in_the_air = lambda networks: air.write_text(json.dumps(networks))
    with Flash(board.flash) as flash:
        board.text = flash.read("/config.json")
        assert flash.read("/config.last") == board.text
    board.config = json.loads(board.text)
    return board


def boot_with(board, content):
    """Put a config.json onto a stopped board and boot it; where its console was then."""
    with Flash(board.flash) as flash:
        flash.write("/config.json", content)
    start = len(board.console)
    board.start()
    return start


def went_back(board, sent, start, *says):
    """Wait until the board runs on the proven configuration again, and says why."""
    board.wait_console("config/reverted", timeout=RETURN_S, start=start)
    board.wait_ready(timeout=RETURN_S)
    session = board.ftp()
    told = " ".join(session.sendcmd("SITE config").split())
    stat = session.sendcmd("STAT")
    session.quit()
    board.stop()
    assert "state reverted" in told
    assert "config" in stat
    for text in says:
        assert text in told, told
    assert "shown this once" not in board.console[start:], "nobody asked for a new admin"
    with Flash(board.flash) as flash:
        assert flash.read("/config.failed.json") == sent
        assert flash.read("/config.json") == board.text
        assert flash.read("/config.last") == board.text


def changed(board, change):
    """The proven configuration as bytes, after change(config)."""
    config = json.loads(board.text)
    change(config)
    return json.dumps(config).encode()


def misspelt(section, right, wrong):
    """A change that renames a key."""

    def change(config):
        part = config
        for key in section:
            part = part[key]
        part[wrong] = part.pop(right)

    return change


def with_admin(**values):
    return lambda config: config["ftp"]["users"]["admin"].update(values)


def without_users(config):
    config["ftp"]["users"] = {}


def ftp_off(config):
    config["ftp"] = None


def test_a_lost_password_is_replaced_over_the_cable(proven):
    """As docs/configuration.md says."""
    start = boot_with(proven, changed(proven, with_admin(password="the new one")))
    proven.wait_ready()
    with proven.ftp(password="the new one"):
        proven.wait_console("config/proven", start=start)
    proven.stop()
    with Flash(proven.flash) as flash:
        assert b"the new one" not in flash.read("/config.json"), "its hash took its place"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (misspelt(("ftp",), "users", "usres"), "ftp.usres: no such key"),
        (without_users, "ftp.users: is missing or empty"),
        (misspelt(("ftp", "users", "admin"), "password", "pasword"), "admin.pasword: no such key"),
        (with_admin(password=""), "ftp.users.admin.password: must not be empty"),
        (with_admin(role="amdin"), "ftp.users.admin.role: must be one of"),
        (with_admin(root="/nowhere"), "there is no folder /nowhere"),
        (misspelt((), "ftp", "fpt"), "ftp.users: is missing"),
        (ftp_off, "ftp: null turns FTP off"),
    ],
)
def test_without_an_admin_it_goes_back_at_once(proven, change, says):
    sent = changed(proven, change)

    start = boot_with(proven, sent)

    went_back(proven, sent, start, says)
    assert proven.resets == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"network": {"ssid": "Gew\xe4chshaus"}}'.encode("latin-1"), "not UTF-8 text"),
        ('{"network": {"ssid": "x"}}'.encode("utf-16"), "not UTF-8 text"),
        (b'{"network": ', "not JSON, look at line 1"),
        (b"", "not JSON"),
    ],
    ids=["Latin-1", "UTF-16", "cut short", "empty"],
)
def test_what_is_no_text_or_no_json_goes_back_at_once(proven, content, says):
    start = boot_with(proven, content)

    went_back(proven, content, start, says)


def in_network(**values):
    return lambda config: config["network"].update(values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (misspelt(("network",), "ssid", "sssid"), ["no network", "network.sssid: no such key"]),
        (misspelt((), "network", "netwrok"), ["no network within 10 s", "netwrok: no such sec"]),
        (in_network(ssid="greenhose"), ["no network", "network greenhose not found"]),
        (in_network(password="potatoes"), ["no network", "wrong password for greenhouse"]),
        (
            in_network(lan={"phy_type": "LAN8720", "mdc": 23, "mdio": 18}),
            ["no network", "network.lan: "],
        ),
    ],
    ids=["sssid", "netwrok", "ssid", "password", "lan"],
)
def test_without_a_network_it_goes_back_after_the_trial(proven, change, says):
    sent = changed(proven, change)

    start = boot_with(proven, sent)

    went_back(proven, sent, start, *says)
    assert proven.resets == 1, "an orderly reset into the proven one"


def on_own_address(config):
    config["network"]["static"] = {"address": "127.0.0.9", "gateway": "127.0.0.1"}
    config["ftp"]["host"] = "127.0.0.9"


def test_an_address_of_its_own_at_which_nobody_logs_in_goes_back(proven):
    sent = changed(proven, on_own_address)

    start = boot_with(proven, sent)
    proven.wait_console("network/up address=127.0.0.9", start=start)

    went_back(proven, sent, start, "network.static: no admin has logged in within 10 s")


def test_an_address_of_its_own_is_proven_by_a_login(proven):
    start = boot_with(proven, changed(proven, on_own_address))
    proven.wait_console("network/up address=127.0.0.9", start=start)
    deadline = time.monotonic() + RETURN_S
    with ftplib.FTP() as session:
        while True:  # FTP starts after the network
            try:
                session.connect("127.0.0.9", proven.ftp_port, timeout=20)
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        session.login("admin", PASSWORD)
        proven.wait_console("config/proven", start=start)
        assert "address 127.0.0.9" in session.sendcmd("STAT")


@pytest.mark.parametrize("host", ["192.0.2.77", None], ids=["not this board's", "a port in use"])
def test_where_ftp_cannot_listen_it_goes_back(proven, host, free_port_taken):
    config = {"host": host} if host else {"port": free_port_taken}
    sent = changed(proven, lambda given: given["ftp"].update(config))

    start = boot_with(proven, sent)

    went_back(proven, sent, start, "ftp: does not listen")


@pytest.fixture
def free_port_taken():
    """A TCP port of 127.0.0.1 on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_login_proves_it_and_only_then_is_it_the_one_to_go_back_to(proven):
    sent = changed(proven, lambda config: config.update(name="renamed"))
    start = boot_with(proven, sent)
    proven.wait_console("network/up", start=start)
    proven.wait_ready()
    assert "config/proven" not in proven.console[start:]

    proven.prove()

    session = proven.ftp()
    assert "state proven" in session.sendcmd("SITE config")
    session.quit()
    proven.stop()
    with Flash(proven.flash) as flash:
        assert flash.read("/config.last") == flash.read("/config.json") == sent
        assert flash.read("/config.failed.json") is None


def test_a_login_proves_it_before_its_client_can_replace_it(start_board):
    """Else a board whose first visitor brings a broken one would have none to go back to."""
    board = start_board(config={"network": NETWORK})
    session = board.ftp()
    board.upload(session, "/config.json", b'{"ftp": {"usres": {}}}')
    session.quit()
    board.stop()
    start = len(board.console)
    board.start()
    board.wait_console("config/reverted", timeout=RETURN_S, start=start)
    board.wait_ready()
    board.ftp().quit()


def test_a_login_of_another_role_proves_nothing(proven):
    def change(config):
        config["ftp"]["users"]["reader"] = {"password": "secret", "role": "read"}

    start = boot_with(proven, changed(proven, change))
    proven.wait_console("network/up", start=start)
    proven.wait_ready()
    session = proven.ftp("reader")
    session.quit()
    proven.wait_console("ftp/logout", start=start)
    proven.stop()
    assert "config/proven" not in proven.console[start:]
    with Flash(proven.flash) as flash:
        assert flash.read("/config.last") == proven.text


def test_without_a_login_it_stays_on_trial_for_as_long_as_it_can_be_reached(proven):
    start = boot_with(proven, changed(proven, with_admin(password="another")))
    proven.wait_console("network/up", start=start)
    proven.in_the_air({})
    proven.wait_console("network/down", start=start)
    for _ in range(2):  # of which each takes longer than the trial
        proven.wait_console("network/problem", start=start, timeout=30)
    session = proven.ftp(password="another")
    assert "state trial" in session.sendcmd("SITE config")
    proven.in_the_air({"greenhouse": "tomatoes"})
    proven.wait_console("config/proven", start=start, timeout=60)
    session.quit()


def test_what_was_told_once_is_not_told_at_each_boot_but_stat_goes_on(proven):
    start = boot_with(proven, b"{")
    went_back(proven, b"{", start)
    start = len(proven.console)
    proven.start()
    proven.wait_ready()
    session = proven.ftp()
    assert "state reverted" in session.sendcmd("SITE config")
    session.quit()
    proven.stop()
    assert "config/reverted" not in proven.console[start:]


def test_a_first_configuration_has_nothing_to_go_back_to(start_board, tmp_path):
    air = tmp_path / "air.json"
    air.write_text("{}")
    board = start_board(config={"network": NETWORK}, air=air)
    session = board.ftp()
    assert "state trial" in session.sendcmd("SITE config")
    with pytest.raises(Exception, match="No configuration has proven itself yet"):
        session.sendcmd("SITE config revert")
    air.write_text(json.dumps({"greenhouse": "tomatoes"}))
    board.wait_console("config/proven", timeout=60)
    session.quit()
    assert board.resets == 0


def test_an_operator_confirms_it_before_it_has_proven_itself(proven):
    """The network is off, so that no login proves it: the operator knows that it is meant so."""
    config = changed(proven, lambda given: given["network"].update(ssid="cellar"))
    start = boot_with(proven, config)
    proven.wait_ready()
    session = proven.ftp()

    assert "is the proven one now" in session.sendcmd("SITE config confirm")

    session.quit()
    proven.stop()
    assert "config/proven" in proven.console[start:]
    with Flash(proven.flash) as flash:
        assert flash.read("/config.last") == config


def test_an_operator_takes_it_back_while_it_is_on_trial(proven):
    sent = changed(proven, lambda given: given["network"].update(ssid="cellar"))
    start = boot_with(proven, sent)
    proven.wait_ready()
    session = proven.ftp()

    assert "Going back" in session.sendcmd("SITE config revert")

    went_back(proven, sent, start, "an operator asked for it")


def test_what_was_uploaded_meanwhile_is_not_proven_by_the_one_that_runs(proven):
    second = changed(proven, lambda config: config.update(name="second"))
    start = boot_with(proven, second)
    proven.wait_ready()
    third = changed(proven, lambda config: config.update(name="third"))
    session = proven.ftp()
    proven.upload(session, "/config.json", third)
    for _ in range(100):  # of which each has its round trip, until the judge has looked
        told = session.sendcmd("SITE config")
        if "state waiting" in told:
            break
        time.sleep(0.1)
    session.quit()
    proven.stop()
    assert "state waiting" in told
    with Flash(proven.flash) as flash:
        assert flash.read("/config.json") == third
        assert flash.read("/config.last") == second, "the login has proven it"
    assert "config/reverted" not in proven.console[start:]


def test_without_an_admin_and_with_another_network_it_starts_again(proven):
    """boot.py has opened the other network by then, and opens an interface once."""

    def change(config):
        without_users(config)
        config["network"]["ssid"] = "cellar"

    sent = changed(proven, change)

    start = boot_with(proven, sent)

    went_back(proven, sent, start, "ftp.users: is missing or empty")
    assert proven.resets == 1


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
