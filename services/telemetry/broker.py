"""Where the MQTT broker is and how to log in, from a URL that holds a secret."""

from micropython import const

_PORT = const(1883)
_TLS_PORT = const(8883)
_FORM = "must be mqtt://user:secret@host:1883 or mqtts://..., user and port optional, or null"


def broker(url):
    """Return (host, port, user, password, tls) of a URL.

    user and password are bytes, user None for none; tls: whether it is mqtts. ValueError where
    the URL is wrong; its message doesn't repeat the URL.
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
    # Bytes: umqtt writes the length of a str in characters, the broker reads bytes.
    port = int(port) if colon else _TLS_PORT if tls else _PORT
    return host, port, _decoded(user) or None, _decoded(password), tls


def _decoded(text):
    """Undo %40 and the like, by which a URL holds any character, into bytes."""
    first, *parts = text.split("%")
    out = bytearray(first.encode())
    for part in parts:
        try:
            out.append(int(part[:2], 16))
        except ValueError:
            raise ValueError("must write % as %25 in user and secret")
        out.extend(part[2:].encode())
    return bytes(out)
