"""The 32-bit interpreter: where its package comes from, and what is said where it can't be had."""

import pytest
from outpost.sim import i386
from outpost.sim.interpreters import Wide, interpreter


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("sources.list", "deb http://mirror.test/debian bookworm main\n"),
        ("sources.list", "# old\ndeb [signed-by=/k] https://mirror.test/debian/ trixie main\n"),
        (
            "sources.list.d/debian.sources",
            "Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm\nComponents: main\n",
        ),
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path, file, text):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "0other.list").write_text("deb http://x.test/apt stable main\n")
    (tmp_path / file).write_text(text)

    assert i386.mirror(tmp_path).rstrip("/").split("//")[1] == "mirror.test/debian"


def test_a_machine_without_debians_packages_is_told_so(tmp_path):
    (tmp_path / "sources.list").write_text("deb http://archive.test/ubuntu noble main\n")

    with pytest.raises(i386.Unavailable, match="no mirror of Debian"):
        i386.mirror(tmp_path)


def test_another_processor_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")

    with pytest.raises(i386.Unavailable, match="x86-64"):
        i386.bring(tmp_path / "here")


def test_where_it_can_not_be_had_boards_run_on_64_bits(monkeypatch, tmp_path):
    monkeypatch.setattr(i386, "folder", lambda: tmp_path)
    monkeypatch.setattr(i386, "found", i386.found.__wrapped__)

    def no(target):
        raise i386.Unavailable("no network")

    monkeypatch.setattr(i386, "bring", no)
    with pytest.raises(SystemExit) as ended:
        i386.main()

    assert ended.value.code is None, "make goes on"
    assert i386.found() is None
    assert isinstance(interpreter(), Wide)
    with pytest.raises(i386.Unavailable, match="not there"):
        interpreter(32)


def test_it_is_32_bits_wide_and_of_the_version_that_is_told():
    if not i386.found():
        pytest.skip("NOT TESTED: the 32-bit interpreter can't be had here")

    assert interpreter(32).bits == 32
