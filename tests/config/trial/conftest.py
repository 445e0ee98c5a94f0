"""What the tests of trials share: a board that has proven its configuration, and gets another.

It gets it as an operator would bring it over FTP, and reboots with it.
"""

import json

import pytest
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


def with_admin(**values):
    return lambda config: config["ftp"]["users"]["admin"].update(values)


def without_users(config):
    config["ftp"]["users"] = {}
