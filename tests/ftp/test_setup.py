"""What happens when config.json can't be rewritten: FTP must come up all the same."""

import json

import pytest

SCRIPT = """
import asyncio, json
from services.ftp import setup


def keep(keys, value):
    raise %s


made, problems = asyncio.run(setup.accounts(%s, keep))
print("ANSWER", json.dumps([sorted(made), problems]))
"""
USERS = {"ann": {"password": "clear-text", "role": "admin"}}


@pytest.mark.parametrize("trouble", ["OSError(28)", "ValueError('not JSON')", "MemoryError()"])
@pytest.mark.parametrize(("users", "name"), [(USERS, "ann"), ({}, "admin")])
def test_users_log_in_where_their_hash_cannot_be_stored(micropython, trouble, users, name):
    """A heap of 96 KiB had no room for the file's text: FTP then failed again and again."""
    out = micropython(SCRIPT % (trouble, json.dumps(users)))

    made, problems = json.loads(out.partition("ANSWER ")[2])
    assert made == [name]
    assert len(problems) == 1
    assert problems[0].startswith(f"ftp.users.{name}")
    assert "could not be stored" in problems[0]
    assert "clear-text" not in problems[0]
