"""A configuration is proven by an admin's login, or confirmed by an operator; until then not."""

import json
import time

import pytest
from outpost.sim.flash import Flash

from tests.config.trial.conftest import (
    NETWORK,
    RETURN_S,
    boot_with,
    changed,
    went_back,
    with_admin,
)


def test_a_lost_password_is_replaced_over_the_cable(proven):
    """As docs/configuration.md says."""
    start = boot_with(proven, changed(proven, with_admin(password="the new one")))
    proven.wait_ready()
    with proven.ftp(password="the new one"):
        proven.wait_console("config/proven", start=start)
    proven.stop()
    with Flash(proven.flash) as flash:
        assert b"the new one" not in flash.read("/config.json"), "its hash took its place"


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
