"""Where the MQTT broker is and how to log in, from a URL that holds a secret."""

from micropython import const

_SCHEME = "mqtt://"
_PORT = const(1883)
_FORM = "must be mqtt://user:secret@host:1883, user and port optional, or null"


def broker(url):
    """Return (host, port, user, password) of a URL; the last two are bytes, user None for none.

    ValueError where the URL is wrong; its message doesn't repeat the URL.
    """
    if not isinstance(url, str):
        raise ValueError(_FORM)
    if url.startswith("mqtts://"):
        raise ValueError("must be mqtt://...: this version has no TLS for MQTT")
    if not url.startswith(_SCHEME):
        raise ValueError(_FORM)
    login, at, place = url[len(_SCHEME) :].rstrip("/").rpartition("@")
    user, _, password = login.partition(":")
    host, colon, port = place.partition(":")
    if not host or "/" in place or (at and not user):
        raise ValueError(_FORM)
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("must end in a port from 1 to 65535")
    # Bytes: umqtt writes the length of a str in characters, the broker reads bytes.
    return host, int(port) if colon else _PORT, _decoded(user) or None, _decoded(password)


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
