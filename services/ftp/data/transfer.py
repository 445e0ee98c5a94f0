"""Transfer: a task that moves data beside its session, what it holds, and its progress."""

import gc
from errno import ECONNREFUSED
from time import ticks_ms

import asyncio

from services.borrow import reason
from services.ftp.errors import NO_MEMORY, reply_to
from services.ftp.files.upload import Upload


class Transfer:
    """One transfer of a session. STAT, the stall check and the events read its attributes.

    path: of the file system, held until the end. work: a coroutine function (transfer) -> reply.
    data: whether it uses the data connection.
    """

    total = None  # the expected number of bytes, if known

    def __init__(self, session, verb, path, work, data):
        self.verb = verb
        self.path = session.shown(path)  # as the user sees it
        self.data = data
        self.began = self.touched = self.told = ticks_ms()
        # Set all attributes now, so that the end of a transfer needs no memory for them.
        self.bytes = 0
        self.connected = not data
        self.buffer = None  # lent during the transfer
        self.file = None  # an Upload, or what RETR reads
        self.why = "Aborted."  # the client's reply if it is cancelled
        self.cancelled = False
        self._task = None  # set when it runs
        self._session = session
        self._held = path
        self._work = work

    def begin(self, writes):
        """Start it, or raise FTPError 450, OSError or MemoryError and hold nothing.

        writes: for an upload, which holds its path exclusively. All that may fail is done before
        the 150: a client that is already sending would get a reset instead of the reason.
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
        """End the transfer; why: the client's reply."""
        self.why = why or self.why
        self.cancelled = True
        # Cancelling a task that has not begun would skip its `finally`, so it checks the flag when
        # it begins. This happens if a client pipelines RETR and ABOR.
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
            session.data.close()  # so that the client reads the end of its data before the reply
        self._let_go(session.server)
        await session.ended(self, reply)

    async def _result(self, server):
        """Do the work and return its reply, also after a failure."""
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
                # Refused after the 150, on a port where poll can't tell: it was never open.
                code = 425 if error.errno == ECONNREFUSED else 426
                return code, "The data connection failed: %s." % reason(error)  # cold
            return reply_to(error)
