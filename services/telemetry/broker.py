"""Reads the broker's URL: address and login, which is secret."""

from micropython import const

_PORT = const(1883)
_TLS_PORT = const(8883)
_FORM = "must be mqtt://user:secret@host:1883 or mqtts://..., user and port optional, or null"


def broker(url):
    """Return (host, port, user, password, tls) of a URL.

    user and password are bytes, user None if there is none. tls: whether it is mqtts. Raises
    ValueError if the URL is wrong; its message doesn't repeat the URL.
    """
    if not isinstance(url, str):
        raise ValueError(_FORM)
    scheme, _, rest = url.partition("://")
    if scheme not in ("mqtt", "mqtts"):
        raise ValueError(_FORM)
    tls = scheme == "mqtts"
    login, at, place = rest.rstrip("/").rpartition("@")
    user, _, password = login.partition(":")
    host, colon, port = place.partition(":")
    if not host or "/" in place or (at and not user):
        raise ValueError(_FORM)
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("must end in a port from 1 to 65535")
    # Bytes: umqtt sends a str's length in characters, but the broker expects bytes.
    port = int(port) if colon else _TLS_PORT if tls else _PORT
    return host, port, _decoded(user) or None, _decoded(password), tls


def _decoded(text):
    """Decode %40 and other escapes of a URL to bytes."""
    first, *parts = text.split("%")
    out = bytearray(first.encode())
    for part in parts:
        try:
            out.append(int(part[:2], 16))
        except ValueError:
            raise ValueError("must write % as %25 in user and secret")
        out.extend(part[2:].encode())
    return bytes(out)
