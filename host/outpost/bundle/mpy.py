"""Reduces line numbers in a compiled module: one for each stretch of a function's bytecode.

A traceback then shows the line where its stretch begins. Format: MicroPython's docs, "MicroPython
.mpy files", and the comments of py/bc.h and py/persistentcode.c (.mpy version 6).
"""

from dataclasses import dataclass, field

_SHORT_BYTES, _SHORT_LINES = 0x1F, 3  # the most that an entry of one byte can hold: 0b0LLBBBBB
_LONG_BYTES, _LONG_LINES = 0xF, 0x7FF  # of two bytes: 0b1LLLBBBB 0bLLLLLLLL


class FormatError(Exception):
    """The bytes are not an .mpy file of a known version."""


def thinned(content: bytes, stretch: int) -> bytes:
    """Return a compiled module, bytes, with a line number for each `stretch` bytes of bytecode.

    The first line of a function is always kept, because it identifies the function. Raises
    FormatError.
    """
    if content[:2] != b"M\x06":
        raise FormatError("no .mpy file of version 6")
    reader = _Reader(content)
    reader.at = 4
    names, objects = reader.number(), reader.number()
    for _ in range(names):
        size = reader.number()
        if not size & 1:  # otherwise it is the number of a static name
            reader.at += (size >> 1) + 1
    for _ in range(objects):
        reader.skip_object()
    head = content[: reader.at]
    return head + _written(_code(reader), stretch)


@dataclass
class _Code:
    """A function's code, with that of its inner functions."""

    data: bytes
    children: list["_Code"] = field(default_factory=list["_Code"])


class _Reader:
    """Reads numbers and objects from a position in bytes."""

    def __init__(self, content: bytes, at: int = 0) -> None:
        self.content = content
        self.at = at

    def byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def number(self) -> int:
        """Read a number: seven bits per byte, highest first; bit 7: more bytes follow."""
        value = 0
        while True:
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    def skip_object(self) -> None:
        kind = self.byte()
        if kind == 10:  # a tuple
            for _ in range(self.number()):
                self.skip_object()
        elif kind in (5, 6):  # str, bytes: with a zero behind
            size = self.number()
            self.at += size + 1
        elif kind in (7, 8, 9):  # int, float, complex: as text
            size = self.number()
            self.at += size
        elif kind > 10:
            raise FormatError(f"an object of kind {kind}")


def _number(value: int) -> bytes:
    """Return the bytes of a number, as _Reader.number() reads it."""
    out = bytearray((value & 0x7F,))
    while value := value >> 7:
        out.insert(0, value & 0x7F | 0x80)
    return bytes(out)


def _code(reader: _Reader) -> _Code:
    size = reader.number()
    if size & 3:
        raise FormatError("native code")
    code = _Code(reader.content[reader.at : reader.at + (size >> 3)])
    reader.at += size >> 3
    if size & 4:
        code.children = [_code(reader) for _ in range(reader.number())]
    return code


def _written(code: _Code, stretch: int) -> bytes:
    data = _thinned_function(code.data, stretch)
    out = _number(len(data) << 3 | bool(code.children) << 2) + data
    if code.children:
        out += _number(len(code.children))
        out += b"".join(_written(child, stretch) for child in code.children)
    return out


def _thinned_function(data: bytes, stretch: int) -> bytes:
    reader = _Reader(data)
    # Signature: xSSSSEAA, then xFSSKAED while x is set.
    byte = reader.byte()
    positional, keyword, shift = byte & 3, 0, 0
    while byte & 0x80:
        byte = reader.byte()
        positional |= (byte & 4) << shift
        keyword |= (byte >> 3 & 1) << shift
        shift += 1
    signature = data[: reader.at]
    # Sizes: xIIIIIIC, of the information and of the cells.
    info = cells = shift = 0
    while True:
        byte = reader.byte()
        cells |= (byte & 1) << shift
        info |= (byte >> 1 & 0x3F) << 6 * shift
        shift += 1
        if byte < 0x80:
            break
    begin = reader.at
    for _ in range(1 + positional + keyword):  # its name, its parameters
        reader.number()
    names = data[begin : reader.at]
    lines = _entries(data[reader.at : begin + info])
    rest = data[begin + info :]
    kept = names + _encoded(_stretched(lines, stretch))
    return signature + _sizes(len(kept), cells) + kept + rest


def _entries(info: bytes) -> list[tuple[int, int]]:
    """Return [(offset in the bytecode, line)], both relative to the function's beginning."""
    found: list[tuple[int, int]] = []
    offset, line, at = 0, 1, 0
    while at < len(info):
        byte = info[at]
        if byte & 0x80:
            skipped, more = byte & 0xF, (byte << 4 & 0x700) | info[at + 1]
            at += 2
        else:
            skipped, more = byte & 0x1F, byte >> 5
            at += 1
        offset += skipped
        line += more
        found.append((offset, line))
    return found


def _stretched(lines: list[tuple[int, int]], stretch: int) -> list[tuple[int, int]]:
    """Return the first line, with offset 0, and then one for each stretch."""
    kept: list[tuple[int, int]] = []
    for place, (offset, line) in enumerate(lines):
        if place + 1 < len(lines) and lines[place + 1][0] == offset:
            continue  # a jump of many lines takes several entries
        if not kept:
            kept.append((0, line))
        elif offset - kept[-1][0] >= stretch:
            kept.append((offset, line))
    return kept


def _encoded(lines: list[tuple[int, int]]) -> bytes:
    out = bytearray()
    at, now = 0, 1
    for offset, line in lines:
        skip, more = offset - at, line - now
        while skip or more:
            if more <= _SHORT_LINES:
                some = min(skip, _SHORT_BYTES)
                step = more if some == skip else 0
                out.append(step << 5 | some)
            else:
                some = min(skip, _LONG_BYTES)
                step = min(more, _LONG_LINES) if some == skip else 0
                out += bytes((0x80 | some | (step & 0x700) >> 4, step & 0xFF))
            skip -= some
            more -= step
        at, now = offset, line
    return bytes(out)


def _sizes(info: int, cells: int) -> bytes:
    out = bytearray()
    while True:
        byte = (info & 0x3F) << 1 | cells & 1
        info >>= 6
        cells >>= 1
        if info or cells:
            out.append(byte | 0x80)
        else:
            out.append(byte)
            return bytes(out)
