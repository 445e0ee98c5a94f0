"""`make deps`: where the three packages come from."""

import pytest
from outpost import dependencies
from outpost.dependencies import (
    LET_THROUGH,
    PACKAGES,
    MissingCheckout,
    NotForBoards,
    fetch,
    require_real,
)


@pytest.fixture
def standins(tmp_path):
    """A folder with a stand-in for each package."""
    return made(tmp_path / "standins", "stand-in", *(file for file, _ in PACKAGES.values()))


def made(folder, text, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.py")}


def test_a_checkout_that_is_named_is_taken(tmp_path, standins):
    places = [f"{folder}/{file}" for file, folder in PACKAGES.values()]
    checkout = made(tmp_path / "checkout", "real", *places)
    said = []

    fetch(tmp_path / "lib", checkout=checkout, standins=standins, say=said.append)

    assert contents(tmp_path / "lib") == dict.fromkeys(
        ["logging.py", "ntptime.py", "umqtt/simple.py"], "real"
    )
    assert len(said) == 3
    assert all(str(checkout) in line for line in said)


def test_a_folder_that_is_no_checkout_is_named(tmp_path, standins):
    with pytest.raises(MissingCheckout, match=r"logging.py is missing: MICROPYTHON_LIB"):
        fetch(tmp_path / "lib", checkout=tmp_path, standins=standins)


def test_stand_ins_come_where_mip_reaches_nothing(tmp_path, standins, monkeypatch):
    monkeypatch.setattr(dependencies, "INDEX", "http://127.0.0.1:9")
    said = []

    fetch(tmp_path / "lib", standins=standins, say=said.append)

    assert set(contents(tmp_path / "lib").values()) == {"stand-in"}
    assert [line.split(":")[0] for line in said] == list(PACKAGES)
    assert all("stand-in" in line for line in said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lib", "standins"]


def test_mip_that_answers_too_late_is_given_up(tmp_path, standins, monkeypatch):
    slow = made(tmp_path / "bin", "#!/bin/sh\nexec sleep 60\n", "micropython") / "micropython"
    slow.chmod(0o755)
    monkeypatch.setattr(dependencies, "INTERPRETER", slow)
    monkeypatch.setattr(dependencies, "MIP_TIMEOUT_S", 0.3)

    fetch(tmp_path / "lib", standins=standins)

    assert set(contents(tmp_path / "lib").values()) == {"stand-in"}


def test_what_mip_fetched_is_taken(tmp_path, standins, monkeypatch):
    # Stands for the interpreter: puts a file of each package where --target says.
    script = '#!/bin/sh\nmkdir -p "$7/umqtt"\nfor f in logging ntptime umqtt/simple; do\n'
    script += '  echo mip > "$7/$f.py"\ndone\n'
    fake = made(tmp_path / "bin", script, "micropython") / "micropython"
    fake.chmod(0o755)
    monkeypatch.setattr(dependencies, "INTERPRETER", fake)
    said = []

    fetch(tmp_path / "lib", standins=standins, say=said.append)

    assert set(contents(tmp_path / "lib").values()) == {"mip\n"}
    assert all(line.endswith("through mip") for line in said)


def test_a_missing_package_and_a_standin_are_not_for_boards(tmp_path, standins, monkeypatch):
    monkeypatch.delenv(LET_THROUGH, raising=False)
    with pytest.raises(NotForBoards, match=r"logging, ntptime, umqtt.simple: missing in"):
        require_real(tmp_path / "none", standins, print)
    with pytest.raises(NotForBoards, match=r"logging, ntptime, umqtt.simple: the stand-ins"):
        require_real(standins, standins, print)
    monkeypatch.setenv(LET_THROUGH, "1")
    require_real(standins, standins, print)


def test_another_version_than_the_pinned_one_is_told(tmp_path, standins):
    library = made(tmp_path / "lib", "another", *(file for file, _ in PACKAGES.values()))
    said = []
    require_real(library, standins, said.append)
    assert said[0] == "logging: not version 0.6.2 of micropython-lib, by its SHA-256"
    assert len(said) == 3
