"""FtpServer: listens, limits the sessions, ends those that are idle or stalled."""

import errno
import gc
import io
import sys
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

import hal
from hal.console import console
from hal.net import accept, hang_up, keep_room, listen, readable, stop_listening
from services.borrow import borrow, forget, release
from services.ftp import shortage
from services.ftp.access import admission, visibility
from services.ftp.control.session import Session
from services.ftp.errors import FTPError
from services.ftp.files import paths
from services.service import Service

_CONNECT_MS = const(15_000)  # how long a client may take to open its data connection
_PROGRESS_MS = const(1_000)
_FAREWELL = const(3)  # steps of the loop in which sessions end
_RELEASE_MS = const(60_000)  # after this time without clients, rare commands are unloaded
_REST_MS = const(100)  # pause after a client that could not be accepted, and waits
_REFUSED_MS = const(20)  # after a client was refused for lack of memory: 90 take 2 s
_NO_MEMORY = const(b"421 Not enough memory for one more session; try later.\r\n")
_PLENTY = const(16_384)  # bytes free: no need to check further
_ROOM = const(6_144)  # bytes for a session, and for the replies of the others
_PIECE = const(2_048)  # bytes in one piece, without which the server couldn't wait for clients
_TELL_S = const(1)  # refused clients are published at most once per second


class FtpServer(Service):
    """The FTP service; start.py has its constructor, whose parameters are its options."""

    name = "ftp"
    critical = True
    short = False  # the verb for which there was no memory at short_since, see shortage
    short_since = 0

    def __init__(self, *wired, **options):
        borrow("services.ftp.start", "make")(self, *wired, **options)

    async def run(self):
        """Accept clients for ever. When it is stopped, end all sessions."""
        try:
            asyncio.create_task(borrow("services.ftp.files.sweep", "sweep")(self.uploads))
        except MemoryError:
            gc.collect()  # leftovers only take space on flash; serving matters more
        try:
            listener = listen(self._host, self._port)
        except OSError as error:
            listener = borrow("services.ftp.start", "listen_again")(self, error)
        watch = None
        try:
            watch = asyncio.create_task(self._watch())
            while True:
                try:
                    await self._next(listener)
                except MemoryError:
                    # Waiting clients go on waiting, and connected ones can go on working.
                    await self._recover(_REST_MS)
        except asyncio.CancelledError:
            self._dismiss()
            for _ in range(_FAREWELL):
                await asyncio.sleep_ms(0)  # each session's own task closes its sockets
            stop_listening()
            raise
        finally:
            if watch:
                watch.cancel()
            self._dismiss()

    def _dismiss(self):
        for session in list(self.sessions):
            if not session.why:
                session.end(421, "Outpost is going down.")

    async def _recover(self, rest_ms):
        """Free memory, and pause so that the sessions can go on working."""
        self.status.spare = None  # frees the reserve that exists beside an application
        gc.collect()
        try:
            keep_room()  # at once, so that the next client can be accepted, or refused
        except MemoryError:
            pass  # _next() tries again
        await asyncio.sleep_ms(rest_ms)

    async def _next(self, listener):
        """Accept a client, or refuse it with 421. On MemoryError it still waits."""
        starved = False
        try:
            keep_room()
            await readable(listener)
        except MemoryError:
            # There may be no memory for a wait, as long as the sessions last. Clients must be
            # told, so accept without waiting.
            starved = True
        try:
            sock, raw = accept(listener)
        except OSError as error:
            if starved or error.errno != errno.EAGAIN:
                # For example no descriptor left: trying again at once would block the loop
                await asyncio.sleep_ms(_REST_MS)
            return
        sock.setblocking(False)  # first: hang_up() reads, and must not block
        try:
            if starved:
                raise MemoryError
            # The heap status below may be outdated by now, so check for memory directly.
            bytearray(_PIECE)
            self.status.refresh()
            if self.status.section("heap").get("free_bytes", _PLENTY) < _PLENTY:
                gc.collect()
                if gc.mem_free() < _ROOM:
                    release()
                    gc.collect()
                if gc.mem_free() < _ROOM:  # a session would take the others' memory
                    raise MemoryError
            self._admit(sock, hal.peer_address(raw)[0])
        except MemoryError:
            self._refuse(sock, _NO_MEMORY)
            release()
            await self._recover(_REFUSED_MS)
            shortage.met(self, None)

    def _refuse(self, sock, line):
        """Send a 421 and close, without a session."""
        for _ in range(2):
            try:
                hal.writer(sock)(line, 0, len(line))
                break
            except OSError:
                break
            except MemoryError:
                gc.collect()  # the failed session is garbage by now
        hang_up(sock, self.scratch)

    def _admit(self, sock, address):
        """Start a session for a new client, or refuse it with 421."""
        why = admission.refusal(self, address)
        if why:
            now = hal.uptime()
            if now - self._told >= _TELL_S:
                self._told = now
                self.events.publish("ftp/refused", address=address, sessions=len(self.sessions))
            self._refuse(sock, b"421 %s\r\n" % why)
            return
        hal.tune(sock)
        self._count += 1
        session = Session(self, sock, address, self._count)
        # Now, not when its task begins, so that it is counted for the next client.
        self.sessions.append(session)
        self.section["sessions"] = len(self.sessions)
        try:
            asyncio.create_task(session.run())
        except MemoryError:
            self.left(session)
            raise

    def left(self, session):
        """Remove a session that has ended."""
        self.sessions.remove(session)
        self.section["sessions"] = len(self.sessions)
        if session.account:
            try:
                self.events.publish("ftp/logout", user=session.user, address=session.address)
            except MemoryError:
                self.events.failures += 1
                gc.collect()

    async def _watch(self):
        """Each second: end what is idle or stalled, publish the progress of transfers."""
        used = ticks_ms()
        while True:
            await asyncio.sleep(1)
            now = ticks_ms()
            try:
                keep_room()  # a data connection may have used it
                self.sockets.sweep()
                if self.sessions:
                    used = now
                elif ticks_diff(now, used) > _RELEASE_MS:
                    used = now
                    release()
                    self.buffers.drop()
                    if self.tls:
                        self.tls.release()
                if self.guard and self.guard.expire():
                    self.guard = None
                    forget("services.ftp.access.guard")
                self._watch_sessions(now)
            except MemoryError:
                gc.collect()  # all of it is tried again in a second

    def _watch_sessions(self, now):
        for session in list(self.sessions):
            if session.blocked and ticks_diff(now, session.blocked) > self._stall_ms:
                session.task.cancel()  # it doesn't read replies, so don't send one
                continue
            transfer = session.transfer
            if transfer:
                session.touched = now  # a session with a transfer is not idle
                self._watch_transfer(session, transfer, now)
                continue
            limit = self._idle_ms if session.account else self._login_ms
            if session.silent_ms() > limit and not session.why:
                what = "Nothing came for" if session.account else "Nobody logged in within"  # cold
                session.end(421, "%s %d s; bye." % (what, limit // 1000))

    def _watch_transfer(self, session, transfer, now):
        still = ticks_diff(now, transfer.touched)
        if not transfer.connected:
            if still > _CONNECT_MS:
                transfer.cancel("The data connection was never opened.")  # cold
        elif still > self._stall_ms:
            transfer.cancel("No data moved for %d s." % (still // 1000))  # cold
        elif ticks_diff(now, transfer.told) >= _PROGRESS_MS:
            transfer.told = now
            self._publish(session, transfer, "progress", True)

    def began(self, session, transfer):
        """Count and publish the start of a transfer."""
        self.section["transfers_now"] += 1
        if transfer.verb in ("RETR", "STOR", "APPE"):
            self._publish(session, transfer, "started", True)

    def ended(self, session, transfer, reply):
        """Count and publish the end of a transfer, with its reply."""
        section = self.section
        section["transfers_now"] -= 1
        stored = transfer.verb in ("STOR", "APPE")
        if not stored and transfer.verb != "RETR":
            return
        ok = reply[0] == 226
        section["transfers"] += 1
        section["stored_bytes" if stored else "sent_bytes"] += transfer.bytes
        if ok:
            self._publish(session, transfer, "stored" if stored else "sent", True)
        else:
            section["failed"] += 1
            self._publish(session, transfer, "failed", False, reply[1])

    def _publish(self, session, transfer, what, ok, error=None):
        more = {"error": error} if error else {}
        if transfer.total is not None:  # of a download: shows how far it is
            more["total"] = transfer.total
        # A single call without a dictionary of these: at least two are made for each transfer.
        self.events.publish(
            "ftp/transfer",
            event_type=what,
            verb=transfer.verb,
            path=transfer.path,
            bytes=transfer.bytes,
            ok=ok,
            ms=hal.elapsed(transfer.began),
            user=session.user,
            address=session.address,
            **more,
        )

    def changed(self, session, what, path, to=None):
        """Publish that a path was deleted, or renamed to another. Never raises MemoryError."""
        try:
            more = {"to": to} if to else {}
            more.update({"path": path, "user": session.user, "address": session.address})
            self.events.publish("ftp/transfer", event_type=what, ok=True, **more)
        except MemoryError:  # the change is done, and the client's reply must say so
            self.events.failures += 1
            gc.collect()

    def report(self, where, error):
        """Print and publish an unexpected exception."""
        out = io.StringIO()
        sys.print_exception(error, out)
        console.write(out.getvalue())
        text = "%s: %s" % (type(error).__name__, error)
        self.events.publish("task/crash", task="ftp " + where, error=text, traceback=None)

    def is_connection_error(self, error):
        """Whether an OSError means that the connection is lost, not that the disk failed."""
        return error.errno in self._gone

    may_see = visibility.may_see
    is_around = visibility.is_around

    def hold(self, path, writes):
        """Mark a path as in transfer until release(). Raises FTPError 450 if it is being written.

        Needed because LittleFS frees a file's blocks on a rename over it, even while it is read.
        """
        readers = self._busy.get(path, 0)
        if readers < 0 or (writes and readers):
            raise FTPError(450, "That is being transferred; try again later.")
        self._busy[path] = -1 if writes else readers + 1

    def release(self, path):
        """Undo hold()."""
        readers = self._busy.pop(path)
        if readers > 1:
            self._busy[path] = readers - 1

    def is_busy(self, path):
        """Whether a path, or one below it, is in transfer."""
        return path in self.uploads or any(paths.is_within(path, busy) for busy in self._busy)

    def passive_address(self):
        """Return (address to listen on, address for PASV replies)."""
        told = self._advertise or self.status.section("network").get("address")
        if not told:
            told = self._host
        return self._host, told

    def utc_offset_s(self):
        """Return by how much local time is ahead of UTC, as configured for the time service."""
        return self.status.section("time").get("utc_offset_min", 0) * 60
