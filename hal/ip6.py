"""IPv6 addresses as numbers, so that they can be compared; borrowed, since it is rarely needed."""


def groups(text):
    """Return the eight numbers of an IPv6 address, without its zone (%eth0).

    Raises ValueError if it isn't one. RFC 4291 section 2.2: `::` may stand once for zeros, and the
    end may be written as IPv4.
    """
    head, gap, tail = text.partition("%")[0].partition("::")
    left = _numbers(head)
    right = _numbers(tail)
    missing = 8 - len(left) - len(right)
    if missing < 1 if gap else missing:
        raise ValueError("not an IPv6 address")
    return left + [0] * missing + right


def _numbers(text):
    found = []
    if not text:
        return found
    parts = text.split(":")
    if "." in parts[-1]:
        a, b, c, d = [_number(byte, "0123456789", 10, 255) for byte in parts.pop().split(".")]
        found = [a << 8 | b, c << 8 | d]
    return [_number(part, "0123456789abcdefABCDEF", 16, 0xFFFF) for part in parts] + found


def _number(text, digits, base, most):
    # int() alone would also accept a sign, blanks and 0x.
    if not text or any(digit not in digits for digit in text) or int(text, base) > most:
        raise ValueError("not an IPv6 address")
    return int(text, base)
