"""Lines: splits the control connection's bytes into command lines of bounded length."""

from micropython import const

_LONGEST = const(512)  # bytes; RFC 959 sets no limit; a name has up to 255 bytes on LittleFS
_IAC = const(b"\xff")
_WILL = const(251)  # WILL, WONT, DO, DONT: one option byte follows
_IAC_BYTE = const(255)
_DM = b"\xf2"
_CR = const(13)


def strip_telnet(data):
    """Return a line without Telnet commands (RFC 854), which precede an ABOR.

    They end in IAC DM. Clients send its IAC as urgent data, which may be missing in the stream.
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
            at += 2  # IAC and a command; also a doubled IAC, which is not UTF-8
    return bytes(kept).lstrip(_DM)  # no verb begins with this byte


def text_of(line):
    """Return a line as text. Raises UnicodeError if it isn't UTF-8 (RFC 3629).

    decode() also accepts surrogates, codes beyond the last one and overlong forms. In names of
    files these would come back in listings, which clients couldn't read.
    """
    text = line.decode()
    if len(text) != len(line):
        for char in text:
            code = ord(char)
            if 0xD800 <= code < 0xE000 or code > 0x10FFFF or chr(code) != char:
                raise UnicodeError
    return text


class Lines:
    """Splits what a socket has received into lines; holds further lines and incomplete ones.

    scratch: a bytearray that all sessions share. Nothing here waits, so no line needs a coroutine.
    """

    _skipping = False  # inside a line that was too long

    def __init__(self, sock, scratch):
        self._sock = sock
        self._scratch = scratch
        self._held = b""

    def restart(self, sock):
        """Read from sock from now on; drop what came before (RFC 4217 section 15.4)."""
        self._sock = sock
        self._held = b""
        self._skipping = False

    def take(self):
        """Return the next line without its end, as bytes; None if fill() must be called first.

        Raises ValueError once for a line of more than 512 bytes, and drops the rest of it.
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
            raise ValueError  # the session replies
        self._held = held[end + 1 :]
        if self._skipping:
            self._skipping = False
            return self.take()
        if end > _LONGEST:
            raise ValueError  # the session replies
        # Not earlier: a packet may end inside a Telnet command.
        return strip_telnet(held[: end - 1 if end and held[end - 1] == _CR else end])

    def ahead(self):
        """Return what was received and not yet taken, as bytes."""
        return self._held

    def fill(self):
        """Read from the socket. Return the number of bytes, 0 at the end, None to wait."""
        size = self._sock.readinto(self._scratch)
        if size:
            self._held += self._scratch[:size]
        return size
