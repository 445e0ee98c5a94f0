"""Syslog: sends log lines to a collector, each as a datagram of RFC 5424 over UDP (RFC 5426)."""

from errno import EAGAIN, ECONNREFUSED, ENOMEM

import asyncio
from micropython import const

from hal.net import resolve, udp, within, writable
from services.borrow import reason
from services.events import Backlog

_LOCAL0 = const(16)  # the facility
_MOST = const(480)  # octets that every collector accepts (RFC 5424 section 6.1)
_WAITING_LINES = const(24)
_FIRST_DELAY_S = const(1)
_LONGEST_DELAY_S = const(60)
_FULL_MS = const(1000)  # how long to wait while the port's buffers are full
_SEQUENCE_MAX = const(2147483647)  # RFC 5424 section 7.3.1
_BOM = const(b"\xef\xbb\xbf")  # RFC 5424 section 6.4: what follows is UTF-8
_SEVERITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


def datagram(line, host, number):
    """Return a line of the log, `time LEVEL name text`, as bytes, at most 480.

    host: the HOSTNAME. number: the sequenceId, by which the collector notices lost lines.
    """
    when, _, rest = line.partition(" ")
    level, _, rest = rest.partition(" ")
    name, _, text = rest.partition(" ")
    uptime = ""
    if when.startswith("uptime="):  # the clock isn't set: better no time than a wrong one
        uptime = ' sysUpTime="%d"' % (int(when[7:-1]) * 100)  # hundredths (section 7.3.3)
        when = "-"
    severity = _SEVERITIES.get(level)
    if severity is None:  # an application's own level is a number, as in logging
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
        while packet[end] & 0xC0 == 0x80:  # don't cut a character in two
            end -= 1
    return packet[:end]


def plain(text, most):
    """Return a name for a header: printable ASCII without blanks, `-` if it is empty."""
    return "".join([char if "!" <= char <= "~" else "_" for char in text[:most]]) or "-"


class Syslog:
    """Sends lines in order. Lines that can't be sent wait; a full queue drops the oldest.

    section: of the status, for keys that begin with `syslog`. host, port: the collector's. name:
    the board's.
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
        self._address = None  # the collector's address as last resolved
        self._renew = asyncio.Event()
        section["syslog"] = "%s:%d" % (host, port)
        section["syslog_sent"] = section["syslog_dropped"] = 0
        section["syslog_error"] = None

    def put(self, line):
        """Queue a line of the log. Never waits. The line is shared with the log, not copied."""
        self._backlog.put(line)
        self._section["syslog_dropped"] = self._backlog.dropped + self._refused

    def renew(self):
        """The network is up again: look up the collector anew, without delay."""
        self._renew.set()

    async def run(self):
        """Send for ever. After a failure, retry with growing delays."""
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
                        if sent > 1:  # a refused line is reported only when the next one is sent
                            delay = _FIRST_DELAY_S
                            self._section["syslog_error"] = None
                        await asyncio.sleep_ms(0)
                        await self._backlog.wait()
                except Exception as error:  # for example no memory: the log itself goes on
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
        """Open a socket to the collector. Look its name up each time: it may have moved."""
        # Connected, so that an ICMP "port unreachable" is reported as an error.
        self._address = await resolve(self._host)
        self._udp = udp(self._address, self._port)

    async def _send(self):
        """Send the oldest line. It leaves the backlog once the network has accepted it."""
        try:
            self._write()
        except OSError as error:
            if error.errno == ECONNREFUSED:  # the collector refused the line before
                self._refused += 1
            if error.errno == EAGAIN:
                await within(_FULL_MS, writable(self._udp))
            elif error.errno == ENOMEM:  # an RP2's lwIP while transfers fill its memory
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
        """Send waiting lines, as far as possible without waiting: the board is stopping."""
        try:
            # A Ctrl-C in a step of run() has closed the socket.
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
