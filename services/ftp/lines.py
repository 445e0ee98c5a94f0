"""Lines: command lines out of the control connection's bytes, bounded while they are read."""

from micropython import const

from hal.net import readable

_LONGEST = const(512)  # RFC 959 sets none; a path has 255 bytes a name on LittleFS
_IAC = b"\xff"
_WILL = const(251)  # WILL, WONT, DO, DONT: one option byte follows
_IAC_BYTE = const(255)
_DM = b"\xf2"


def strip_telnet(data):
    """A line without Telnet commands (RFC 854), which come before an ABOR.

    They end in IAC DM, whose IAC clients send as urgent data, which may have left the stream.
    """
    if _IAC not in data and not data.startswith(_DM):
        return data
    kept = bytearray()
    at = 0
    while at < len(data):
        if data[at] != _IAC_BYTE:
            kept.append(data[at])
            at += 1
        elif at + 1 < len(data) and data[at + 1] >= _WILL and data[at + 1] != _IAC_BYTE:
            at += 3
        else:
            at += 2  # IAC and a command; a doubled IAC is no UTF-8, so it goes too
    return bytes(kept).lstrip(_DM)  # no UTF-8 verb begins so


class Lines:
    """Reads lines from a socket; several in one packet wait here, part of one too.

    scratch: a bytearray that all sessions share, used only between two awaits.
    """

    def __init__(self, sock, scratch):
        self._sock = sock
        self._scratch = scratch
        self._held = b""
        self._skipping = False  # inside a line that was too long

    async def next(self):
        """Return the next line without its end as bytes, None at the end of the connection.

        ValueError for a line of more than 512 bytes, once: the rest of it is thrown away.
        """
        while True:
            end = self._held.find(b"\n")
            if end >= 0:
                line = self._held[:end]
                self._held = self._held[end + 1 :]
                if self._skipping:
                    self._skipping = False
                    continue
                if len(line) <= _LONGEST:
                    # Only now: a packet may end inside a Telnet command.
                    return strip_telnet(line[:-1] if line.endswith(b"\r") else line)
                raise ValueError("line too long")
            if self._skipping:
                self._held = b""
            elif len(self._held) > _LONGEST:
                self._held = b""
                self._skipping = True
                raise ValueError("line too long")
            size = self._sock.readinto(self._scratch)
            if size is None:
                await readable(self._sock)
            elif not size:
                return None
            else:
                self._held += bytes(memoryview(self._scratch)[:size])
