"""Telemetry's options: a wrong one is named without a secret; how the broker's URL is read."""

import pytest


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("broker", "mqtts://", "must be mqtt://"),
        ("broker", "http://host", "must be mqtt://"),
        ("broker", "mqtt://", "must be mqtt://"),
        ("broker", "mqtt://u:s3cret@", "must be mqtt://"),
        ("broker", "mqtt://u:s3cret@host:x", "a port from 1 to 65535"),
        ("broker", "mqtt://host:70000", "a port from 1 to 65535"),
        ("broker", "mqtt://u:s3cret%zz@host", "write % as %25"),
        ("broker", 7, "must be mqtt://"),
        ("topic", "a/+", "must be text such as outpost"),
        ("topic", "/a", "must be text such as outpost"),
        ("topic", "", "must be text such as outpost"),
        ("discovery", {}, "must be true, false"),
        ("discovery", {"prefix": "a/#"}, "must be true, false"),
        ("discovery", {"prefix": ""}, "must be true, false"),
        ("discovery", {"topic": "a"}, "must be true, false"),
        ("discovery", 1, "must be true, false"),
    ],
)
def test_a_wrong_option_is_named_and_no_secret_told(micropython, key, value, why):
    with pytest.raises(micropython.failed) as failed:
        micropython(f"from services.telemetry.options import OPTIONS\nOPTIONS[{key!r}]({value!r})")

    assert why in str(failed.value)
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("mqtt://h", ("h", 1883, None)),
        ("mqtt://u@h:1", ("h", 1, b"u")),
        ("mqtt://u:p%40ss:w%C3%BC@h.lan:1884/", ("h.lan", 1884, b"u")),
    ],
)
def test_the_url_of_the_broker_is_read(micropython, url, parts):
    out = micropython(
        "from services.telemetry.broker import broker\n"
        f"b = broker({url!r})\nprint(b[:3] == {parts!r}, '%s:%d' % b[:2], b[3])"
    )

    assert out.startswith(f"True {parts[0]}:{parts[1]} ")
    if "%40" in url:
        assert out.endswith("b'p@ss:w\\xc3\\xbc'\n")
