"""What config.json may say of the FTP server: right values pass, wrong ones are named."""

import pytest

CHECK = """
from services.ftp.options import OPTIONS
try:
    OPTIONS[%r](%r)
    print("right")
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("advertise", None),
        ("advertise", "203.0.113.7"),
        ("host", "0.0.0.0"),
        ("host", "::"),
        ("host", "::1"),
        ("host", "fe80::1%eth0"),
        ("host", "2001:db8::192.168.1.77"),
        ("passive_ports", [1024, 65535]),
        ("passive_ports", [40000, 40000]),
    ],
)
def test_right_values(micropython, key, value):
    assert micropython(CHECK % (key, value)) == "right\n"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("advertise", "weather.example.org", "IPv4 address"),
        ("advertise", 7, "IPv4 address"),
        ("advertise", "::1", "IPv4 address"),
        ("host", None, "an address"),
        ("host", 7, "an address"),
        ("host", "", "an address"),
        ("host", "1.2.3", "an address"),
        ("host", "weather.example.org", "an address"),
        ("host", "1:2:3:4:5:6:7", "an address"),
        ("host", "1::2::3", "an address"),
        ("host", ":::", "an address"),
        ("host", "::12345", "an address"),
        ("host", "::-1", "an address"),
        ("host", "::256.1.1.1", "an address"),
        ("host", "1:2:3:4:5:6:7:8:9", "an address"),
        ("passive_ports", [40001, 40000], "lowest, highest"),
        ("passive_ports", [80, 90], "from 1024"),
        ("passive_ports", 40000, "lowest, highest"),
    ],
)
def test_wrong_values_are_named(micropython, key, value, says):
    assert says in micropython(CHECK % (key, value))
