"""Session: one control connection; checks each command once, then calls its handler."""

import gc
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

import hal
from hal import elapsed
from hal.net import hang_up, readable, room
from services.borrow import borrow, release
from services.ftp import shortage
from services.ftp.commands import (
    ANYTIME,
    ARG,
    BEFORE_LOGIN,
    PATH,
    WRITE,
    find,
    handler_of,
)
from services.ftp.control.lines import Lines, text_of
from services.ftp.data.connection import DataConnection
from services.ftp.data.transfer import Transfer
from services.ftp.errors import NOT_FOUND, FTPError, reply_to
from services.ftp.files import paths

_SLICE_MS = const(5)  # how long a flood of commands may block the loop
SENT_AWAY = (421, "Not enough memory for this session; bye.")
_ONE_LINE = (str, bytes)
_WORDS = const(b"n")  # flags, see commands
_RESUMES = const(b"r")
_GATHER = const(256)  # bytes of a long reply that are collected for one packet
# Verbs of RFC 959 that make no sense on a board: known, so the reply is 502, not 500.
_NOT_HERE = const(b" ADAT CONF ENC MIC SMNT ")


def _safely(lines):
    """Yield the lines. If making them fails, add a line: part of the reply may be sent already."""
    try:
        yield from lines
    except Exception as error:
        yield "Incomplete: " + reply_to(error)[1]


class Session:
    """One client's session. server: the FtpServer. sock: the accepted, non-blocking socket."""

    # Class attributes: what most sessions never change takes no memory in each of them.
    account = None
    user = None  # the name of USER
    cwd = "/"
    text = True  # TYPE A, the default of RFC 959 section 5.1; start.py sets what config.json says
    rest = 0  # REST's byte, for the next command; below 0: minus the bytes of ALLO
    rename_from = None
    epsv_only = False
    facts = None  # the facts chosen by OPTS MLST, None for all
    hash = "SHA-256"  # chosen by OPTS HASH
    range = None  # (first, last) byte of RANG, for the next RETR or HASH
    client = None  # the name of CLNT
    secure = False  # whether the control connection uses TLS
    private = None  # whether data connections use TLS (PROT P); None before PBSZ
    failures = 0  # wrong passwords
    ending = False
    blocked = 0  # ticks in ms since which the client has not read replies, or 0
    why = None  # the last reply, if the session is ended from outside
    task = None
    transfer = None
    _idle = None  # an event, set when no transfer runs
    _lock = None  # for one writer at a time, once one had to wait: a 226 must not cut into a reply
    _replying = None  # the transfer whose last reply is not yet sent

    def __init__(self, server, sock, address, number):
        self.server = server
        self.address = address
        self.number = number
        self.touched = ticks_ms()  # ticks of the last command line
        self.data = DataConnection(server)
        self._sock = sock
        self._write = hal.writer(sock)
        self._lines = Lines(sock, server.scratch)

    async def run(self):
        """Serve until the client leaves or is sent away; then close everything in any case.

        Kept as a single coroutine: every nested await costs about 200 bytes for each connected
        client.
        """
        server = self.server
        try:
            self.task = asyncio.current_task()
            await self.reply(220, server.greeting)
            lines = self._lines
            since = ticks_ms()
            size = None
            while not self.ending:
                if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                    await asyncio.sleep_ms(0)
                    since = ticks_ms()
                try:
                    line = lines.take()
                except ValueError:
                    await self._wait_for_transfer()
                    await self.reply(500, "Line too long: 512 bytes at most.")
                    continue
                if line is None:
                    # Clients rarely pipeline, so wait before reading. Exception: TLS may already
                    # have buffered the next line, which poll() can't see.
                    if size is None or not self.secure:
                        await readable(self._sock)
                        since = ticks_ms()
                    size = lines.fill()
                    if size == 0:
                        break
                    continue
                if self.account:
                    # Before the login the time since the connection counts, so NOOPs don't extend
                    # it.
                    self.touched = ticks_ms()
                await self._obey(line)
        except OSError:
            pass  # the client is gone: treat a reset like QUIT
        except asyncio.CancelledError:
            pass  # end() tells the client why
        except MemoryError:
            release()
            gc.collect()
            shortage.met(server, b"")
            self.why = SENT_AWAY
        except Exception as error:
            server.report("session", error)
        finally:
            self._close()
            server.left(self)

    def _close(self):
        """Close everything. Never waits and never allocates: there may be no memory."""
        if self.transfer:
            self.transfer.cancel("The control connection was closed.")  # cold
        elif self._replying:  # it may be waiting for the socket that is closed here
            self._replying.cancel()
        self.data.close()
        if self.why:
            self._last_word()
        hang_up(self._sock, self.server.scratch)
        self._sock = self._write = None

    def tls(self):
        """Return TLS over the control connection, for over(). Raises as Tls.wrap() does."""
        return self.server.tls.wrap(self._sock)

    def over(self, secured):
        """Continue over TLS. Drops what the client sent before, in clear."""
        self._sock = secured
        self._write = hal.writer(secured)
        self._lines.restart(secured)
        self.secure = True

    def silent_ms(self):
        """Return the ms since the last command line; before the login, since the connection."""
        return elapsed(self.touched)

    def end(self, code, text):
        """End the session from outside: time-out, kick, shutdown. Never waits."""
        self.why = (code, text)
        self.ending = True
        if self.task:  # otherwise it ends as soon as it begins
            self.task.cancel()

    def _last_word(self):
        try:
            line = b"%d %s\r\n" % self.why
            self._write(line, 0, len(line))
        except (OSError, MemoryError):
            pass

    async def _obey(self, line):
        """Run one command line (bytes), with exactly one final reply in any case."""
        space = line.find(b" ")
        verb = (line if space < 0 else line[:space]).upper()
        flags = None
        try:
            module, flags = find(verb)
            if self.transfer and (flags is None or ANYTIME not in flags):
                await self._wait_for_transfer()
            # Only what is passed on becomes str, see commands.
            try:
                arg = "" if space < 0 else text_of(line[space + 1 :])
                if flags is None:
                    text_of(verb)
                elif _WORDS in flags:
                    arg = arg.strip()
            except UnicodeError:
                raise FTPError(501, "Not UTF-8 (RFC 2640); nothing was done.")
            reply = self._checked(verb, arg, flags)
            if not reply:
                if PATH in flags:
                    arg = self.path(arg, WRITE in flags)
                reply = await handler_of(module, verb)(self, arg)
                if verb == self.server.short:
                    self.server.short = False  # see shortage
        except FTPError as error:
            reply = error.reply
        except OSError as error:
            reply = reply_to(error)
        except MemoryError as error:
            release()  # so that a retry may find memory
            gc.collect()
            shortage.met(self.server, verb)
            reply = reply_to(error)
        except Exception as error:
            reply = reply_to(error)
            self.server.report(verb.decode(), error)
        if self.rest and (flags is None or _RESUMES not in flags):
            self.rest = 0
        if reply:
            code, text = reply
            if isinstance(text, _ONE_LINE):
                rest = self._say(code, text)
                if rest:
                    await self._finish(rest)
            else:
                await self.reply(code, text)

    async def _wait_for_transfer(self):
        """Wait for a transfer's end: replies, even errors, come in the order of commands.

        A client that pipelines can only match replies by their order.
        """
        if self.transfer:
            wait_for_transfer = borrow("services.ftp.control.lookout", "wait_for_transfer")
            await wait_for_transfer(self._idle, self._lines, self._sock, self.transfer)

    def _checked(self, verb, arg, flags):
        """Return the reply that refuses this command, or None; for all handlers."""
        if flags is None:
            if b" %s " % verb in _NOT_HERE:
                return 502, "%s is not implemented." % verb.decode()
            return 500, "Unknown command; HELP lists the known ones."
        if not self.account and BEFORE_LOGIN not in flags:
            return 530, "Log in first with USER and PASS."
        if ARG in flags and not arg:
            return 501, "%s needs an argument." % verb.decode()
        if "\0" in arg or "\r" in arg:  # a CR would split a reply, or a line of the console
            return 501, "No NUL or CR in an argument."
        if WRITE in flags and self.account.role == "read":
            return 550, "%s may read only." % self.user
        return None

    def is_admin(self):
        """Whether an admin is logged in."""
        return self.account is not None and self.account.role == "admin"

    def path(self, arg, writing=False):
        """Return the file system's path of arg. Raises FTPError 550 if this user can't use it."""
        path = paths.inside(self.account.root, paths.resolve(self.cwd, arg))
        if not self.server.may_see(self, path) and not (writing and self.is_admin()):
            raise FTPError(*NOT_FOUND)
        if writing:
            if path == self.account.root:
                raise FTPError(550, "That is your root.")
            if self.server.is_busy(path):
                raise FTPError(450, "That is being transferred; try again later.")
        return path

    def shown(self, path):
        """Return a file system's path as this user sees it."""
        return paths.seen(self.account.root, path)

    async def reply(self, code, text):
        """Send a reply: one line, or an iterable of lines as `code-line` and a last line.

        Lines may be str or bytes. Prefer bytes for formatted lines: MicroPython compares each new
        str with all interned names.
        """
        if isinstance(text, _ONE_LINE):
            rest = self._say(code, text)
            if rest:
                await self._finish(rest)
            return
        async with self._alone():
            await self._send_lines(b"", text, b"%d-" % code, code)

    def _say(self, code, text):
        """Send as much of a one-line reply as possible at once; return the rest for _finish().

        Nearly always no other task is sending and the socket has room: then this needs no
        coroutine.
        """
        line = b"%d %s\r\n" % (code, text)
        return line if self._lock and self._lock.locked() else self._unsent(line)

    async def _finish(self, rest):
        async with self._alone():
            await self._send(rest)

    def _alone(self):
        """Return the lock for one writer at a time."""
        if not self._lock:
            self._lock = asyncio.Lock()
        return self._lock

    async def reply_lines(self, code, first, lines, indent):
        """Send a reply whose inner lines begin with indent in place of the code.

        FEAT and MLST need one space (RFC 2389 section 3.2); STAT of a path sends lines of LIST.
        """
        async with self._alone():
            await self._send_lines(b"%d-%s\r\n" % (code, first), lines, indent, code)

    async def _send_lines(self, gathered, lines, indent, code):
        since = ticks_ms()
        for line in _safely(lines):
            if line is not None:  # None only gives the loop a chance to run
                gathered += b"%s%s\r\n" % (indent, line)
                if len(gathered) >= _GATHER:
                    await self._send(gathered)
                    gathered = b""
            if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
                await asyncio.sleep_ms(0)
                since = ticks_ms()
        await self._send(gathered + b"%d End.\r\n" % code)

    async def _send(self, data):
        while True:
            data = self._unsent(data)
            if not data:
                return
            if not self.blocked:
                self.blocked = ticks_ms() or 1
            await room(self._sock)

    def _unsent(self, data):
        """Send what the socket accepts; return the rest. OSError if the session has ended."""
        write = self._write
        if not write:  # its descriptor may already be another session's
            raise OSError
        sent = write(data, 0, len(data)) or 0
        if sent < len(data):
            return data[sent:]
        self.blocked = 0
        return b""

    def start(self, verb, path, work, writes=False, data=True):
        """Run work(transfer) -> (code, text) as a task, so that ABOR can cancel it.

        The path is held until it ends: shared for reading, exclusively for writing. The returned
        reply is the 150; the result of work is sent when everything is closed. data: False if work
        needs no data connection: then there is no 150.
        """
        if data and not self.data.is_ready():
            raise FTPError(425, "Use PASV, EPSV, PORT or EPRT first.")
        tls = self.server.tls
        if data and tls and tls.required and tls.data and not self.private:
            raise FTPError(521, "Nothing in clear here: PBSZ 0 and PROT P first.")
        if data:
            try:
                self.data.take(self.address)
            except OSError:
                pass  # the transfer will get the error too
        # In this order, so that a MemoryError leaves nothing held.
        transfer = Transfer(self, verb, path, work, data)
        reply = None
        if data:
            reply = 150, b"%s for %s." % ("Text" if self.text else "Binary", transfer.path)
        self.transfer = self._replying = transfer
        try:
            self._idle = asyncio.Event()
            transfer.begin(writes)
        except Exception:
            self.transfer = self._replying = None
            raise
        return reply

    async def ended(self, transfer, reply):
        """Called when a transfer has ended: let the next command run, send the reply."""
        self.transfer = None
        self._idle.set()
        try:
            self.server.ended(self, transfer, reply)
            await self.reply(*reply)
        except OSError:
            pass  # run() gets the error too
        except asyncio.CancelledError:
            pass  # the session has ended
        except MemoryError:
            self.server.events.failures += 1  # of the transfer's event or its reply
            gc.collect()
            self.end(*SENT_AWAY)
        if self._replying is transfer:
            self._replying = None

    async def finished(self):
        """Wait until no transfer runs."""
        if self.transfer:
            await self._idle.wait()
