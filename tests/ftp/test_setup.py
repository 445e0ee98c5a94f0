"""What happens when config.json can't be rewritten: FTP must come up all the same."""

import json

import pytest

SCRIPT = """
import asyncio, json
from services.ftp.access import setup


def keep(keys, value):
    raise %s


made, problems = asyncio.run(setup.accounts(%s, keep))
print("ANSWER", json.dumps([sorted(made), problems]))
"""
CHECK = """
import asyncio, json, os
from services.ftp.access import setup

os.mkdir("home")
open("file", "w").close()
here = os.getcwd()
given = json.loads(%r)
for name in given:
    if "root" in given[name]:
        given[name]["root"] = given[name]["root"].replace("~", here)
_, problems = asyncio.run(setup.accounts(given, None))
print("ANSWER", json.dumps([problem.replace(here, "~") for problem in problems]))
"""
HASH = "pbkdf2-sha256$1$AAAA$AAAA"
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


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ({"role": "write"}, "is missing, so this user may replace main.py; name a folder, or / "),
        ({"role": "write", "root": "/"}, None),
        ({"role": "write", "root": "~/home"}, None),
        ({"role": "read"}, None),
        ({"role": "admin"}, None),
        ({"role": "write", "root": "~/none"}, "there is no folder ~/none"),
        ({"role": "read", "root": "~/none/deeper"}, "there is no folder ~/none/deeper"),
        ({"role": "read", "root": "~/file"}, "~/file is no folder"),
    ],
)
def test_a_root_that_surprises_is_named_at_boot(micropython, user, problem):
    out = micropython(CHECK % json.dumps({"ann": {"password": HASH} | user}))

    problems = json.loads(out.partition("ANSWER ")[2])
    if problem is None:
        assert problems == []
    else:
        assert len(problems) == 1
        assert problems[0].startswith(f"ftp.users.ann.root: {problem}")
