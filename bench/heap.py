"""Heap: what the servers hold, allocate and need at least; these figures repeat exactly."""

import ftplib
import subprocess
import tempfile
from pathlib import Path

from bench import servers
from bench.figures import markdown
from bench.speed import MIB

PARTS = {
    "Outpost, FTP alone": ("ftp",),
    "Outpost, FTP and log": ("log", "ftp"),
    "Outpost, main.py, all services": (),
}
FTPDLITE = "FTPdLite"
_MODULES = (
    *("asyncio", "hal", "services.status", "services.events", "services.site", "supervisor"),
    *("config", "recovery", "services.log.logger", "services.network"),
    *("services.ftp.server", "services.time", "services.telemetry"),
)
_IMPORT_HEAP = "8M"
_COMMANDS = 200
_LEAST_WK, _MOST_WK = 16, 192
_SMALL_START_S = 4  # one that collects garbage all the time may never come up


def makers(folder, ftpdlite=None):
    """name -> a callable (heap) that makes a server with a probe in it."""
    found = {
        name: lambda heap=servers.HEAP, services=services: servers.ProbedOutpost(
            folder, heap, services
        )
        for name, services in PARTS.items()
    }
    if ftpdlite:
        found[FTPDLITE] = lambda heap=servers.HEAP: servers.FTPdLite(folder, ftpdlite, heap)
    return found


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
    """(bytes above the bare interpreter with nobody logged in, bytes a session adds or None)."""
    with server.client() as first:
        one = live(first)
        if server.sessions < 2:
            return one, None
        with server.client():
            session = live(first) - one
    return one - session, session


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


def grows(connection, commands, transfers, path):
    """Bytes by which the heap has grown after so many commands and transfers of a small file."""
    steps = (lambda: connection.ftp.voidcmd("NOOP"), connection.ftp.pwd)
    for act in steps:  # what the first use adds is no growth
        act()
    connection.ftp.retrbinary(f"RETR {path}", len)
    before = live(connection)
    for number in range(commands):
        steps[number % len(steps)]()
    for _ in range(transfers):
        connection.ftp.retrbinary(f"RETR {path}", len)
    return live(connection) - before


def serves(make, heap, material):
    """Whether a server with such a heap moves 1 MiB both ways and lists 500 entries."""
    data = bytes(material.piece(1))
    room = bytearray(MIB + 1)
    stored = material.folder / "least"
    try:
        server = make(heap=heap)
        server.start_s = _SMALL_START_S
        with server, server.client() as connection:
            connection.store(f"{server.card}least", data)
            _, count = connection.retrieve(f"{server.card}least", room)
            lines = []
            connection.ftp.retrlines(f"LIST {server.card}list500", lines.append)
            return room[:count] == data == stored.read_bytes() and len(lines) == 500
    except (OSError, EOFError, ftplib.Error, servers.ServerDied):
        return False
    finally:
        stored.unlink(missing_ok=True)


def smallest(make, material):
    """The smallest heap that serves, as a number of wK; by halving, two attempts at each."""
    low, high = _LEAST_WK, _MOST_WK
    while low < high:
        middle = (low + high) // 2
        heap = f"{middle}wK"
        if serves(make, heap, material) or serves(make, heap, material):
            high = middle
        else:
            low = middle + 1
    return low


def imports(source):
    """[(module, live bytes, allocated bytes)] of importing every module, as .py or .mpy."""
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as root:
        servers.write_bundle(Path(root), source=source)
        script = servers.SCRIPTS / "imports.py"
        options = ("-X", f"heapsize={_IMPORT_HEAP}")
        done = subprocess.run(
            [servers.INTERPRETER, *options, script, root, *_MODULES],
            capture_output=True,
            text=True,
            check=True,
        )
    rows = (line.split() for line in done.stdout.splitlines())
    return [(name, int(stays), int(all_)) for name, stays, all_ in rows]


def sections(material, options):
    """Yield (title, Markdown) of each part of the figures."""
    found = makers(material.folder, options.ftpdlite)
    yield "Heap, in bytes on a 64-bit host", _figures(found, material)
    if not options.quick:
        rows = [(name, f"{smallest(make, material)}wK") for name, make in found.items()]
        yield "Smallest heap that moves 1 MiB both ways and lists 500", markdown(["", ""], rows)
    yield "Import cost of each module, in bytes on a 64-bit host", _imports()


def _figures(found, material):
    rows = {}
    for name, make in found.items():
        with make() as server:
            idle, session = at_rest(server)
            row = {"at rest, above the bare interpreter": idle, "one more session": session}
            with server.client() as connection:
                row |= _acts(server, connection, material)
        rows[name] = row
    measures = next(iter(rows.values()))
    body = [[m, *("-" if r[m] is None else f"{r[m]:,}" for r in rows.values())] for m in measures]
    return markdown(["", *rows], body)


def _acts(server, connection, material):
    """What single acts allocate, and how high the live heap rises in them."""
    mib = material.plan.sizes[0]
    big, small = f"{server.card}big{mib}", f"{server.card}small"
    count = material.plan.lists[0]
    piece = material.piece(mib)
    row = {}

    def commands():
        for _ in range(_COMMANDS):
            connection.ftp.voidcmd("NOOP")

    def listing():
        connection.ftp.retrlines(f"LIST {server.card}list{count}", len)

    def retrieve():
        connection.retrieve(big, material.room)

    def store():
        connection.store(f"{server.card}up", piece)
        (material.folder / "up").unlink()

    row["allocated by a NOOP"] = allocated(connection, commands) // _COMMANDS
    row["allocated by a 1 KiB RETR"] = allocated(
        connection, lambda: connection.ftp.retrbinary(f"RETR {small}", len)
    )
    row[f"allocated by a RETR of {mib} MiB, a MiB"] = allocated(connection, retrieve) // mib
    row[f"allocated by a STOR of {mib} MiB, a MiB"] = allocated(connection, store) // mib
    row[f"allocated by a LIST of {count}"] = allocated(connection, listing)
    row["peak in a RETR, above before it"] = peak(
        connection, lambda: connection.ftp.retrbinary(f"RETR {small}", len)
    )
    row[f"peak in a LIST of {count}, above before it"] = peak(connection, listing)
    if server.sessions > 1:
        row["grown after 1,000 commands, 200 transfers"] = grows(connection, 1000, 200, small)
    else:
        row["grown after 1,000 commands, 200 transfers"] = grows(connection, 1000, 5, small)
    return row


def _imports():
    compiled = imports(source=False)
    source = {name: (stays, all_) for name, stays, all_ in imports(source=True)}
    rows = []
    for name, stays, all_ in compiled:
        rows.append((name, stays, all_, *source.get(name, ("-", "-"))))
    totals = [sum(row[i] for row in rows if row[i] != "-") for i in range(1, 5)]
    rows.append(("all", *totals))
    head = ["", ".mpy stays", ".mpy allocated", ".py stays", ".py allocated"]
    return markdown(head, [[row[0], *(_grouped(cell) for cell in row[1:])] for row in rows])


def _grouped(cell):
    return cell if cell == "-" else f"{cell:,}"
