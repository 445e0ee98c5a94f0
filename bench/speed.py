"""Speed: what each server does in each round, all with the same client."""

import contextlib
import ftplib
import os
import re
import statistics
import sys
import threading
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bench import client
from bench.client import take_all

MIB = 1 << 20
_SMALL = 1024
_BESIDE_MIB = 96  # a transfer long enough to be watched from a second session


@dataclass(frozen=True)
class Plan:
    """How much of everything: sizes in MiB, time in seconds for each rate."""

    sizes: tuple = (16, 32)
    repeats: int = 3  # of a transfer in a round; the median counts
    rate_s: float = 0.8
    lists: tuple = (500, 4000)
    flash_mib: int = 2
    tls_mib: int = 16  # one of the sizes


QUICK = Plan(sizes=(16,), rate_s=0.4, lists=(500,))


class Material:
    """The card's content: `folder` holds big<MiB>, small, beside, and the folders of LIST."""

    def __init__(self, folder, plan):
        self.folder = Path(folder)
        self.plan = plan
        largest = max(*plan.sizes, plan.flash_mib)
        self.data = os.urandom(largest * MIB)
        # Filled, so that no page of theirs is made while a transfer is timed.
        self.room = bytearray(b"-") * (largest * MIB + 1)
        self.rooms = [bytearray(b"-") * (plan.sizes[0] * MIB + 1) for _ in range(4)]
        for size in plan.sizes:
            (self.folder / f"big{size}").write_bytes(self.piece(size))
        (self.folder / "small").write_bytes(self.data[:_SMALL])
        with (self.folder / "beside").open("wb") as file:
            file.truncate(_BESIDE_MIB * MIB)
        for count in plan.lists:
            entries = self.folder / f"list{count}"
            entries.mkdir()
            for number in range(count):
                (entries / f"entry-{number:05}.txt").touch()
        self._digests = {size: sha256(self.piece(size)).hexdigest() for size in self._all_sizes}

    @property
    def _all_sizes(self):
        return {*self.plan.sizes, self.plan.flash_mib}

    def piece(self, mib):
        """The first MiBs of the random bytes that are sent."""
        return memoryview(self.data)[: mib * MIB]

    def check(self, data, mib, what):
        """client.WrongContent where data is not that piece."""
        client.check(data, self._digests[mib], what)


def transfers(server, material):
    """RETR and STOR: MiB/s from the 150 to the end, and the server's processor time."""
    for mib in material.plan.sizes:
        down, up, cpu_down, cpu_up = [], [], [], []
        for _ in range(material.plan.repeats):
            with server.client() as connection:
                start = server.cpu_s()
                took, count = connection.retrieve(f"{server.card}big{mib}", material.room)
                middle = server.cpu_s()
                material.check(memoryview(material.room)[:count], mib, f"RETR of {server.name}")
                down.append(mib / took)
                cpu_down.append((middle - start) * 1000 / mib)
                start = server.cpu_s()
                up.append(mib / connection.store(f"{server.card}up", material.piece(mib)))
                cpu_up.append((server.cpu_s() - start) * 1000 / mib)
            stored = material.folder / "up"
            material.check(stored.read_bytes(), mib, f"STOR of {server.name}")
            stored.unlink()
        yield f"RETR {mib} MiB, MiB/s", statistics.median(down)
        yield f"STOR {mib} MiB, MiB/s", statistics.median(up)
        yield f"RETR {mib} MiB, CPU ms/MiB", statistics.median(cpu_down)
        yield f"STOR {mib} MiB, CPU ms/MiB", statistics.median(cpu_up)


def small_files(server, material):
    """1 KiB files a second, each with its own data connection, as ftplib moves them."""
    with server.client() as connection:
        ftp = connection.ftp
        got = bytearray()
        yield from _rate_and_cpu(
            server,
            material,
            "1 KiB RETR",
            lambda: ftp.retrbinary(f"RETR {server.card}small", got.extend),
        )
        small = material.data[:_SMALL]
        if got != small * (len(got) // _SMALL):
            raise client.WrongContent(f"RETR small of {server.name}")
        path = material.folder / "small"
        yield from _rate_and_cpu(
            server,
            material,
            "1 KiB STOR",
            lambda: ftp.storbinary(f"STOR {server.card}smallup", path.open("rb")),
        )
        stored = material.folder / "smallup"
        if stored.read_bytes() != small:
            raise client.WrongContent(f"STOR small of {server.name}")
        stored.unlink()


def commands(server, material):
    """NOOP; login and QUIT."""
    with server.client() as connection:
        act = connection.ftp.voidcmd
        yield from _rate_and_cpu(server, material, "NOOP", lambda: act("NOOP"))
    yield from _rate_and_cpu(server, material, "login+QUIT", server.answers)


def listings(server, material):
    """LIST, with its PASV, in ms."""
    for count in material.plan.lists:
        if count > server.longest_list:
            continue
        took = []
        with server.client() as connection:
            for _ in range(3):
                lines = []
                began = time.perf_counter()
                connection.ftp.retrlines(f"LIST {server.card}list{count}", lines.append)
                took.append((time.perf_counter() - began) * 1000)
                if len(lines) != count:
                    raise client.WrongContent(f"LIST of {server.name}: {len(lines)} lines")
        yield f"LIST of {count}, ms", statistics.median(took)


def four_at_once(server, material):
    """Four RETRs at once: their sum in MiB/s, from the first 150 to the last one's end. One thread
    takes all: more would take the server's processor."""
    if server.sessions < 4:
        return
    mib = material.plan.sizes[0]
    rooms = material.rooms
    sums = []
    for _ in range(material.plan.repeats):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.client()) for _ in rooms]
            socks = [clients[0].ftp.ntransfercmd(f"RETR {server.card}big{mib}")[0]]
            began = time.perf_counter()
            for c in clients[1:]:
                socks.append(c.ftp.ntransfercmd(f"RETR {server.card}big{mib}")[0])
            take_all(socks, rooms)
            sums.append(4 * mib / (time.perf_counter() - began))
            for connection in clients:
                connection.ftp.voidresp()
        for room in rooms:
            material.check(memoryview(room)[:-1], mib, f"four RETRs of {server.name}")
    yield f"4 x RETR {mib} MiB at once, MiB/s", statistics.median(sums)


def noop_beside(server, material):
    """NOOP on a second session while another transfers: median and longest, in ms."""
    if server.sessions < 2:
        return
    room = bytearray(_BESIDE_MIB * MIB + 1)
    view = memoryview(room)[:-1]
    for verb in ("RETR", "STOR"):
        with server.client() as worker, server.client() as watcher:
            if verb == "RETR":
                work = threading.Thread(
                    target=worker.retrieve, args=(f"{server.card}beside", room)
                )
            else:
                work = threading.Thread(target=worker.store, args=(f"{server.card}up", view))
            took = []
            work.start()
            while work.is_alive():
                began = time.perf_counter()
                watcher.ftp.voidcmd("NOOP")
                took.append((time.perf_counter() - began) * 1000)
            work.join()
        yield f"NOOP beside {verb}, median ms", statistics.median(took)
        yield f"NOOP beside {verb}, longest ms", max(took)
    (material.folder / "up").unlink()


def on_flash(server, material):
    """RETR and STOR of a file on LittleFS; the blocking loop reads and writes without a socket."""
    if not server.flash:
        return
    mib = material.plan.flash_mib
    path = f"{server.flash}flash"
    with server.client() as connection:
        up = connection.store(path, material.piece(mib))
        if server.sessions:
            down, count = connection.retrieve(path, material.room)
            material.check(memoryview(material.room)[:count], mib, f"LittleFS of {server.name}")
        else:
            down = connection.bare("READ", path)
            up = connection.bare("WRITE", path)
    yield f"RETR {mib} MiB on LittleFS, MiB/s", mib / down
    yield f"STOR {mib} MiB on LittleFS, MiB/s", mib / up


def secured(server, material):
    """RETR and STOR over TLS, as transfers() has them; a login with its handshake, in ms."""
    if not server.secure:
        return
    mib = material.plan.tls_mib
    down, up, login = [], [], []
    for _ in range(material.plan.repeats):
        began = time.perf_counter()
        with server.client(secure=True) as connection:
            login.append((time.perf_counter() - began) * 1000)
            took, count = connection.retrieve(f"{server.card}big{mib}", material.room)
            down.append(mib / took)
            material.check(memoryview(material.room)[:count], mib, f"FTPS RETR of {server.name}")
            up.append(mib / connection.store(f"{server.card}up", material.piece(mib)))
        stored = material.folder / "up"
        material.check(stored.read_bytes(), mib, f"FTPS STOR of {server.name}")
        stored.unlink()
    yield f"FTPS RETR {mib} MiB, MiB/s", statistics.median(down)
    yield f"FTPS STOR {mib} MiB, MiB/s", statistics.median(up)
    if server.sessions:
        yield "FTPS connection and login, ms", statistics.median(login)


def password(server, material):
    """What PBKDF2 costs, which a known client pays once, in ms."""
    if server.name != "Outpost":
        return
    with server.client() as connection:
        began = time.perf_counter()
        connection.ftp.sendcmd("SITE hashpass bench")
        yield "PBKDF2 of a password, ms", (time.perf_counter() - began) * 1000


def stall_before_flash(server, material):
    """The longest stall of all that came before, with little written to LittleFS."""
    if server.name == "Outpost":
        yield "longest loop stall, ms", _stall(server)


def stall_on_flash(server, material):
    """The longest stall with transfers on LittleFS, whose erases block, too."""
    if server.name == "Outpost":
        yield "longest loop stall, LittleFS transfers too, ms", _stall(server)


def stall_secured(server, material):
    """The longest stall with TLS's handshakes, of which nothing can slice a step, too."""
    if server.name == "Outpost" and server.secure:
        yield "longest loop stall, FTPS too, ms", _stall(server)


def _stall(server):
    with server.client() as connection:
        time.sleep(1.1)  # the supervisor tells once a second
        found = re.search(r"by (.*), longest stall (\d+) ms", connection.ftp.sendcmd("STAT"))
    print(f"longest stall: {found[2]} ms, by {found[1]}", file=sys.stderr)
    return int(found[2])


MEASURES = (
    transfers,
    small_files,
    commands,
    password,
    listings,
    four_at_once,
    noop_beside,
    stall_before_flash,
    on_flash,
    stall_on_flash,
    secured,
    stall_secured,
)


def measure(server, material, figures, round_number):
    """Run all that the server can do; note what fails and go on with the next server."""
    # The blocking loop knows no commands.
    measures = MEASURES if server.sessions else (transfers, on_flash, secured)
    for run in measures:
        if server.measures and run.__name__ not in server.measures:
            continue
        try:
            for name, value in run(server, material):
                figures.add(server.name, name, value, round_number)
        except (OSError, EOFError, ftplib.Error) as error:
            raise RoundFailed(f"{server.name}, {run.__name__}: {error!r}") from error


class RoundFailed(Exception):
    """A server failed in the middle of a round; the text says in what."""


def _rate_and_cpu(server, material, name, act):
    """How often a second act() can be called, and the server's processor time for one."""
    count = 0
    start = server.cpu_s()
    began = now = time.perf_counter()
    while now < began + material.plan.rate_s:
        act()
        count += 1
        now = time.perf_counter()
    yield f"{name}/s", count / (now - began)
    yield f"{name}, CPU us", (server.cpu_s() - start) * 1e6 / count
