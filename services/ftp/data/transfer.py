"""Transfer: work that runs beside a session, with what it holds; and what is known of it."""

import gc
from errno import ECONNREFUSED
from time import ticks_ms

import asyncio

from services.borrow import reason
from services.ftp.errors import NO_MEMORY, reply_to
from services.ftp.files.upload import Upload


class Transfer:
    """One transfer of a session, which STAT, the stall watch and the events look at.

    path: of the file system, held until the end; work: a coroutine function (transfer) -> reply;
    data: whether it uses the data connection.
    """

    total = None  # the bytes there will be, where that is known

    def __init__(self, session, verb, path, work, data):
        self.verb = verb
        self.path = session.shown(path)  # as the user sees it
        self.data = data
        self.began = self.touched = self.told = ticks_ms()
        # All that is set later: where there is no memory left, an end can still be noted.
        self.bytes = 0
        self.connected = not data
        self.buffer = None  # lent for the time of the transfer
        self.file = None  # an Upload, or what RETR reads
        self.why = "Aborted."  # what the client is told when it is cancelled
        self.cancelled = False
        self._task = None  # once it runs
        self._session = session
        self._held = path
        self._work = work

    def begin(self, writes):
        """Start it, or leave nothing held: FTPError 450, OSError, MemoryError.

        writes: the path is held alone, for an upload. All that may be refused is had before the
        150: a client that has begun to send would see a reset in place of the reason.
        """
        server = self._session.server
        server.hold(self._held, writes)
        try:
            self.buffer = server.buffers.take()
            if writes:
                self.file = Upload(self._held, self._session.number, server.uploads)
            elif self.verb == "RETR":
                self.file = open(self._held, "rb")
            asyncio.create_task(self._run())
        except Exception:
            self._let_go(server)
            raise

    def _let_go(self, server):
        if self.file:
            self.file.close()
        server.buffers.give(self.buffer)
        server.release(self._held)

    def cancel(self, why=None):
        """End the transfer; the client is told why."""
        self.why = why or self.why
        self.cancelled = True
        # Cancelling a task that has not begun would skip its `finally`: such a one finds the
        # flag instead. A client that pipelines RETR and ABOR gets here.
        if self._task:
            self._task.cancel()

    async def _run(self):
        session = self._session
        reply = NO_MEMORY
        try:
            reply = await self._result(session.server)
        except MemoryError:
            gc.collect()
        if self.data:
            session.data.close()  # the client reads the end of its data before the reply
        self._let_go(session.server)
        await session.ended(self, reply)

    async def _result(self, server):
        """Do the work: its reply, also where it fails."""
        try:
            self._task = asyncio.current_task()
            server.began(self._session, self)
            if self.cancelled:
                raise asyncio.CancelledError
            return await self._work(self)
        except asyncio.CancelledError:
            return 426, self.why
        except Exception as error:
            gc.collect()
            if isinstance(error, OSError) and server.is_connection_error(error):
                # Nobody listened after all, where poll can't tell: it was never opened.
                code = 425 if error.errno == ECONNREFUSED else 426
                return code, "The data connection failed: %s." % reason(error)  # cold
            return reply_to(error)
