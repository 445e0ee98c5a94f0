"""Heap: what the servers hold, allocate and need at least, on 32 bits as boards have them."""

import ftplib
import functools
import re
import time

from outpost import bundle

from bench import servers
from bench.boards import ProbedOutpost
from bench.figures import Table
from bench.peers import FTPdLite
from bench.speed import MIB

FTP, LOG, ALL = "FTP alone", "FTP and log", "all services"
PARTS = {FTP: ("ftp",), LOG: ("log", "ftp"), ALL: ()}
MPY, FROZEN = ".mpy", "frozen"
AT_REST = "at rest, above the bare interpreter"
SESSION = "one more session"
SMALLEST = "1 MiB both ways and LIST of 500"
LONG_LIST = "LIST of 4,000"
_COMMANDS = 200
_LEAST_KIB, _MOST_KIB = 16, 192
_ROOMY_KIB = 160  # where it is measured what is taken, not what fits
_SMALL_START_S = 12  # one that collects garbage all the time may never come up
_NO_HEAP = "MemoryError"
_LOG_BATCH = 24  # lines that Outpost writes at once


def column(part, form=MPY):
    """The name of a part of Outpost in one form, at the head of a column."""
    return f"{part}, {form}"


def makers(folder, options, firmware=None):
    """name -> a callable (heap) that makes a server with a probe in it.

    firmware: an interpreter with Outpost frozen into it, to be measured, too.
    """
    found = {}
    for form, interpreter in ((MPY, None), (FROZEN, firmware)):
        if form == FROZEN and not firmware:
            continue
        for part, services in PARTS.items():
            found[column(part, form)] = (
                lambda heap=servers.HEAP, services=services, firmware=interpreter: ProbedOutpost(
                    folder, heap, services, firmware
                )
            )
    if options.ftpdlite:
        found[FTPdLite.name] = lambda heap=servers.HEAP: _narrow(
            FTPdLite(folder, options.ftpdlite, heap)
        )
    return found


def _narrow(server):
    server.bits = 32
    return server


def probe(connection, arg=""):
    """What SITE heap tells: a dict of base, live, total and peak, in bytes."""
    words = connection.ftp.sendcmd(f"SITE heap {arg}".strip()).split()
    return {key: int(value) for key, _, value in (w.partition("=") for w in words) if value}


def live(connection):
    """Bytes in use above the bare interpreter; the second look, as the first one still moves."""
    probe(connection)
    found = probe(connection)
    return found["live"] - found["base"]


def at_rest(server):
    """Bytes above the bare interpreter before anybody has logged in: call it first.

    Later the modules of the commands that were used are there, too, for a minute.
    """
    return _told_at_rest(server)[1]


def names_at_rest(server):
    """Interned names, the probe's own among them, before anybody has logged in."""
    return _told_at_rest(server)[0]


def names_in_all(server):
    """Interned names when each module of the bundle has been imported once: they never go."""
    with server.client() as connection:
        for one in bundle.merged(bundle.tree_root()):
            name = bundle.module_name(one.place)
            if one.place.lstrip("/") not in bundle.SOURCE_ONLY:
                probe(connection, f"import {name}")
        probe(connection, "names")
    return int(re.findall(r"n_qstr=(\d+)", server.printed())[-1])


def _told_at_rest(server):
    """What the probe prints when the boot is over: names, bytes above the bare interpreter."""
    deadline = time.monotonic() + server.start_s
    while time.monotonic() < deadline:
        printed = server.printed()
        if "Traceback" in printed:  # a service that could not be made takes little
            break
        if found := re.search(r"n_qstr=(\d+).*?at rest=(\d+)", printed, re.DOTALL):
            return int(found[1]), int(found[2])
        time.sleep(0.1)
    raise servers.ServerDied(f"{server.name} tells no heap at rest:\n{server.printed()[-2000:]}")


def a_session(server):
    """Bytes that one more session adds; None where there can be none."""
    if server.sessions < 2:
        return None
    with server.client() as first:
        one = live(first)
        with server.client():
            return live(first) - one


def allocated(connection, act):
    """Bytes that act() makes the server allocate, garbage included."""
    before = probe(connection)["total"]
    middle = probe(connection)["total"]
    act()
    return probe(connection)["total"] - middle - (middle - before)


def peak(connection, act):
    """The most live bytes during act() above those before it, seen between steps of the loop."""
    probe(connection)
    before = probe(connection, "peak")["live"]
    act()
    return max(0, probe(connection)["peak"] - before)


def grows(connection, commands, transfers, path, before=None):
    """Bytes by which the heap has grown after so many commands and transfers of a small file.

    before: how many transfers there are before the first look, by default as many: the log's
    ring and the backlog for MQTT fill, and what the first ones add is no growth.
    """
    steps = (lambda: connection.ftp.voidcmd("NOOP"), connection.ftp.pwd)

    def work(commands, transfers):
        for number in range(commands):
            steps[number % len(steps)]()
        for _ in range(transfers):
            connection.ftp.retrbinary(f"RETR {path}", len)

    def least():
        # Lines of the log wait until there is a batch of them: each transfer brings one.
        found = []
        for _ in range(_LOG_BATCH):
            work(0, 1)
            found.append(live(connection))
        return min(found)

    work(commands, transfers if before is None else before)
    at_first = least()
    work(commands, transfers)
    return least() - at_first


def serves(make, heap, act):
    """Whether a server with such a heap comes up and does act(server, connection) -> bool.

    All of it must: a MemoryError on the console is that of a service that is not there.
    """
    try:
        server = make(heap=heap)
        server.start_s = server.patience_s = _SMALL_START_S
        server.hopeless = _NO_HEAP
        with server, server.client() as connection:
            return act(server, connection) and _NO_HEAP not in server.printed()
    except (OSError, EOFError, ftplib.Error, servers.ServerDied):
        return False


def moves_and_lists(material):
    """An act for serves(): 1 MiB both ways and a LIST of 500."""
    data = bytes(material.piece(1))
    room = bytearray(MIB + 1)
    stored = material.folder / "least"

    def act(server, connection):
        try:
            connection.store(f"{server.card}least", data)
            _, count = connection.retrieve(f"{server.card}least", room)
            if room[:count] != data or stored.read_bytes() != data:
                return False
        finally:
            stored.unlink(missing_ok=True)
        return lists(500)(server, connection)

    return act


def lists(count):
    """An act for serves(): a LIST of so many."""

    def act(server, connection):
        lines = []
        connection.ftp.retrlines(f"LIST {server.card}list{count}", lines.append)
        return len(lines) == count

    return act


def smallest(make, act):
    """The smallest heap that serves, in KiB; by halving, two attempts at each."""
    low, high = _LEAST_KIB, _MOST_KIB
    while low < high:
        middle = (low + high) // 2
        if serves(make, middle, act) or serves(make, middle, act):
            high = middle
        else:
            low = middle + 1
    return low


def tables(material, options, firmware=None):
    """Yield (key, Table) of each part of the figures."""
    found = makers(material.folder, options, firmware)
    yield "heap", _figures(found, material, options.quick)
    if options.quick:
        return
    table = Table("Smallest heap that serves, in KiB, on 32 bits")
    for name, make in found.items():
        table.add(name, SMALLEST, smallest(make, moves_and_lists(material)))
        if 4000 in material.plan.lists and name != FTPdLite.name:  # which can't do it at all
            table.add(name, LONG_LIST, smallest(make, lists(4000)))
    yield "smallest", table


def _figures(found, material, quick):
    table = Table(
        "Heap, in bytes on 32 bits",
        "Growth is that of a second such run: in the first the log's ring and the backlog for "
        "MQTT fill. Their lines and events differ a little in length, up or down.",
    )
    for name, make in found.items():
        with make(heap=_ROOMY_KIB) as server:
            table.add(name, AT_REST, at_rest(server))
            table.add(name, SESSION, a_session(server))
            with server.client() as connection:
                for measure, value in _acts(server, connection, material, quick):
                    table.add(name, measure, value)
    return table


def _acts(server, connection, material, quick):
    """What single acts allocate, and how high the live heap rises in them."""
    ftp = connection.ftp
    mib = material.plan.sizes[0]
    big, small = f"{server.card}big{mib}", f"{server.card}small"
    count = material.plan.lists[0]
    piece = material.piece(mib)

    def listing():
        ftp.retrlines(f"LIST {server.card}list{count}", len)

    def retrieve():
        connection.retrieve(big, material.room)

    def store():
        connection.store(f"{server.card}up", piece)
        (material.folder / "up").unlink()

    def small_one():
        ftp.retrbinary(f"RETR {small}", len)

    def repeated(command):
        for _ in range(_COMMANDS):
            ftp.sendcmd(command)

    for command in ("NOOP", "PWD", f"CWD {server.card}", f"SIZE {small}", "STAT"):
        try:
            ftp.sendcmd(command)  # the first may bring a module
        except ftplib.Error:
            continue  # not every server knows it
        took = allocated(connection, functools.partial(repeated, command))
        yield f"allocated by {command.partition(' ')[0]}", took // _COMMANDS
    for act in (small_one, store, listing):  # the same goes for these
        act()
    yield "allocated by a 1 KiB RETR", allocated(connection, small_one)
    yield f"allocated by a RETR of {mib} MiB, a MiB", allocated(connection, retrieve) // mib
    yield f"allocated by a STOR of {mib} MiB, a MiB", allocated(connection, store) // mib
    yield f"allocated by a LIST of {count}", allocated(connection, listing)
    yield "peak in a RETR, above before it", peak(connection, small_one)
    yield f"peak in a LIST of {count}, above before it", peak(connection, listing)
    commands, transfers = (1000, 100) if quick else (10_000, 1000)
    before = None
    if server.sessions < 2:
        transfers, before = transfers // 20, 1  # it waits 0.2 s before each
    measure = f"grown after {commands:,} commands, {100 if quick else 1000:,} transfers"
    yield measure, grows(connection, commands, transfers, small, before)
