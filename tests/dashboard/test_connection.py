"""How the page finds its broker, keeps the connection, and what it does with a password."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import serialization
from fixtures_page import Publisher, WebMosquitto, feed, row_of
from outpost import certificate
from outpost.dashboard.page import page_folder
from playwright.sync_api import expect


@pytest.fixture
def broker_with_login(tmp_path, free_port):
    """A real broker that asks for a user and a password."""
    folder = tmp_path / "login"
    folder.mkdir()
    broker = WebMosquitto(folder, free_port(), free_port(), "eve", "s3cret/word")
    broker.start()
    yield broker
    broker.stop()


def connection(page):
    return page.locator("#connection")


def connect(page, broker, user="", password="", remember=False):
    page.get_by_label("Broker").fill(broker.web_url)
    page.get_by_label("User").fill(user)
    page.get_by_label("Password", exact=True).fill(password)
    if remember:
        page.get_by_label("Keep the password").check()
    page.get_by_role("button", name="Connect", exact=True).click()


def test_the_page_connects_again_after_the_broker_came_back(web_broker, publisher, open_page):
    publisher.appear()
    page = open_page(web_broker.web_url)
    expect(row_of(page, "shed")).to_be_visible()
    web_broker.stop()
    expect(connection(page)).to_have_attribute("data-state", "waiting")
    expect(connection(page)).to_contain_text(re.compile(r"The broker is gone|Nothing answers"))
    expect(page.get_by_role("button", name="Try now")).to_be_visible()
    # What was known stays, and nobody is called late meanwhile.
    expect(row_of(page, "shed")).to_be_visible()
    web_broker.start()

    expect(connection(page)).to_have_attribute("data-state", "connected")
    again = Publisher(web_broker)
    again.event("ftp/login", user="after")
    again.close()
    expect(feed(page).filter(has_text="after")).to_be_visible()


def test_attempts_are_made_less_and_less_often(open_page, page_url, free_port):
    broker = f"ws://127.0.0.1:{free_port()}"
    page = open_page(at=f"{page_url}?{urlencode({'broker': broker})}")
    expect(connection(page)).to_contain_text("Nothing answers at ws://127.0.0.1")
    retry = page.get_by_role("button", name="Try now")
    expect(retry).to_have_text(re.compile(r"\([23] s\)"))  # after 1, a fifth more or less
    retry.click()

    expect(retry).to_have_text(re.compile(r"\([45] s\)"))


def test_without_a_broker_the_page_asks_for_one(web_broker, publisher, open_page):
    publisher.appear()
    page = open_page()
    expect(page.get_by_label("Broker")).to_have_value("ws://127.0.0.1:9001")
    expect(page.locator("#boards-empty")).to_contain_text("protocol websockets")
    connect(page, web_broker)

    expect(row_of(page, "shed")).to_be_visible()
    expect(page.locator("#settings")).to_be_hidden()
    page.reload()
    expect(row_of(page, "shed")).to_be_visible()


def test_a_broker_without_boards_says_what_to_do(web_broker, open_page):
    page = open_page(web_broker.web_url)

    expect(page.locator("#boards-empty")).to_contain_text('"telemetry": {"broker":')


def test_a_wrong_password_is_told_and_not_tried_again(broker_with_login, open_page):
    page = open_page()
    connect(page, broker_with_login, "eve", "wrong")
    expect(connection(page)).to_contain_text("Refused")
    expect(page.locator("#settings")).to_be_visible()
    page.wait_for_timeout(2500)  # longer than the first delay: nothing may come of it

    assert broker_with_login.log.read_text().count("Sending CONNACK") == 1
    connect(page, broker_with_login, "eve", "s3cret/word")
    expect(connection(page)).to_have_attribute("data-state", "connected")


def test_who_may_not_subscribe_is_told_so(web_broker, tmp_path, open_page, page_url):
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)
    if not plugin:
        pytest.skip("NOT TESTED: this mosquitto came without its dynamic security plugin")
    rules = {"defaultACLAccess": {"subscribe": False}, "anonymousGroup": "all"}
    rules["groups"] = [{"groupname": "all", "roles": []}]
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    with (tmp_path / "mosquitto.conf").open("a") as config:
        config.write(f"plugin {plugin}\nplugin_opt_config_file {tmp_path}/rules.json\n")
    web_broker.restart()
    page = open_page(at=f"{page_url}?{urlencode({'broker': web_broker.web_url})}")

    expect(connection(page)).to_contain_text("Refused: this user may not read outpost/#")
    expect(connection(page)).to_have_attribute("data-state", "refused")


def test_a_password_is_kept_only_when_that_was_asked_for(broker_with_login, open_page):
    page = open_page()
    connect(page, broker_with_login, "eve", "s3cret/word")
    expect(connection(page)).to_have_attribute("data-state", "connected")
    assert "s3cret" not in str(page.evaluate("JSON.stringify(localStorage)"))
    page.reload()
    expect(connection(page)).to_contain_text("Refused")
    connect(page, broker_with_login, "eve", "s3cret/word", remember=True)
    expect(connection(page)).to_have_attribute("data-state", "connected")
    page.reload()

    expect(connection(page)).to_have_attribute("data-state", "connected")


def test_a_link_to_another_broker_does_not_get_the_kept_password(
    broker_with_login, web_broker, open_page, page_url
):
    page = open_page()
    connect(page, broker_with_login, "eve", "s3cret/word", remember=True)
    expect(connection(page)).to_have_attribute("data-state", "connected")
    page.goto(f"{page_url}?{urlencode({'broker': web_broker.web_url})}")
    expect(connection(page)).to_contain_text(web_broker.web_url)
    expect(connection(page)).to_have_attribute("data-state", "connected")

    assert page.get_by_label("Password", exact=True).input_value() == ""
    assert page.evaluate("App.connection._settings.password") == ""
    page.goto(page_url)  # the link has not replaced what was kept
    expect(connection(page)).to_contain_text(broker_with_login.web_url)
    expect(connection(page)).to_have_attribute("data-state", "connected")


def test_a_password_in_the_address_leaves_it_at_once(broker_with_login, open_page, page_url):
    login = urlencode({"user": "eve", "password": "s3cret/word"})
    page = open_page(broker_with_login.web_url, hash="#" + login)

    assert "s3cret" not in page.url
    assert "user=eve" in page.url
    assert "s3cret" not in str(page.evaluate("JSON.stringify(localStorage)"))


FAULTS = (
    ({"broker": "nonsense"}, "must be a URL"),
    ({"broker": "mqtt://host:1883"}, "over WebSocket alone"),
    ({"broker": "ws://eve:s3cret@host"}, "fields of their own"),
    ({"topic": "a/#"}, "without + and #"),
    ({"topic": ""}, "must be text"),
    ({"password": "x"}, "needs a user"),
)


def test_wrong_settings_are_named(open_page):
    page = open_page()
    sound = {"broker": "ws://host:9001", "topic": "outpost", "user": "", "password": ""}
    assert page.evaluate("(settings) => Settings.fault(settings)", sound) == ""

    for settings, fault in FAULTS:
        told = page.evaluate("(settings) => Settings.fault(settings)", sound | settings)
        assert fault in told
        assert "s3cret" not in told
    page.get_by_label("Broker").fill("mqtt://host:1883")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("over WebSocket alone")


def test_the_topic_can_be_chosen(web_broker, open_page, page_url):
    farm = Publisher(web_broker)
    farm.base = "farm/outposts/b1/"
    farm.appear()
    query = urlencode({"broker": web_broker.web_url, "topic": "farm/outposts"})
    page = open_page(at=f"{page_url}?{query}")

    expect(row_of(page, "shed")).to_be_visible()
    farm.close()


def test_the_page_speaks_tls_where_the_broker_does(tmp_path, free_port, open_page, page_url):
    folder = tmp_path / "tls"
    folder.mkdir()
    pair = certificate.make(["127.0.0.1"])
    key = serialization.load_der_private_key(pair.key, None)
    (folder / "cert.pem").write_text(pair.pem)
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    broker = WebMosquitto(folder, free_port(), free_port())
    with (folder / "mosquitto.conf").open("a") as config:
        config.write(f"certfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n")
    broker.start()
    try:
        board = Publisher(broker)
        board.appear()
        board.close()
        secure = broker.web_url.replace("ws:", "wss:")
        page = open_page(secure, ignore_https_errors=True)  # nobody has signed it
        expect(row_of(page, "shed")).to_be_visible()
        # A browser that knows nothing of the certificate is not talked into it.
        wary = open_page(at=f"{page_url}?{urlencode({'broker': secure})}")
        expect(connection(wary)).to_have_attribute("data-state", "waiting")
    finally:
        broker.stop()


def test_the_page_works_as_a_file(web_broker, publisher, open_page, page_url):
    publisher.appear()
    page = open_page(web_broker.web_url, at=(page_folder() / "index.html").as_uri())

    expect(row_of(page, "shed")).to_be_visible()
    publisher.event("ftp/login", user="eve")
    expect(feed(page)).to_contain_text("eve")
