"""What the tests of access share: one board, and users of each role."""

import pytest

ROLES = {
    "admin": {"password": "secret", "role": "admin"},
    "writer": {"password": "write", "role": "write"},
    "reader": {"password": "read", "role": "read"},
}


@pytest.fixture(scope="session")
def board(power_up):
    """The board that these files share; each test works in a folder of its own."""
    return power_up(lasting=True)
