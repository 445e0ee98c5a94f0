"""What STOR acknowledged RETR returns, byte for byte, wherever the power fails.

Once on a LittleFS in memory, with the power cut at every write of some random uploads, renames
and deletions; and on whole boards, over FTP, with the power cut somewhere.
"""

import hashlib
import random

import pytest
from fixtures_sim import PASSWORD, desk
from ftp_client import passive_port
from fuzz.client import Client, connect
from fuzz.interpreter import many
from hypothesis import event, given
from hypothesis import strategies as st
from outpost.sim.desk import BoardFailed

DEVICE = """
import asyncio, hashlib, os
from ramflash import RamFlash, mount
from services.ftp.files import times
from services.ftp.commands import tree
from services.ftp.files.disk import stat_of
from services.ftp.files.upload import Upload
from services.ftp.files.sweep import sweep
from time import ticks_ms


class Transfer:
    bytes = touched = 0
    buffer = bytearray(512)


class Server:
    def is_busy(self, path):
        return False

    def is_around(self, session, path):
        return False

    def may_see(self, session, path):
        return True

    def changed(self, *arguments, **more):
        pass


class Session:
    server = Server()
    rename_from = None

    def path(self, arg, writing=False):
        return arg

    def shown(self, path):
        return path


async def store(path, content, keep):
    upload = Upload(path, 1, set())
    try:
        transfer = Transfer()
        transfer.began = ticks_ms()
        await upload.copy_old(keep, transfer)
        for at in range(0, len(content), 700):
            upload.file.write(content[at : at + 700])
        await upload.settle(transfer)
        upload.commit()
    finally:
        upload.close()


def size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return 0


async def do(verb, path, more):
    '''One command; nothing where there is no such file.'''
    try:
        if verb in ("STOR", "REST", "APPE"):
            keep = {"STOR": 0, "REST": size(path) // 2, "APPE": size(path)}[verb]
            await store(path, bytes.fromhex(more), keep)
        elif verb == "DELE":
            await tree.DELE(Session(), path)
        elif verb == "MFMT":
            times.keep(path, 1600000000)
        else:
            session = Session()
            await tree.RNFR(session, path)
            await tree.RNTO(session, more)
    except OSError:
        pass


def files():
    '''Every file on the flash after the next boot: name -> content.'''
    asyncio.run(sweep(set()))
    found = {}
    for name in os.listdir("/"):
        stat_of("/" + name)
        if name != ".times":
            with open("/" + name, "rb") as file:
                found[name] = file.read()
    return found


class Recorder(RamFlash):
    '''Remembers each write: where, and what; None for an erased block.'''

    log = []

    def writeblocks(self, block, buf, offset=0):
        self.log.append((block * 4096 + offset, bytes(buf)))
        super().writeblocks(block, buf, offset)

    def ioctl(self, op, arg):
        if op == 6:
            self.log.append((arg * 4096, None))
        return super().ioctl(op, arg)


def digest(content):
    return hashlib.sha256(content).digest().hex()


def cuts_in(commands):
    '''Look at the flash as a cut in each of its writes leaves it.

    Returns the files after each command without a cut, as name -> digest, and the first cut that
    left other files, as [write, command, sizes], else None.
    '''
    flash = Recorder(24)
    image = bytearray(flash.data)
    mount(flash)
    del flash.log[:]
    states = [{}]  # the files after each command, and how many writes it took to come there
    ends = [0]
    for command in commands:
        asyncio.run(do(*command))
        ends.append(len(flash.log))
        states.append(files())
        assert len(flash.log) == ends[-1], "nothing was to be swept"
    log = list(flash.log)
    digests = [{name: digest(found[name]) for name in found} for found in states]
    done = 0
    for number, (at, data) in enumerate(log):
        while number >= ends[done + 1]:
            done += 1
        size = 4096 if data is None else len(data)
        if data is not None:
            image[at : at + size // 2] = data[: size // 2]  # the cut falls into this one
            mount(RamFlash(data=bytearray(image)))
            found = files()
            if found not in (states[done], states[done + 1]):
                return digests, (number, done, {name: len(found[name]) for name in found})
        image[at : at + size] = bytes([255]) * size if data is None else data
    return digests, None
"""

PATHS = st.sampled_from(["/a", "/b"])
CONTENTS = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([100, 1000, 4100]).map(lambda size: random.Random(size).randbytes(size)),
)
COMMANDS = st.one_of(
    st.tuples(st.sampled_from(["STOR", "STOR", "APPE", "REST"]), PATHS, CONTENTS),
    st.tuples(st.sampled_from(["DELE", "MFMT"]), PATHS, st.just(b"")),
    st.tuples(st.just("RNTO"), PATHS, PATHS),
)


def after(files, verb, path, more):
    """The files, name -> content, after a command."""
    files = dict(files)
    name, old = path[1:], files.get(path[1:])
    if verb in ("STOR", "REST", "APPE"):
        kept = {"STOR": b"", "APPE": old or b"", "REST": (old or b"")[: len(old or b"") // 2]}
        files[name] = kept[verb] + more
    elif old is not None and verb in ("DELE", "RNTO"):
        del files[name]
        if verb == "RNTO":
            files[more[1:]] = old
    return files


@given(st.lists(COMMANDS, min_size=1, max_size=6))
@many(100)
def test_a_cut_in_any_write_leaves_each_file_as_it_was_or_as_it_was_to_be(device, commands):
    expected = [{}]
    for command in commands:
        expected.append(after(expected[-1], *command))

    states, fault = device(
        "cuts_in",
        [
            (verb, path, more.hex() if isinstance(more, bytes) else more)
            for verb, path, more in commands
        ],
    )

    digests = [
        {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        for files in expected
    ]
    assert states == digests, "not even without a cut"
    assert not fault, f"a cut in write {fault[0]}, of command {fault[1]}, left {fault[2]}"


# On whole boards.

NAMES = st.sampled_from(["/one", "/two"])
STEPS = st.one_of(
    st.tuples(st.sampled_from(["STOR", "APPE"]), NAMES, CONTENTS),
    st.tuples(st.sampled_from(["STOR", "APPE"]), NAMES, CONTENTS),
    st.tuples(st.sampled_from(["DELE", "MFMT"]), NAMES, st.just(b"")),
    st.tuples(st.just("RNTO"), NAMES, NAMES),
)
FIRST = [("STOR", "/one", bytes(1000)), ("STOR", "/two", b"old" * 500)]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A board that is off, its image, and how many writes it takes to come up."""
    with desk(tmp_path_factory.mktemp("cut")) as start:
        board = start()
        board.stop()
        yield board, board.flash.read_bytes(), boot_writes(board)


def boot_writes(board):
    """How many writes a boot takes that finds what the last one left."""
    board.start()
    board.wait_ready()
    board.stop()
    return board.programs + board.erases


def do(control, verb, path, more):
    """One step over FTP; True where the board has confirmed it, False where it refused."""
    if verb in ("STOR", "APPE"):
        sock = connect(passive_port(control.ask("EPSV")))
        with sock:
            if control.ask(f"{verb} {path}").code != 150:
                return False
            sock.sendall(more)
        return control.reply().code == 226
    if verb == "MFMT":
        return control.ask(f"MFMT 20200101000000 {path}").code == 213
    if verb == "DELE":
        return control.ask(f"DELE {path}").code == 250
    return control.ask(f"RNFR {path}").code == 350 and control.ask(f"RNTO {more}").code == 250


@given(st.lists(STEPS, min_size=2, max_size=5).map(FIRST.__add__), st.integers(0, 90))
@many(12)
def test_what_a_board_confirmed_is_there_after_the_power_failed(fresh, steps, write):
    board, image, boot = fresh
    board.flash.write_bytes(image)
    board.cut_at_write = boot - 2 + write
    files, doubtful = {}, {}
    board.start()
    try:
        board.wait_ready()
        control = Client(board.ftp_port).login("admin", PASSWORD)
        control.ask("TYPE I")
        for step in steps:
            doubtful = after(files, *step)
            if do(control, *step):
                files = doubtful
            doubtful = files
    except (OSError, BoardFailed):
        event(f"the power failed behind {len(files)} files")
    finally:
        board.kill()
        board.cut_at_write = 0

    board.start()
    board.wait_ready()
    control = Client(board.ftp_port).login("admin", PASSWORD)
    control.ask("TYPE I")
    found = {
        name: control.fetch(f"RETR /{name}")
        for name, size in control.entries("/").items()
        if name in ("one", "two")
    }
    board.kill()

    assert found in (files, doubtful)
