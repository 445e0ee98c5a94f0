"""Start: makes an FtpServer from its options; a listener if IPv6 fails. Borrowed at boot."""

import errno

from micropython import const

import hal
from hal.net import listen
from services.borrow import borrow
from services.ftp import commands
from services.ftp.access.accounts import Account, Accounts
from services.ftp.control.session import Session
from services.ftp.data.buffers import Buffers
from services.ftp.data.listeners import Sockets

_SCRATCH = const(256)  # bytes shared by the control connections, which read in pieces
_GONE = const(
    ("ECONNRESET", "ENOTCONN", "ECONNABORTED", "ETIMEDOUT", "EHOSTUNREACH", "ECONNREFUSED")
)
_EPIPE = const(32)
_OPERATORS = const(("df", "free", "gc", "hashpass", "kick", "status", "unlock", "uptime", "who"))
_SESSIONS = const(6)  # if nothing else limits them
_KEY = const("/tls/key.der")  # TLS's default, protected even without TLS: it may be there
_PROTECTED = const(("/config.*", "/boot.json*", "/log", "/prev", "/next", "/tls"))


def make(
    self,
    status,
    events,
    site,
    port=21,
    host="0.0.0.0",
    passive_ports=(49152, 49215),
    advertise=None,
    max_sessions=None,
    max_per_address=None,
    max_sockets=None,
    idle_s=300,
    login_s=60,
    reclaim_s=30,
    stall_s=60,
    lockout_s=300,
    protected=_PROTECTED,
    buffer=None,
    default_type="A",
    tls=None,
    users=None,
):
    """Initialize an FtpServer. Here, so that its 1.3 KB are unloaded after the start.

    Times in seconds, buffer in bytes, advertise: the address for PASV replies. users: name ->
    [hash of the password, role, root], as setup.py makes them.
    """
    self.status = status
    self.events = events
    self.site = site
    self.sessions = []
    self.scratch = bytearray(_SCRATCH)
    Session.text = default_type == "A"  # on the class, because REIN deletes what a session set
    self._port = port
    self._host = host
    self._advertise = advertise
    self._idle_ms = idle_s * 1000
    self._login_ms = login_s * 1000
    self.reclaim_ms = reclaim_s * 1000
    self.lockout_ms = lockout_s * 1000
    self._stall_ms = stall_s * 1000
    self.buffers = Buffers(buffer)
    self._busy = {}  # path in transfer -> number of readers, or -1 for a writer
    self.uploads = set()  # paths of unfinished uploads
    self._count = 0
    self._gone = [_EPIPE] + [getattr(errno, n) for n in _GONE if hasattr(errno, n)]
    self.accounts = Accounts({name: Account(name, *users[name]) for name in users or ()})
    self.guard = None  # made at the first wrong password
    self.protected = [rule.lower() for rule in protected]
    most = (hal.SOCKETS if max_sockets is None else max_sockets) or 0
    self.sockets = Sockets(self, most, passive_ports)
    if max_sessions is None:
        max_sessions = self.sockets.sessions() if most else _SESSIONS
    self.max_sessions = max_sessions
    if max_per_address is None:
        # One address shall not take all sessions, except if there are only one or two.
        max_per_address = max_sessions - 1 if max_sessions > 2 else max_sessions
    self.max_per_address = max_per_address
    self._told = -1  # uptime when a refusal was last published
    self.section = status.section(self.name)
    self.section.update({"port": port, "sessions": 0, "transfers_now": 0, "transfers": 0})
    self.section.update({"stored_bytes": 0, "sent_bytes": 0, "failed": 0, "logins": 0})
    self.tls = None if tls is None else _secured(self, tls)
    self.key = (self.tls.key if self.tls else _KEY).lower()
    board = status.section("board")
    self.greeting = "%s: Outpost %s ready." % (board.get("name"), board.get("outpost"))
    commands.load_resident()
    if hal.guarded:
        hal.guarded()  # now, while the heap has room in one piece
    site.add_rare(_OPERATORS, "services.ftp.commands.operator", self)


def _secured(server, settings):
    """Return the Tls of config.json's settings; report what is wrong with them."""
    from services.ftp.tls import Tls

    cert, key, required, data, problems = borrow("services.ftp.options", "tls")(settings)
    tls = Tls(cert, key, required, data, server.section)
    tls.check()
    if tls.broken:
        problems.append(tls.broken)
    for problem in problems:
        server.section["problem"] = problem
        server.events.publish("config/problem", problem=problem)
    return tls


def listen_again(self, error):
    """Return a listener on IPv4 if this port has no IPv6; else raise error. Raises OSError."""
    if self._host != "::" or error.errno == errno.EADDRINUSE:
        raise error
    self._host = "0.0.0.0"
    self.section["problem"] = "ftp.host: this port has no IPv6; listening on IPv4 alone"
    return listen(self._host, self._port)
