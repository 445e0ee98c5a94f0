"""The console: what is written there holds nobody, also where the host has stopped reading."""

import sys
from time import ticks_diff, ticks_ms

from micropython import const

_SLICE_MS = const(8)  # of writing, until others have their turn
_SLOW_MS = const(20)  # a piece that took longer found nobody who reads
_STUCK_MS = const(100)  # a host that reads makes room within a few ms
_FIRST_REST_MS = const(10_000)
_LONGEST_REST_MS = const(600_000)
_WAITING_BYTES = const(1024)


class Console:
    """Writes lines in pieces; drops and counts them while nobody reads.

    A USB host that has opened the port and doesn't read costs 500 ms for each write that finds no
    room (rp2, ESP32-S2 and S3 [S: shared/tinyusb/mp_usbd_cdc.c:97]), or 200 ms (the serial and
    JTAG port of an ESP32-C3 [S: esp32/usb_serial_jtag.c:107]). An RP2 tells whether the host has
    taken what there was, and Linux whether a pipe has room: else nothing is written. An ESP32
    can't tell: there the first piece that is slow is the last, for 10, 20 ... 600 s.

    out: a binary stream. room: a callable that tells whether piece bytes find room, or None.
    piece: bytes of a write. end: of a line.
    """

    def __init__(self, out, room, piece, end):
        self.waiting = b""  # what write() took and did not go out yet: for flush()
        self.dropped = 0  # lines
        self._told = 0  # how many of these the console was told of
        self._out = out
        self._piece = piece
        self._end = end
        self._room = room
        self._since = 0  # ticks of the last progress, or of giving up
        self._rest_ms = 0

    def write(self, text):
        """Write a line, as much of it as goes out in 8 ms; drop it while nobody reads."""
        if len(self.waiting) > _WAITING_BYTES or (
            self.dropped != self._told and not self._reads()
        ):
            self.dropped += 1
            return
        end = self._end
        line = text.rstrip().encode().replace(b"\n", end) + end
        if self.dropped != self._told:
            line = b"%s(%d lines were not shown)%s%s" % (end, self.dropped - self._told, end, line)
            self._told = self.dropped
        if not self.waiting:
            self._since = ticks_ms()
        self.waiting += line
        self.flush()

    def flush(self):
        """Write what waits, for some 8 ms; nothing waits any more once nobody reads."""
        data = self.waiting
        at = 0
        gone = False
        rest = self._rest_ms * 2 or _FIRST_REST_MS
        began = before = ticks_ms()
        while at < len(data) and not gone and ticks_diff(before, began) < _SLICE_MS:
            if self._room and not self._room():
                gone = ticks_diff(before, self._since) >= _STUCK_MS
                rest = 0  # to ask again costs nothing
                break
            try:
                self._out.write(data, at, self._piece)
            except OSError:
                gone = True  # there is no console any more
            at += self._piece
            now = ticks_ms()
            if not self._room and ticks_diff(now, before) > _SLOW_MS:
                gone = True
            self._since = before = now
        if gone:
            self.dropped += max(1, data.count(self._end, at))
            data = b""
            self._rest_ms = min(rest, _LONGEST_REST_MS)
            self._since = before
        elif 0 < len(data) <= at:
            self._rest_ms = 0  # all of it went out: somebody reads
        self.waiting = data[at:]

    def _reads(self):
        """Whether somebody may read again."""
        if 0 <= ticks_diff(ticks_ms(), self._since) < self._rest_ms:
            return False
        return not self._room or self._room()


if sys.platform in ("linux", "darwin"):
    from hal.unix import console_has_room

    console = Console(sys.stdout.buffer, console_has_room, 4096, b"\n")
elif sys.platform == "rp2":
    from hal.rp2 import console_has_room

    console = Console(sys.stdout.buffer, console_has_room, 250, b"\r\n")
else:
    console = Console(sys.stdout.buffer, None, 64, b"\r\n")
