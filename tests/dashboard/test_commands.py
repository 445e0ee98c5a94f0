"""Buttons that tell a board something: there where the board takes commands, after a question."""

import re
from pathlib import Path

import pytest
from fixtures_page import row_of
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def told(web_broker):
    """What was published on any board's topic `command`, as (topic, payload, retained)."""
    import paho.mqtt.client as mqtt

    heard = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _, __, m: heard.append((m.topic, m.payload, m.retain))
    client.connect("127.0.0.1", web_broker.port)
    client.subscribe("outpost/+/command")
    client.loop_start()
    yield heard
    client.disconnect()
    client.loop_stop()


def opened(page, name="shed"):
    """The group of buttons of a board whose details are opened."""
    row_of(page, name).get_by_role("button").click()
    return page.get_by_role("group", name=f"Commands to {name}")


def test_a_board_that_takes_no_commands_has_no_buttons(web_broker, publisher, open_page):
    publisher.info()
    publisher.appear(board={"name": "shed"})
    page = open_page(web_broker.web_url)

    row_of(page, "shed").get_by_role("button").click()
    expect(page.locator(".facts")).to_be_visible()
    expect(page.locator(".commands")).to_be_hidden()


def test_a_command_is_sent_after_the_question_and_by_keyboard(
    web_broker, publisher, open_page, told
):
    publisher.info(commands=True)
    publisher.appear(board={"name": "shed"})
    page = open_page(web_broker.web_url)
    buttons = opened(page)
    expect(buttons.get_by_role("button")).to_have_text(["Set the clock", "Reboot"])

    reboot = buttons.get_by_role("button", name="Reboot")
    reboot.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Reboot? shed")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(reboot).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # on Cancel
    expect(dialog).to_have_count(0)

    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(buttons.get_by_role("status")).to_contain_text("Reboot: sent")
    buttons.get_by_role("button", name="Set the clock").click()
    page.get_by_role("dialog").get_by_role("button", name="Set the clock").click()
    expect(buttons.get_by_role("status")).to_contain_text("Set the clock: sent")
    page.wait_for_timeout(300)
    topic = publisher.base + "command"
    assert told == [(topic, b"reboot", False), (topic, b"sync", False)]


def test_a_trial_can_be_confirmed_or_rolled_back(web_broker, publisher, open_page, told):
    publisher.info(commands=True)
    publisher.appear(board={"name": "shed"}, update={"phase": "trial"})
    page = open_page(web_broker.web_url)
    buttons = opened(page)
    expect(buttons.get_by_role("button")).to_have_text(
        ["Set the clock", "Confirm", "Roll back", "Reboot"]
    )

    for label in ("Confirm", "Roll back"):
        buttons.get_by_role("button", name=label).click()
        page.get_by_role("dialog").get_by_role("button", name=label).click()
        expect(buttons.get_by_role("status")).to_contain_text(f"{label}: sent")
    page.wait_for_timeout(300)
    assert [payload for _, payload, _ in told] == [b"confirm", b"rollback"]

    publisher.say("status", "offline", True)
    for button in buttons.get_by_role("button").all():
        expect(button).to_be_disabled()


def test_the_page_of_documents_tells_of_each_button():
    labels = re.findall(r'label: "(.+?)"', (ROOT / "dashboard" / "commands-view.js").read_text())
    told = (ROOT / "docs" / "dashboard.md").read_text()

    assert len(labels) == 4
    assert [label for label in labels if f"*{label}*" not in told] == []
    assert "topic write outpost/+/command" in told
