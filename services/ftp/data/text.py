"""TYPE A: line ends between the board's LF and the wire's CRLF (RFC 959 section 3.1.1.1)."""

from micropython import const

# bytes converted at a time: a fragmented heap has no room for a copy of the whole buffer.
_PIECE = const(512)


class TextReader:
    """Reads a file for TYPE A: each LF becomes CRLF; a CRLF stays one."""

    def __init__(self, file):
        self._file = file
        self._after_cr = False
        self.size = 0  # bytes read from the file

    def readinto(self, buffer):
        """Fill buffer with converted bytes; return their number, 0 at the end."""
        piece = min(_PIECE, len(buffer) // 2)  # each byte may become two
        fill = 0
        while fill + 2 * piece <= len(buffer):
            data = self._file.read(piece)
            if not data:
                break
            self.size += len(data)
            starts_inside = self._after_cr and data[0] == 10
            self._after_cr = data[-1] == 13
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            if starts_inside:  # its CR was in the last piece
                data = data[1:]
            size = len(data)
            buffer[fill : fill + size] = data
            fill += size
        return fill

    def outcome(self, session):
        """Return the 226 of the download."""
        if not _converted(session, self.size):
            return 226, "Transfer complete."
        line = b"Transfer complete, %d bytes converted to text, %d bytes sent; "
        line += b"TYPE I keeps all bytes."
        return 226, line % (self.size, session.transfer.bytes)


class TextWriter:
    """Writes a file for TYPE A: each CRLF becomes LF; a lone CR stays."""

    def __init__(self, file):
        self._file = file
        self._held = b""
        self.size = 0  # bytes written to the file

    def write(self, buffer, size):
        """Write the first `size` bytes of buffer, converted; hold a last CR for the next call."""
        view = memoryview(buffer)
        for start in range(0, size, _PIECE):
            data = self._held + bytes(view[start : min(start + _PIECE, size)])
            self._held = b""
            if data.endswith(b"\r"):
                self._held = b"\r"
                data = data[:-1]
            data = data.replace(b"\r\n", b"\n")
            self._file.write(data)
            self.size += len(data)

    def finish(self):
        """Write the held CR, if any; the file stays open."""
        self._file.write(self._held)
        self.size += len(self._held)
        self._held = b""

    def outcome(self, session, said):
        """Return the text of the upload's 226. said: its text if nothing was converted."""
        if not _converted(session, self.size):
            return said
        line = b"Stored, %d bytes converted from text, %d bytes written; TYPE I keeps all bytes."
        return line % (session.transfer.bytes, self.size)


def _converted(session, size):
    """Whether the file's size differs from the transfer's; if so, STAT counts it.

    Clients that never send TYPE get TYPE A, the standard's default, and so their binary files are
    changed. The reply is where the user may notice. If the sizes are equal, no line end was
    converted.
    """
    if size == session.transfer.bytes:
        return False
    section = session.server.section
    section["converted"] = section.get("converted", 0) + 1
    return True
