"""Wi-Fi that can't connect says why; a link that drops comes back by itself."""

import pytest
from picow.network import HOST
from picow.station import Watch, wait_until
from picow.transfers import content, fetch, store

TELL_S = 60  # of the host's time


def test_wrong_password_is_told(station, board):
    """The console says that the password is wrong, and names the network; the password stays out.

    The driver knows it by the event that an access point's deauthentication leads to
    [cyw43-driver: cyw43_ctrl.c, cyw43_cb_process_async_event, CYW43_EV_PSK_SUP].
    """
    since = station.boot(network={"password": "not-the-one"})
    wait_until(lambda: "password" in board.console[since:].lower(), "told", TELL_S)
    said = board.console[since:]
    assert '"net"' in said or " net" in said or "=net" in said, said
    assert "not-the-one" not in said, said


def test_access_point_that_keeps_silent_about_the_password(station, board):
    """Some access points never answer a wrong password: the driver tries for ever.

    Then the console says at least that the network can't be joined, and does not go on silently.
    """
    board.control("refusal timeout")
    try:
        since = station.boot(network={"password": "not-the-one"})
        wait_until(
            lambda: "network/" in board.console[since:] or "Wi-Fi" in board.console[since:],
            "told",
            2 * TELL_S,
        )
    finally:
        board.control("refusal deauth")


def test_unknown_network_is_told(station, board):
    """The console says that there is no such network, and names it."""
    since = station.boot(network={"ssid": "elsewhere"})
    wait_until(lambda: "elsewhere" in console_of(board, since), "named", TELL_S)
    said = console_of(board, since).lower()
    assert "not found" in said or "no network" in said or "no such network" in said, said


def console_of(board, since):
    """What the board itself has printed since then."""
    lines = board.console[since:].splitlines()
    return "\n".join(line for line in lines if not line.startswith("~~~~"))


def test_link_that_drops_comes_back(station, board):
    """The access point goes away and comes back: so do FTP and MQTT, without a reset."""
    watch = Watch(station)
    data = content(10_000)
    board.control("air none")
    wait_until(lambda: not board.serves(), "gone", 30)
    board.live(10)
    board.control("air net")
    board.wait_serving()
    session = board.ftp(HOST)
    store(session, "/after.bin", data)
    assert fetch(session, "/after.bin") == data
    session.quit()
    station.wait_mqtt()
    assert watch.resets() == []


@pytest.mark.parametrize("drops", [3])
def test_link_that_drops_for_a_moment(station, board, drops):
    """The driver is told that the link is down, several times; each time it is up again soon."""
    watch = Watch(station)
    for _ in range(drops):
        since = len(board.emulator.events)
        board.control("drop")
        board.emulator.wait("link", since, timeout=120, up=True)
        board.wait_serving()
    assert watch.resets() == []
