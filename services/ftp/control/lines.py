"""Lines: command lines out of the control connection's bytes, bounded while they are read."""

from micropython import const

_LONGEST = const(512)  # RFC 959 sets none; a path has 255 bytes a name on LittleFS
_IAC = const(b"\xff")
_WILL = const(251)  # WILL, WONT, DO, DONT: one option byte follows
_IAC_BYTE = const(255)
_DM = b"\xf2"
_CR = const(13)


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


def text_of(line):
    """A line as text; UnicodeError where it isn't UTF-8 (RFC 3629).

    decode() takes surrogates, codes beyond the last one and longer forms than the shortest: as
    names of files they would come back in listings, which clients then can't read.
    """
    text = line.decode()
    if len(text) != len(line):
        for char in text:
            code = ord(char)
            if 0xD800 <= code < 0xE000 or code > 0x10FFFF or chr(code) != char:
                raise UnicodeError
    return text


class Lines:
    """Takes lines out of what a socket has sent; several in one packet wait here, part of one too.

    scratch: a bytearray that all sessions share. Nothing here waits: no coroutine for each line.
    """

    _skipping = False  # inside a line that was too long

    def __init__(self, sock, scratch):
        self._sock = sock
        self._scratch = scratch
        self._held = b""

    def restart(self, sock):
        """Read from sock from now on; what came before is thrown away (RFC 4217 section 15.4)."""
        self._sock = sock
        self._held = b""
        self._skipping = False

    def take(self):
        """Return the next line without its end as bytes, None where fill() must come first.

        ValueError for a line of more than 512 bytes, once: the rest of it is thrown away.
        """
        held = self._held
        end = held.find(b"\n")
        if end < 0:
            if not self._skipping and len(held) <= _LONGEST:
                return None
            self._held = b""
            if self._skipping:
                return None
            self._skipping = True
            raise ValueError  # the session says why
        self._held = held[end + 1 :]
        if self._skipping:
            self._skipping = False
            return self.take()
        if end > _LONGEST:
            raise ValueError  # the session says why
        # Only now: a packet may end inside a Telnet command.
        return strip_telnet(held[: end - 1 if end and held[end - 1] == _CR else end])

    def ahead(self):
        """What has come and waits for take(), as bytes."""
        return self._held

    def fill(self):
        """Read what has come: the number of bytes, 0 at the end of the connection, None: wait."""
        size = self._sock.readinto(self._scratch)
        if size:
            self._held += self._scratch[:size]
        return size
