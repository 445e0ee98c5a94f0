"""Syslog: the log's lines to a collector, each a datagram of RFC 5424 over UDP (RFC 5426)."""

from errno import EAGAIN, ECONNREFUSED, ENOMEM

import asyncio
from micropython import const

from hal.net import resolve, udp, within, writable
from services.borrow import reason
from services.events import Backlog

_LOCAL0 = const(16)  # the facility
_MOST = const(480)  # octets that every collector takes (RFC 5424 section 6.1)
_WAITING_LINES = const(24)
_FIRST_DELAY_S = const(1)
_LONGEST_DELAY_S = const(60)
_FULL_MS = const(1000)  # how long the port's own buffers may be full
_SEQUENCE_MAX = const(2147483647)  # RFC 5424 section 7.3.1
_BOM = const(b"\xef\xbb\xbf")  # RFC 5424 section 6.4: what follows is UTF-8
_SEVERITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


def datagram(line, host, number):
    """A line of the log, `time LEVEL name text`, as bytes, 480 at most.

    host: the HOSTNAME. number: the sequenceId, by which the collector sees what was lost.
    """
    when, _, rest = line.partition(" ")
    level, _, rest = rest.partition(" ")
    name, _, text = rest.partition(" ")
    uptime = ""
    if when.startswith("uptime="):  # the clock isn't set: no time is better than a wrong one
        uptime = ' sysUpTime="%d"' % (int(when[7:-1]) * 100)  # hundredths (section 7.3.3)
        when = "-"
    severity = _SEVERITIES.get(level)
    if severity is None:  # a level of the application's own is a number, as logging has them
        severity = 7 - min(int(level) // 10, 5) if level.isdigit() else 6
    packet = b'<%d>1 %s %s outpost - %s [meta sequenceId="%d"%s] ' % (
        _LOCAL0 * 8 + severity,
        when,
        plain(host, 255),
        plain(name, 32),
        number,
        uptime,
    )
    message = text.encode()
    packet += message if len(message) == len(text) else _BOM + message
    end = len(packet)
    if end > _MOST:
        end = _MOST
        while packet[end] & 0xC0 == 0x80:  # within a character
            end -= 1
    return packet[:end]


def plain(text, most):
    """A name as headers may have it: printable ASCII without blanks, `-` where nothing is left."""
    return "".join([char if "!" <= char <= "~" else "_" for char in text[:most]]) or "-"


class Syslog:
    """Sends what put() is given, in order; what finds no way waits, the oldest is dropped.

    section: of the status; `syslog` and what begins so is told there. host, port: the
    collector's. name: the board's.
    """

    def __init__(self, section, host, port, name):
        self._section = section
        self._host = host
        self._port = port
        self._name = name
        self._backlog = Backlog(_WAITING_LINES)
        self._number = 0
        self._refused = 0
        self._udp = None
        self._address = None  # where the collector was found
        self._renew = asyncio.Event()
        section["syslog"] = "%s:%d" % (host, port)
        section["syslog_sent"] = section["syslog_dropped"] = 0
        section["syslog_error"] = None

    def put(self, line):
        """Take a line of the log. Never waits; the line is shared with the log, not copied."""
        self._backlog.put(line)
        self._section["syslog_dropped"] = self._backlog.dropped + self._refused

    def renew(self):
        """The network is new: look for the collector again, and now."""
        self._renew.set()

    async def run(self):
        """Send for ever. A collector or a network that is away is tried again ever more rarely."""
        delay = _FIRST_DELAY_S
        try:
            while True:
                await self._backlog.wait()
                self._renew.clear()
                try:
                    await self._open()
                    sent = 0
                    while not self._renew.is_set():
                        await self._send()
                        sent += 1
                        if sent > 1:  # only the next line shows that one found nobody
                            delay = _FIRST_DELAY_S
                            self._section["syslog_error"] = None
                        await asyncio.sleep_ms(0)
                        await self._backlog.wait()
                except Exception as error:  # no memory, say: the log itself goes on
                    self._section["syslog_error"] = reason(error)
                    self._close()
                    try:
                        await asyncio.wait_for(self._renew.wait(), delay)
                    except asyncio.TimeoutError:
                        delay = min(delay * 2, _LONGEST_DELAY_S)
                self._close()
        finally:
            self._close()

    async def _open(self):
        """A socket of the collector's; a name is looked up anew, for it may have moved."""
        # Connected: then the host's "nobody listens there" (ICMP) comes back as an error.
        self._address = await resolve(self._host)
        self._udp = udp(self._address, self._port)

    async def _send(self):
        """Send the oldest line; it goes from the backlog when the network has taken it."""
        try:
            self._write()
        except OSError as error:
            if error.errno == ECONNREFUSED:  # the one before found nobody
                self._refused += 1
            if error.errno == EAGAIN:
                await within(_FULL_MS, writable(self._udp))
            elif error.errno == ENOMEM:  # an RP2's lwIP, while transfers fill its memory
                await asyncio.sleep_ms(_FULL_MS)
            else:
                raise
            self._write()

    def _write(self):
        number = self._number % _SEQUENCE_MAX + 1
        self._udp.send(datagram(self._backlog.peek(), self._name, number))
        self._backlog.pop()
        self._number = number
        self._section["syslog_sent"] += 1

    def last_words(self):
        """Send what waits, as far as the network takes it at once: the board is going down."""
        try:
            # Ctrl-C in a step of run() has closed it.
            if self._address and not self._udp:
                self._udp = udp(self._address, self._port)
            while self._udp and len(self._backlog):
                self._write()
        except (OSError, MemoryError):
            pass

    def _close(self):
        if self._udp:
            self._udp.close()
            self._udp = None
