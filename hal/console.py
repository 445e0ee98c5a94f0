"""The console: printing blocks no task, even if the host has stopped reading."""

import sys
from time import ticks_diff, ticks_ms

from micropython import const

_SLICE_MS = const(8)  # of writing at a time, so that other tasks can run
_SLOW_MS = const(20)  # a slower write means that no host reads
_STUCK_MS = const(100)  # a host that reads makes room within a few ms
_FIRST_REST_MS = const(10_000)
_LONGEST_REST_MS = const(600_000)
_WAITING_BYTES = const(1024)


class Console:
    """Writes lines in pieces; while no host reads, drops and counts them.

    If a USB host has opened the port and doesn't read, each write without room takes 500 ms (rp2,
    ESP32-S2 and S3 [S: shared/tinyusb/mp_usbd_cdc.c:97]), or 200 ms (serial and JTAG port of an
    ESP32-C3 [S: esp32/usb_serial_jtag.c:107]). An RP2 can tell whether the host has read the last
    packet, and Linux whether a pipe has room: without room, nothing is written. An ESP32 can't
    tell, so after a slow piece it writes nothing for 10, 20 ... 600 s.

    out: a binary stream. room: a callable that tells whether there is room for piece bytes, or
    None. piece: bytes per write. end: the line end.
    """

    def __init__(self, out, room, piece, end):
        self.waiting = b""  # bytes that write() accepted and flush() has still to write
        self.dropped = 0  # number of lines dropped
        self._told = 0  # number of those that were reported on the console
        self._out = out
        self._piece = piece
        self._end = end
        self._room = room
        self._since = 0  # ticks of the last progress, or when it gave up
        self._rest_ms = 0

    def write(self, text):
        """Write a line for up to 8 ms; the rest waits. Drop the line while no host reads."""
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
        """Write waiting bytes for up to 8 ms. Drop them if no host reads."""
        data = self.waiting
        at = 0
        gone = False
        rest = self._rest_ms * 2 or _FIRST_REST_MS
        began = before = ticks_ms()
        while at < len(data) and not gone and ticks_diff(before, began) < _SLICE_MS:
            if self._room and not self._room():
                gone = ticks_diff(before, self._since) >= _STUCK_MS
                rest = 0  # room() can be asked again at no cost
                break
            try:
                self._out.write(data, at, self._piece)
            except OSError:
                gone = True  # the console is gone
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
            self._rest_ms = 0  # all was written: a host reads
        self.waiting = data[at:]

    def _reads(self):
        """Whether a host may be reading again."""
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
