"""A configuration that fails is taken back: no admin, no text, no network, no FTP."""

import ftplib
import socket
import time

import pytest
from fixtures_sim import PASSWORD

from tests.config.trial.conftest import (
    RETURN_S,
    boot_with,
    changed,
    went_back,
    with_admin,
    without_users,
)


def misspelt(section, right, wrong):
    """A change that renames a key."""

    def change(config):
        part = config
        for key in section:
            part = part[key]
        part[wrong] = part.pop(right)

    return change


def ftp_off(config):
    config["ftp"] = None


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


def test_without_an_admin_and_with_another_network_it_starts_again(proven):
    """boot.py has opened the other network by then, and opens an interface once."""

    def change(config):
        without_users(config)
        config["network"]["ssid"] = "cellar"

    sent = changed(proven, change)

    start = boot_with(proven, sent)

    went_back(proven, sent, start, "ftp.users: is missing or empty")
    assert proven.resets == 1
