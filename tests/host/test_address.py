"""host/outpost/address.py: URLs of boards and brokers, and where the password comes from."""

import contextlib
import dataclasses
import sys
from urllib.parse import quote

import click
import pexpect
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from outpost.address import (
    FTP,
    MQTT,
    PASSWORD_VARIABLE,
    Address,
    AddressError,
    AddressType,
    credentials,
    parse,
)

SECRET = "tops3cret"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch, tmp_path):
    """A home without .netrc, an environment without a password."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    monkeypatch.delenv("NETRC", raising=False)


@pytest.fixture
def keep(tmp_path):
    """Write ~/.netrc: (text, mode=0o600)."""

    def write(text, mode=0o600):
        file = tmp_path / ".netrc"
        file.write_text(text)
        file.chmod(mode)

    return write


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://weather-7", Address("ftp", None, None, "weather-7", 21)),
        ("FTP://admin@192.168.1.7:2121/", Address("ftp", "admin", None, "192.168.1.7", 2121)),
        ("ftps://admin:a@b.lan/x/y", Address("ftps", "admin", "a", "b.lan", 21, "/x/y")),
        ("ftp://admin:@b", Address("ftp", "admin", "", "b", 21)),
        ("ftp://a%40b:%2f%25%3A@b/%20x", Address("ftp", "a@b", "/%:", "b", 21, "/ x")),
        ("ftp://u:p/a@b/c@d", Address("ftp", "u", "p/a", "b", 21, "/c@d")),
        ("ftp://u:p@x@b", Address("ftp", "u", "p@x", "b", 21)),
        ("ftp://u:[p]#?@b", Address("ftp", "u", "[p]#?", "b", 21)),
        ("ftp://[::1]:2121", Address("ftp", None, None, "::1", 2121)),
        ("ftp://u@[fe80::1%eth0]/", Address("ftp", "u", None, "fe80::1%eth0", 21)),
    ],
)
def test_a_boards_url(url, expected):
    assert parse(url) == expected


def test_a_brokers_url():
    """What config.json takes as telemetry.broker is taken here too."""
    assert parse("mqtt://h", MQTT) == Address("mqtt", None, None, "h", 1883)
    assert parse("mqtts://u:s@h/", MQTT) == Address("mqtts", "u", "s", "h", 8883)
    assert parse("mqtt://u:a/b@h:1", MQTT) == Address("mqtt", "u", "a/b", "h", 1)


@pytest.mark.parametrize(
    ("url", "schemes", "reason"),
    [
        ("weather-7", FTP, "must begin with ftp:// or ftps://"),
        (f"http://u:{SECRET}@b", FTP, "must begin with ftp:// or ftps://"),
        (f"ftp://u:{SECRET}@b", MQTT, "must begin with mqtt:// or mqtts://"),
        (f"ftp://u:{SECRET}@", FTP, "must be ftp://user@host:port/"),
        (f"ftp://u:{SECRET}@b:x", FTP, "must be ftp://user@host:port/"),
        (f"ftp://u:{SECRET}/b", FTP, "must be ftp://user@host:port/"),
        (f"ftp://:{SECRET}@b", FTP, "has no user before its @"),
        (f"ftp://u:{SECRET}@{'n' * 64}", FTP, "a host's name with 1 to 63 characters"),
        (f"mqtt://u:{SECRET}@a..b", MQTT, "a host's name with 1 to 63 characters"),
        (f"ftp://u:{SECRET}@b:65536", FTP, "a port from 1 to 65535"),
        (f"ftp://u:{SECRET}@b:0", FTP, "a port from 1 to 65535"),
        (f"ftp://u:{SECRET}%0d%0aDELE x@b", FTP, "no control characters"),
        (f"ftp://u:{SECRET}@\x1b[2J", FTP, "must be ftp://user@host:port/"),
        (f"ftp://u:{SECRET}@b\x1bc", FTP, "no control characters"),
        (f"ftp://u:{SECRET}%ff@b", FTP, "UTF-8"),
        (f"mqtt://u:{SECRET}@b/topic", MQTT, "must end with the port"),
    ],
)
def test_what_is_no_url_is_said_without_the_secret(url, schemes, reason):
    with pytest.raises(AddressError, match=reason) as caught:
        parse(url, schemes)
    assert SECRET not in str(caught.value)


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\x7f")),
    st.text(
        st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\x7f"),
        min_size=1,
    ),
)
def test_any_name_and_secret_comes_back_as_it_was_quoted(secret, user):
    address = parse(f"ftp://{quote(user, safe='')}:{quote(secret, safe='')}@board:2121/")
    assert (address.user, address.password, address.host) == (user, secret, "board")


@given(st.text(max_size=30))
def test_what_is_no_url_is_refused_and_what_is_one_can_be_shown(text):
    for url in (text, f"ftp://{text}", f"ftp://u:{text}@host"):
        with contextlib.suppress(AddressError):
            address = parse(url)
            assert parse(str(address)) == dataclasses.replace(address, password=None)


def test_an_address_is_shown_without_its_password():
    address = parse(f"ftps://ad%40min:{SECRET}@board:2121/a b")
    assert str(address) == "ftps://ad%40min@board:2121/a%20b"
    assert SECRET not in repr(address)
    assert str(parse("ftp://[::1]:21/")) == "ftp://[::1]"


def test_a_password_is_taken_from_the_url_then_the_environment_then_netrc(monkeypatch, keep):
    keep("machine board login admin password kept\n")
    monkeypatch.setenv(PASSWORD_VARIABLE, "set")
    assert credentials(parse("ftp://admin:given@board")) == ("admin", "given")
    assert credentials(parse("ftp://admin@board")) == ("admin", "set")
    monkeypatch.delenv(PASSWORD_VARIABLE)
    assert credentials(parse("ftp://admin@board")) == ("admin", "kept")


def test_netrc_may_lie_elsewhere(monkeypatch, tmp_path):
    file = tmp_path / "logins"
    file.write_text("machine board login logger password kept\n")
    monkeypatch.setenv("NETRC", str(file))
    assert credentials(parse("ftp://board")) == ("logger", "kept")


def test_netrc_tells_the_user_too_and_no_other_users_password(keep):
    keep("machine board login logger password kept\n")
    assert credentials(parse("ftp://board")) == ("logger", "kept")
    with pytest.raises(AddressError, match="no password for admin at board"):
        credentials(parse("ftp://admin@board"), ask=False)
    with pytest.raises(AddressError, match="no password for admin at other"):
        credentials(parse("ftp://other"), ask=False)


def test_a_broker_without_a_user_is_asked_for_none():
    assert credentials(parse("mqtt://broker", MQTT)) == (None, None)


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        (f"machine board login admin {SECRET} {SECRET}\n", 0o600, "~/.netrc, line 1"),
        (f"machine board login admin password {SECRET}\n", 0o644, "too permissive"),
    ],
)
def test_a_netrc_that_cannot_be_read_is_named_without_what_it_holds(keep, text, mode, reason):
    keep(text, mode)
    with pytest.raises(AddressError, match=reason) as caught:
        credentials(parse("ftp://admin@board"))
    assert SECRET not in str(caught.value)


def test_who_sits_at_the_terminal_is_asked_and_what_he_types_is_not_shown():
    script = (
        "from outpost.address import *;"
        "print(credentials(parse('ftp://board'))[1] == 'typed', 'over')"
    )
    terminal = pexpect.spawn(sys.executable, ["-c", script], timeout=20, encoding="utf-8")
    terminal.expect_exact("Password for admin at board: ")
    terminal.waitnoecho()
    terminal.sendline("typed")
    terminal.expect_exact("True over")
    assert "typed" not in terminal.before
    terminal.close()


def test_a_command_takes_an_address_and_says_what_is_wrong_with_it():
    @click.command()
    @click.argument("url", type=AddressType())
    def command(url):
        click.echo(url.host)

    assert CliRunner().invoke(command, ["ftp://board"]).output == "board\n"
    refused = CliRunner().invoke(command, [f"ftp://u:{SECRET}@:b"])
    assert refused.exit_code == 2
    assert "must be ftp://user@host:port/" in refused.output
    assert SECRET not in refused.output
