"""More than one network, and the board's own access point, on a board whose radio has an air."""

import json
import re
import time

import pytest
from outpost.sim.boards import BOARDS
from outpost.sim.flash import Flash

HOME, YARD = {"ssid": "home", "password": "apples123"}, {"ssid": "yard", "password": "pears4567"}
AIR = {one["ssid"]: one["password"] for one in (HOME, YARD)}


@pytest.fixture(params=["pico-w", "esp32"])
def start(request, start_board, tmp_path):
    """Start a board: (air, network section) -> DeskBoard; board.in_the_air(networks)."""
    file = tmp_path / "air.json"

    def begin(air, network, **options):
        file.write_text(json.dumps(air))
        config = {"network": network} if network else {}
        board = start_board(config=config, air=file, profile=BOARDS[request.param], **options)
        board.in_the_air = lambda networks: file.write_text(json.dumps(networks))
        return board

    return begin


def test_the_preferred_one_comes_first_and_the_next_one_where_it_is_away(start):
    board = start(AIR, {"networks": [HOME, YARD]})
    board.wait_console("network/up")
    assert "network/problem" not in board.console

    board.in_the_air({"yard": AIR["yard"]})
    at = board.wait_console("network/down")
    board.wait_console("network home not found", start=at)
    at = board.wait_console("network/up", start=at, timeout=30)

    board.in_the_air({"home": AIR["home"]})
    at = board.wait_console("network/down", start=at)
    board.wait_console("network/up", start=at, timeout=30)


def test_beside_the_single_form_and_past_a_wrong_password(start):
    wrong = dict(HOME, password="not this one")
    board = start(AIR, wrong | {"networks": [YARD]})
    board.wait_console("wrong password for home")
    board.wait_console("network/up", timeout=30)


def test_after_the_trial_it_opens_an_access_point_and_goes_on_trying(start):
    board = start({}, HOME | {"fallback_ap": "let me in", "trial_s": 10})
    board.wait_console("not found")
    assert "radio: access point" not in board.console
    at = board.wait_console("radio: access point on", timeout=30)
    board.wait_console("network/access_point", start=at)
    session = board.ftp()
    status = {}
    for line in session.sendcmd("SITE status").splitlines()[:-1]:
        status |= json.loads(line[4:])
    assert status["network"]["up"] is False
    assert re.fullmatch(r"outpost-[0-9a-f]{4}", status["network"]["access_point"])
    assert "227 Entering Passive Mode (192,168,4,1," in session.sendcmd("PASV")
    assert "has a password: True" in board.console
    assert "let me in" not in board.console

    board.in_the_air(AIR)
    at = board.wait_console("radio: access point off", timeout=90)

    assert "access_point" not in session.sendcmd("SITE status")
    session.quit()
    assert "network/up" in board.console[: at + 500]


def test_it_is_off_by_default(start):
    board = start({}, HOME | {"trial_s": 10})
    board.wait_console("not found")
    session = board.ftp()
    for _ in range(300):
        if int(re.search(r'"uptime_s": (\d+)', session.sendcmd("SITE status"))[1]) > 15:
            break
        time.sleep(0.1)
    session.quit()
    assert "access point" not in board.console


def test_a_new_board_is_set_up_over_its_own_access_point(start):
    board = start({}, None, ftp=False)
    board.wait_console("board/boot")
    board.wait_console("radio: access point on")
    name, password = re.search(
        r'Wi-Fi access point "([^"]+)", password "([^"]+)"', board.console
    ).groups()
    assert re.fullmatch(r"outpost-[0-9a-f]{4}", name)
    assert len(password) >= 8
    assert 'FTP user "admin", password' in board.console
    board.stop()
    with Flash(board.flash) as flash:
        config = json.loads(flash.read("/config.json"))
    assert config["network"] == {"fallback_ap": password}
    assert config["ftp"]["users"]["admin"]["password"].startswith("pbkdf2-")
    at = len(board.console)
    board.start()
    board.wait_console("radio: access point on", start=at)
    assert "shown this once" not in board.console[at:]
    board.stop()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("networks", {}),
        ("networks", [{"password": "x"}]),
        ("networks", [{"ssid": "x", "pasword": "y"}]),
        ("networks", ["home"]),
        ("networks", [HOME] * 17),
        ("fallback_ap", "short"),
        ("fallback_ap", "ümlaut-password"),
        ("fallback_ap", True),
        ("trial_s", 1),
    ],
)
def test_what_can_not_be_is_named(micropython, key, value):
    out = micropython(f"""
import json
import config
from services.network.options import OPTIONS
problems = []
given = config.check("network", json.loads({json.dumps({key: value})!r}), OPTIONS, problems)
print(json.dumps([given, problems]))
""")
    given, problems = json.loads(out)
    assert given == {}
    assert len(problems) == 1
    assert problems[0].startswith(f"network.{key}: must be ")
