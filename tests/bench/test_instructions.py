"""Instructions: they are counted, they repeat, and small commands stay small."""

import shutil

import pytest

from bench import instructions


@pytest.mark.skipif(not shutil.which("valgrind"), reason="NOT TESTED: valgrind is not installed")
def test_what_a_client_first_does_takes_more_and_noop_stays_small(material):
    with instructions.CountedOutpost(material.folder, services=("ftp",)) as server:
        try:
            found = dict(instructions.rows(server))
        except instructions.Unavailable as error:
            pytest.skip(f"NOT TESTED: instructions: {error}")

    assert 40_000 < found[instructions.BOOT] < 150_000
    for first, later in (
        (instructions.FIRST_LOGIN, instructions.LOGIN),
        (instructions.FIRST_RETR, instructions.RETR),
        (instructions.FIRST_LIST, instructions.LIST),
    ):
        assert found[first] > found[later]
    assert 50 < found[instructions.NOOP] < 200
    assert 300 < found[instructions.LOGIN] < 1200


def test_without_valgrind_it_says_what_to_install(material, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(instructions.Unavailable, match="apt-get install valgrind"):
        next(instructions.tables(material.folder))
