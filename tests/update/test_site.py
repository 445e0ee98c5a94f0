"""SITE UPDATE on a board: what is staged, refused, applied, confirmed and taken back."""

import hashlib
import json

import pytest
from archives import archive_with

GOOD = {"/good.py": b"WHOLE = True\n"}


@pytest.fixture(autouse=True)
def nothing_staged(updater):
    yield
    updater.status()  # a new session where the board was reset
    if "next" in updater.names():
        updater.site("ABANDON")


def test_nothing_is_staged_and_each_command_says_what_to_do(updater):
    status = updater.status()

    assert status["state"] in ("idle", "confirmed", "rolled-back")
    assert int(status["free"]) > 1_000_000
    assert status["mpy"] == "6"
    assert "upload it last" in updater.refusal("VERIFY")
    assert "upload it last" in updater.refusal("APPLY")
    assert "nothing to confirm" in updater.refusal("CONFIRM")
    assert "to go back to" in updater.refusal("ROLLBACK")
    assert "Nothing is staged" in updater.refusal("ABANDON")
    assert "STATUS | VERIFY" in updater.refusal("NOW")


def test_what_is_staged_is_told_verified_and_abandoned(updater):
    updater.stage(GOOD, version="1.5")

    assert updater.status() | {"state": "staged", "to": "1.5"} == updater.status()
    assert updater.site("VERIFY") == "211 Verified: 1 files, 0 removals, 13 bytes."
    assert updater.site("ABANDON") == "211 Abandoned: 2 files removed."
    assert "next" not in updater.names()


def test_a_file_in_its_place_need_not_be_staged(updater):
    updater.put("/there.py", b"x = 1\n")
    updater.stage({"/there.py": b"x = 1\n"})
    updater.session.delete("/next/there.py")

    assert updater.site("VERIFY") == "211 Verified: 0 files, 0 removals, 0 bytes."


# An archive with modules of another .mpy version.
OF_ANOTHER = archive_with()[:12] + b"\x05" + archive_with()[13:]


@pytest.mark.parametrize(
    ("files", "more", "says"),
    [
        ({"/a.py": b""}, {"files": {"/a.py": "0" * 64}}, "/next/a.py is not what the manifest"),
        ({}, {"files": {"/a.py": "0" * 64}}, "/a.py is neither staged under /next nor in its"),
        ({}, {"files": {"/a.py": "0"}}, "/a.py is neither"),
        ({"/a.py": b""}, {"files": {"/a.py": "0"}}, "has not 64 digits"),
        ({}, {"files": {"a.py": "0" * 64}}, "begin with /"),
        ({}, {"files": {"/../a.py": "0" * 64}}, "is no path of a file"),
        ({}, {"files": {"/a//b.py": "0" * 64}}, "is no path of a file"),
        ({}, {"files": {"/a/": "0" * 64}}, "is no path of a file"),
        ({}, {"files": {"/CONFIG~1.JSO": "0" * 64}}, "is no path of a file"),
        ({}, {"files": {"/config.json": "0" * 64}}, "is the board's own"),
        ({}, {"files": {"/Config.JSON": "0" * 64}}, "is the board's own"),
        ({}, {"remove": ["/config.last"]}, "is the board's own"),
        ({}, {"remove": ["/boot.json"]}, "is the board's own"),
        ({}, {"remove": ["/log/outpost.log"]}, "is the board's own"),
        ({}, {"files": {"/tls/key.der": "0" * 64}}, "is the board's own"),
        ({}, {"files": {"/next/x": "0" * 64}}, "is the board's own"),
        ({}, {"remove": ["/prev/0"]}, "is the board's own"),
        ({}, {"remove": ["/.upload-1"]}, "FTP's own"),
        ({"/boot.py": b""}, {}, '"boot": true'),
        ({}, {"remove": ["/recovery.mpy"]}, '"boot": true'),
        ({}, {"remove": ["/folder"]}, "is a folder"),
        ({"/folder": b"x"}, {}, "is a folder"),
        ({"/main.py/x.py": b""}, {}, "needs a folder /main.py"),
        ({"/a.py": b""}, {"remove": ["/a.py"]}, 'in "remove" too'),
        ({"/a.mpy": b"M\x05\x00\x1f"}, {}, "compiled for another MicroPython"),
        ({"/a.mpy": b"print(1)"}, {}, "compiled for another MicroPython"),
        ({"/main.mpy": b"M\x06\x00\x1f"}, {}, "/main.py would run in place of /main.mpy"),
        ({"/a.py": b"", "/a.mpy": b"M\x06\x00\x1f"}, {}, "/a.py would run in place of /a.mpy"),
        ({"/outpost.bin": archive_with()[:-1]}, {}, "no archive of Outpost's, or not whole"),
        ({"/outpost.bin": b"x"}, {}, "no archive of Outpost's, or not whole"),
        ({"/outpost.bin": OF_ANOTHER}, {}, "compiled for another MicroPython"),
        (
            {"/daemon.mpy": b"M\x06\x00\x1f", "/outpost.bin": archive_with()},
            {},
            "/daemon.mpy would run in place of /outpost.bin",
        ),
        ({}, {"version": ""}, "version must have 1 to 32"),
        ({}, {"version": "a b"}, "version must have 1 to 32"),
        ({}, {"version": None}, "version must have 1 to 32"),
        ({}, {"trial_s": 0}, "trial_s must be from 1"),
        ({}, {"trial_s": "60"}, "trial_s must be from 1"),
    ],
)
def test_what_cannot_be_is_refused_and_named(updater, files, more, says):
    updater.put("/folder/file", b"")
    updater.stage(files, **more)

    assert says in updater.refusal("APPLY")
    assert "prev" not in updater.names()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '"x"', '{"version": "1"', '{"version" "1"}', '{"version": "1" "files": {}}',
     '{"version": "1", "files": {"/a": ["x"]}}', '{"a": {"b": {}}}', "\xff",
     '{"version": "' + "x" * 500 + '"}', '{"files": {}}'],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(updater, text):
    updater.put("/next/manifest.json", text.encode("latin-1"))

    assert "/next/manifest.json: " in updater.refusal("VERIFY")
    assert updater.status()["reason"].startswith("/next/manifest.json: ")


def test_any_json_of_a_manifest_is_read(updater):
    path = '/d\u00e4ta "x"/z.py'
    updater.stage({path: b"1"})
    text = json.dumps(
        {
            "note": None,
            "more": [1, 2.5, True],
            "boot": False,
            "remove": [],
            "files": {path: hashlib.sha256(b"1").hexdigest().upper()},
            "version": "1.0+b.2\\",
        },
        indent=3,
        ensure_ascii=False,
    )
    updater.put("/next/manifest.json", text.encode())

    assert updater.site("VERIFY") == "211 Verified: 1 files, 0 removals, 1 bytes."
    assert updater.status()["to"] == "1.0+b.2\\"


def test_a_version_comes_is_on_trial_and_stays(updater):
    own = updater.status()["version"]
    updater.put("/old.py", b"old\n")
    updater.put("/gone/with/it.py", b"old\n")
    before = updater.names()
    updater.stage(
        {"/old.py": b"new\n", "/made/for/it.py": b"new\n"},
        remove=["/gone/with/it.py", "/never.py"],
        version="2.1",
    )
    resets = updater.board.resets

    assert updater.apply() == "211 2.1: 2 files, 1 removals. Restarting."
    on_trial = updater.wait_for("trial")
    assert (on_trial["version"], on_trial["to"], on_trial["boots"]) == ("2.1", "2.1", "1")
    assert updater.get("/old.py") == updater.get("/made/for/it.py") == b"new\n"
    assert "on trial" in updater.refusal("APPLY")
    confirmed = updater.wait_for("confirmed")

    assert confirmed["version"] == "2.1"
    assert updater.board.resets == resets + 1
    assert updater.names() == before - {"gone"} | {"made"}
    assert "version 2.1" in updater.board.stat(updater.session)
    assert f"Outpost {own} (" in updater.board.stat(updater.session), "which is not what came"
    assert f"update/confirmed from={on_trial['from']} version=2.1" in updater.board.console


def test_outposts_version_and_the_applications_are_two(updater):
    """Each update changes one of them, and a rollback gives back the one that it had changed."""

    def brought(state, **manifest):
        updater.stage({"/old.py": manifest["version"].encode()}, **manifest)
        updater.apply()
        updater.wait_for("trial")
        if state == "rolled-back":
            updater.site("ROLLBACK")
        else:
            updater.site("CONFIRM")
        status = updater.wait_for(state)
        return status["version"], status["outpost"], status["application"]

    own = updater.status()["outpost"]
    assert brought("confirmed", version="weather-3") == ("weather-3", own, "weather-3")
    assert "\n211-Application weather-3\n" in updater.board.stat(updater.session)
    assert brought("rolled-back", version="weather-4") == ("weather-3", own, "weather-3")
    assert brought("confirmed", version="9.9+ab", outpost=True) == ("9.9+ab", own, "weather-3")
    assert brought("rolled-back", version="weather-5") == ("9.9+ab", own, "weather-3")
    assert brought("rolled-back", version="9.9+cd", outpost=True) == ("9.9+ab", own, "weather-3")


def test_a_version_on_trial_is_taken_back_on_request(updater):
    updater.put("/old.py", b"old\n")
    updater.put("/gone.py", b"old\n")
    before = updater.names()
    was = updater.status()["version"]
    updater.stage({"/old.py": b"new\n", "/new/one.py": b"new\n"}, remove=["/gone.py"], trial_s=600)
    updater.apply()
    updater.wait_for("trial")

    assert updater.site("ROLLBACK") == "211 Going back. Restarting."
    status = updater.wait_for("rolled-back")

    assert (status["version"], status["to"]) == (was, "2.0")
    assert status["reason"] == "an operator asked for it"
    assert updater.names() == before
    assert updater.get("/old.py") == updater.get("/gone.py") == b"old\n"
    assert f'update/rolled-back from=2.0 reason="an operator asked for it" version={was}' in (
        updater.board.console
    )


def test_a_version_on_trial_is_confirmed_on_request(updater):
    updater.stage(GOOD, version="2.2", trial_s=600)
    updater.apply()
    updater.wait_for("trial")

    assert updater.site("CONFIRM") == "211 Confirmed."
    assert updater.status()["state"] == "confirmed"
    assert "prev" not in updater.names()


def test_what_boots_the_board_comes_and_goes_where_the_manifest_says_so(updater):
    old = updater.get("/boot.py")
    new = old + b"# another one\n"
    updater.stage({"/boot.py": new}, boot=True, trial_s=600)
    updater.apply()
    updater.wait_for("trial")
    assert updater.get("/boot.py") == new

    updater.site("ROLLBACK")
    updater.wait_for("rolled-back")

    assert updater.get("/boot.py") == old
    assert "prev" not in updater.names()
