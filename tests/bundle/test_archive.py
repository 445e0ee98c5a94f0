"""The archive: what is in it, how little flash it takes, what the board makes of it."""

import json
import zlib

import pytest
from outpost import bundle
from outpost.bundle import archive
from outpost.sim.boards import BOARDS
from outpost.sim.flash import Flash

TREE = bundle.tree_root()
BLOCK = 4096
BLOCKS = 40  # of LittleFS, for all of Outpost


def blocks(files):
    return sum(-(-len(file.content) // BLOCK) for file in files)


@pytest.fixture(scope="module")
def files():
    return bundle.device_files(TREE)


def test_outpost_takes_few_blocks(files):
    assert {file.path for file in files} == {
        *("/boot.py", "/main.py", "/outpost.bin"),
        *("/archive.mpy", "/journal.mpy", "/recovery.mpy", "/resets.mpy"),
    }
    assert blocks(files) <= BLOCKS
    assert all(blocks([file]) == 1 for file in files if file.path != bundle.ARCHIVE)


def test_littlefs_gives_it_no_more_than_that(files, tmp_path):
    with Flash(tmp_path / "flash.img", board=BOARDS["pico-w"]) as flash:
        before = flash._fs.used_block_count
        flash.deploy(files, bundle.digest(files))
        assert flash._fs.used_block_count - before <= BLOCKS


def test_the_archive_holds_every_other_module_as_it_was_compiled(files):
    whole = {file.path: file.content for file in files}
    modules = {file.path: file.content for file in bundle.modules(TREE)}
    found = archive.unpacked(whole[bundle.ARCHIVE])
    inside = [path for path in modules if path not in whole]
    assert len(inside) == len(found) > 80
    for path in inside:
        assert found[zlib.crc32(path.encode())].startswith(modules[path]), path
    assert all(modules[path] == whole[path] for path in modules if path in whole)


def test_the_head_names_bundle_and_mpy_version(files):
    (packed,) = [file for file in files if file.path == bundle.ARCHIVE]
    assert packed.mpy == 6
    told = bundle.bundle_id(bundle.merged(TREE))
    assert packed.content[14:18].hex() == told
    assert bundle.unloadable([packed], 5)
    assert not bundle.unloadable([packed], 6)


def test_what_is_deflated_is_loaded_at_boot_alone():
    """Late modules must load in what is left of a heap: a window for inflating is too much."""
    late = ("commands", "session", "setting", "discovery", "manual", "operator")
    assert not [name for name in archive._AT_BOOT if name.endswith(late)]
    there = {file.path.removesuffix(".mpy") for file in bundle.modules(TREE)}
    assert set(archive._DEFLATED) <= there


def test_only_one_file_may_be_no_module():
    one = {"/a.mpy": b"M\x06one", "/hal/texts": b"words"}
    packed = archive.packed(one, None)
    assert packed.endswith(b"words")
    with pytest.raises(archive.ArchiveError, match="only the last one"):
        archive.packed(one | {"/other": b""}, None)
    with pytest.raises(archive.ArchiveError, match="versions"):
        archive.packed({"/a.mpy": b"M\x06", "/b.mpy": b"M\x05"}, None)


SCRIPT = """
import json, os, sys
import ramflash, vfs
import archive

PATH = "/outpost.bin"
with open(sys.argv[1], "rb") as file:
    content = file.read()
readers = []
for path in sys.argv[2:3]:
    with open(path, "rb") as file:
        readers.append((path[path.rfind("/"):], file.read()))
flash = ramflash.RamFlash(64)
ramflash.mount(flash)

def put(content, path=PATH):
    with open(path, "wb") as file:
        file.write(content)

for path, text in readers:
    put(text, path)  # to be imported anew: the host's files are gone
sys.path.append("/")

def say(*values):
    print("@" + json.dumps(values))

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)

def again():
    global archive
    for _, point in vfs.mount():
        if point == "/.o":
            vfs.umount(point)
            sys.path[:] = [part for part in sys.path if not part.startswith(point)]
    sys.modules.pop("archive", None)
    import archive
    return archive
"""


@pytest.fixture
def board(micropython, tmp_path):
    """A callable(files, script) -> what the script said; files: path -> bytes of an archive."""

    def run(files, script):
        packed = tmp_path / "packed"
        packed.write_bytes(files if isinstance(files, bytes) else archive.packed(files, None))
        out = micropython(SCRIPT + script, packed, TREE / "archive.py").splitlines()
        return [json.loads(line[1:]) for line in out if line.startswith("@")]

    return run


def module(text, name="m"):
    return bundle.compiled(text.encode(), name, TREE / "build" / "mpy")


MODULES = {
    "/top.mpy": module("import lonely\nword = 'top ' + lonely.word"),
    "/assemble.mpy": module("word = 'deflated ' + 'x' * 3000"),
    "/pack/__init__.mpy": module("word = 'pack'"),
    "/pack/inner.mpy": module("word = 'inner'\ndef f():\n    raise ValueError('x')"),
    "/lib/lonely.mpy": module("word = 'lonely'"),
    "/lib/deep/one.mpy": module("word = 'one'"),
    "/pack/texts": b"\xc3\xa4 first\nsecond\n",
}


def test_imports_find_what_is_in_it(board):
    said = board(
        MODULES,
        """
put(content)
archive.start()
say([part for part in sys.path if part.startswith("/.o")])
import top, assemble, pack
from pack import inner
import deep.one
say(top.word, assemble.word[:9], len(assemble.word), pack.word, inner.word, deep.one.word)
say(attempt(__import__, "nothing"), attempt(__import__, "pack.nothing"))
import hashlib, deflate
with open(pack.__path__ + "/texts") as file:
    say(file.readline(), file.read(3), file.seek(2, 1) > 0, file.read())
with open("/.o/pack/texts", "rb") as file:
    say(file.read(4)[2:].decode())
say(attempt(open, "/.o/pack/texts", "w"), attempt(open, "/.o/pack/none"))
say(*[attempt(lambda: os.stat("/.o" + path)[0]) for path in
    ("/", "/pack", "/lib", "/lib/deep", "/top.mpy", "/pack/inner.mpy", "/pack/texts", "/deep",
     "/top", "/top.py", "/pack/inner", "/lonely.mpy", "/inner.mpy")])
say(list(os.ilistdir("/.o")))
say(*[attempt(do, "/.o/top.mpy") for do in (os.remove, os.mkdir, os.rmdir, os.statvfs)])
""",
    )
    folder, file, none = 0x4000, 0x8000, "OSError: [Errno 2] ENOENT"
    assert said[0] == [["/.o", "/.o/lib"]]
    assert said[1] == ["top lonely", "deflated ", 3009, "pack", "inner", "one"]
    assert all(text.startswith("ImportError") for text in said[2])
    assert said[3] == ["ä first\n", "sec", True, "d\n"]
    assert said[4] == [" f"]
    assert said[5] == ["OSError: 30", none]  # read-only
    assert said[6] == [folder] * 4 + [file] * 3 + [none] * 6
    assert said[7] == [[]]
    assert said[8] == ["OSError: 30"] * 4


def test_it_comes_before_what_lies_on_flash_but_not_before_a_whole_plain_outpost(board):
    said = board(
        {"/top.mpy": module("word = 'archive'"), "/hal/x.mpy": module("word = 'archive'")},
        """
os.mkdir("/hal")
put(b"word = 'flash'", "/top.py")
put(b"word = 'flash'", "/hal/x.py")
put(content)
def words():
    again().start()
    sys.path[:] = [part for part in sys.path if part.startswith("/.o")] + ["/"]
    for name in ("top", "hal", "hal.x"):
        sys.modules.pop(name, None)
    import top, hal.x
    return [top.word, hal.x.word]
say(*words())
for name in ("daemon.mpy", "daemon.py", "supervisor.mpy", "supervisor.py"):
    put(b"", "/" + name)
    say(*words())
    os.remove("/" + name)
os.remove(PATH)
say(*words())
""",
    )
    assert said == [["archive"] * 2, *[["flash"] * 2] * 5]


def test_one_that_is_damaged_is_told_and_not_mounted(board):
    said = board(
        MODULES,
        """
index = content[23] * 128 + content[13]
wrong = [content[:-1], content + b"x", content[:100], content[:10], b"", b"x" * 500]
for at in (0, 5, 9, 12, 13, 23, 24, 40, 24 + index - 1):
    wrong.append(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
for made in wrong:
    put(made)
    said = attempt(again().start)
    say(said, "/.o" in [point for _, point in vfs.mount()], "/.o" in sys.path)
put(content)
say(attempt(again().start))
""",
    )
    assert said.pop() == [None]
    assert len(said) == 15
    for text, mounted, on_path in said:
        assert "/outpost.bin" in text
        assert (mounted, on_path) == (False, False), text


def test_one_that_is_replaced_or_cut_while_it_is_mounted_raises_and_nothing_more(board):
    said = board(
        MODULES,
        """
put(content)
archive.start()
for made in (content[:100], content[:26], b"", b"\\xff" * 300):
    put(made)
    say(attempt(__import__, "pack.inner"), str(attempt(open, "/.o/pack/inner.mpy", "rb")))
os.remove(PATH)
say(attempt(__import__, "pack.inner"), attempt(open, "/.o/pack/inner.mpy", "rb"))
""",
    )
    for first, second in said:
        assert first.split(":")[0] in ("ImportError", "ValueError", "OSError"), first
        assert second.startswith(("OSError", "<io.FileIO")), second


def test_what_import_takes_for_not_there_is_raised_all_the_same(board):
    """A Ctrl-C, no memory and bad flash end in their own words, never as "no module named"."""
    said = board(
        {"/hal/x.mpy": module("word = 'archive'")},
        """
put(content)
archive.start()
import io
class Failing:
    def open(self, path, mode="r"):
        if failures:
            raise failures.pop()
        return io.open(path, mode)
archive.io = Failing()
def attempt(function, *arguments):
    try:
        return function(*arguments).word
    except BaseException as error:
        return repr(error)
for failure in (KeyboardInterrupt(), MemoryError("full"), OSError(5)):
    failures = [failure]
    say(attempt(__import__, "hal.x", None, None, ("x",)),
        attempt(__import__, "hal.y", None, None, ("y",)),
        attempt(__import__, "hal.x", None, None, ("x",)))
    sys.modules.pop("hal.x")
""",
    )
    assert [words[0] for words in said] == [
        "KeyboardInterrupt()",
        "MemoryError('full',)",
        "OSError(5,)",
    ]
    for words in said:
        assert words[1:] == ["ImportError(\"no module named 'hal.y'\",)", "archive"]
