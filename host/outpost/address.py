"""URLs of boards and brokers, and logins for them; passwords are never shown."""

import netrc
import os
import re
import sys
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import click

FTP = ("ftp", "ftps")  # ftps: explicit TLS (RFC 4217), on the port of ftp
MQTT = ("mqtt", "mqtts")
PASSWORD_VARIABLE = "OUTPOST_PASSWORD"
_PORTS = {"ftp": 21, "ftps": 21, "mqtt": 1883, "mqtts": 8883}
_FORMS: dict[tuple[str, ...], str] = {FTP: "ftp://user@host:port/", MQTT: "mqtt://user@host:port"}
_BOARD_USER = "admin"  # the user of a board that was never configured
# The password ends at the first @ that a host can follow, so it may contain @ and / itself.
_URL = re.compile(
    r"(?P<scheme>[a-z]+)://"
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>.*?))?@)?"
    r"(?P<host>\[[0-9a-f:.]+(?:%[\w.-]+)?\]|[^\s:@/?#\[\]]+)"
    r"(?::(?P<port>\d+))?(?P<path>/.*)?",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # a line end would begin another command


class AddressError(ValueError):
    """An invalid URL, or a login without a password; the text holds no secret."""


@dataclass(frozen=True)
class Address:
    """The parts of a URL, decoded. user and password are None if missing; path begins with /."""

    scheme: str
    user: str | None
    password: str | None = field(repr=False)
    host: str
    port: int
    path: str = "/"

    @property
    def secure(self) -> bool:
        """Whether the connection must use TLS."""
        return self.scheme.endswith("s")

    def __str__(self) -> str:
        """Return the URL for display: without the password, and without the default port."""
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{user}{host}{port}{quote(self.path) if self.path != '/' else ''}"


def parse(url: str, schemes: tuple[str, ...] = FTP) -> Address:
    """Return the Address of a URL with one of the schemes FTP or MQTT.

    Raises AddressError, which doesn't contain the URL. `%40` and other escapes are decoded in
    user, password and path (RFC 3986 section 2.1).
    """
    form = _FORMS[schemes]
    found = _URL.fullmatch(url)
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in schemes:
        raise AddressError(f"must begin with {' or '.join(f'{name}://' for name in schemes)}")
    if not found:
        raise AddressError(f"must be {form}; write : / @ and % in a name as %3A %2F %40 %25")
    try:
        user, password, path = (
            None if found[name] is None else unquote(found[name], errors="strict")
            for name in ("user", "password", "path")
        )
    except UnicodeDecodeError:
        raise AddressError("what %.. stand for must be UTF-8") from None
    if any(part and _CONTROL.search(part) for part in (user, password, path, found["host"])):
        raise AddressError("must hold no control characters")
    if user == "":
        raise AddressError(f"has no user before its @; must be {form}")
    host = found["host"].strip("[]")
    try:
        host.encode("idna")  # the name look-up will do the same
    except UnicodeError:
        raise AddressError(
            "must have a host's name with 1 to 63 characters between dots"
        ) from None
    port = int(found["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise AddressError("must have a port from 1 to 65535")
    if schemes == MQTT and path not in (None, "/"):
        raise AddressError(f"must end with the port: {form}")
    return Address(scheme, user, password, host, port, path or "/")


def credentials(address: Address, *, ask: bool = True) -> tuple[str | None, str | None]:
    """Return (user, password) for an Address. Raises AddressError if no password is found.

    They come from the URL, the environment (OUTPOST_PASSWORD), ~/.netrc or the file that NETRC
    names, or, with ask, from a prompt on the terminal. A board's default user is `admin`. For a
    broker without a user: (None, None).
    """
    user, password = known_login(address)
    if user is None or password is not None:
        return user, password
    if not ask or not sys.stdin.isatty():
        raise AddressError(
            f"no password for {user} at {address.host}: put it into the environment as "
            f"{PASSWORD_VARIABLE}, or into ~/.netrc"
        )
    return user, click.prompt(
        f"Password for {user} at {address.host}", hide_input=True, err=True, default="",
        show_default=False,
    )  # fmt: skip


def known_login(address: Address) -> tuple[str | None, str | None]:
    """Return (user, password) like credentials(), but without a prompt; None if unknown."""
    user, password = address.user, address.password
    if password is None:
        password = os.environ.get(PASSWORD_VARIABLE) or None
    if user is None or password is None:
        kept = _from_netrc(address.host)
        if kept and user in (None, kept[0]):
            user = kept[0]
            password = kept[1] if password is None else password
    if user is None:
        if address.scheme in MQTT:
            return None, None
        user = _BOARD_USER
    return user, password


def _from_netrc(host: str) -> tuple[str, str | None] | None:
    """Return (user, password) for host from ~/.netrc; None if it has none."""
    try:
        entry = netrc.netrc(os.environ.get("NETRC")).authenticators(host)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise AddressError(f"~/.netrc can't be read: {type(error).__name__}") from None
    except netrc.NetrcParseError as error:
        # The error's text may contain parts of the file, so only show texts about the file itself.
        about_file = error.msg.startswith("~/.netrc")
        raise AddressError(
            error.msg if about_file else f"~/.netrc, line {error.lineno}: not understood"
        ) from None
    return (entry[0], entry[2] or None) if entry and entry[0] else None


# The ParamType of older versions of click takes no type arguments.
class AddressType(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """A click option or argument: a URL with one of the schemes FTP or MQTT."""

    name = "url"

    def __init__(self, schemes: tuple[str, ...] = FTP) -> None:
        self.schemes = schemes

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        if isinstance(value, Address):
            return value
        try:
            return parse(str(value), self.schemes)
        except AddressError as error:
            self.fail(str(error), param, ctx)
