"""TYPE A: line ends between the board's LF and the wire's CRLF (RFC 959 section 3.1.1.1)."""

from micropython import const

# Converted at once: a fragmented heap has no room for copies of a whole buffer.
_PIECE = const(512)


class TextReader:
    """A file read as TYPE A sends it: each LF becomes CRLF; a CRLF stays one."""

    def __init__(self, file):
        self._file = file
        self._after_cr = False

    def readinto(self, buffer):
        """Fill buffer with converted bytes; return their number, 0 at the end."""
        piece = min(_PIECE, len(buffer) // 2)  # at worst each byte becomes two
        fill = 0
        while fill + 2 * piece <= len(buffer):
            data = self._file.read(piece)
            if not data:
                break
            starts_inside = self._after_cr and data[0] == 10
            self._after_cr = data[-1] == 13
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            if starts_inside:  # its CR went out with the last piece
                data = data[1:]
            size = len(data)
            buffer[fill : fill + size] = data
            fill += size
        return fill


class TextWriter:
    """A file written as TYPE A receives it: each CRLF becomes LF; a lone CR stays."""

    def __init__(self, file):
        self._file = file
        self._held = b""

    def write(self, buffer, size):
        """Write the first `size` bytes of buffer, converted; a last CR waits for what follows."""
        view = memoryview(buffer)
        for start in range(0, size, _PIECE):
            data = self._held + bytes(view[start : min(start + _PIECE, size)])
            self._held = b""
            if data.endswith(b"\r"):
                self._held = b"\r"
                data = data[:-1]
            self._file.write(data.replace(b"\r\n", b"\n"))

    def finish(self):
        """Write what still waits; the file itself stays open."""
        self._file.write(self._held)
        self._held = b""
