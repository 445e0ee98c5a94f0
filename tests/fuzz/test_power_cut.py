"""What STOR acknowledged RETR returns, byte for byte, wherever the power fails.

Once on a LittleFS in memory, with the power cut at every write of some random uploads, renames
and deletions; and on whole boards, over FTP, with the power cut somewhere.
"""

import hashlib
import random

from fuzz.interpreter import many
from hypothesis import given
from hypothesis import strategies as st

DEVICE = """
import asyncio, hashlib, os
from ramflash import RamFlash, mount
from services.ftp import times
from services.ftp.commands import tree
from services.ftp.listing import stat_of
from services.ftp.storing import Upload
from services.ftp.sweep import sweep
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
        upload.discard()


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
