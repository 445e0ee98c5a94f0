"""A DNS client that never blocks the loop (RFC 1035; RFC 6762 for .local)."""

import os
import socket

from micropython import const

from hal.net import is_address, readable, within

_ATTEMPTS = const(2)  # UDP loses packets
_REPLY_MAX = const(512)  # RFC 1035 section 4.2.1
_DNS = const(53)
# RFC 6762 section 5.1: one-shot queries are answered by unicast.
_MDNS_GROUP = const("224.0.0.251")
_MDNS = const(5353)
_TYPE_A = const(1)


async def lookup(host, timeout_ms, name_server):
    """Return the IPv4 address of host as text; OSError where there is none.

    socket.getaddrinfo() blocks for as long as the name server keeps silent, longer than the
    RP2's watchdog allows, so the question is asked here (RFC 1035; RFC 6762 for .local). Only
    a port that does not tell its name server, such as unix, still asks getaddrinfo().
    name_server: (address, port), found by itself where None.
    """
    if name_server is None:
        name_server = (_MDNS_GROUP, _MDNS) if host.endswith(".local") else _name_server()
    if name_server is None:
        return _address_text(socket.getaddrinfo(host, 0, socket.AF_INET)[0][-1])
    query, ident = _query(host)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for _ in range(_ATTEMPTS):
            sock.sendto(query, socket.getaddrinfo(name_server[0], name_server[1])[0][-1])
            try:
                await within(timeout_ms // _ATTEMPTS, readable(sock))
            except OSError:
                continue
            address = _answer(sock.recv(_REPLY_MAX), ident)
            if address:
                return address
    except (IndexError, ValueError):
        pass  # not a DNS reply: as good as none
    finally:
        sock.close()
    raise OSError("no name server tells the address of %s" % host)


def _name_server():
    """The (address, port) that DHCP or the configuration gave, or None."""
    try:
        import network

        address = network.ipconfig("dns")
    except (ImportError, AttributeError, ValueError):
        return None
    return (address, _DNS) if is_address(address) and address != "0.0.0.0" else None


def _address_text(raw):
    """The address in one of getaddrinfo's: a tuple on boards, a sockaddr's bytes on unix."""
    if isinstance(raw, tuple):
        return raw[0]
    return socket.inet_ntop(socket.AF_INET, raw[4:8])


def _query(host):
    """A question for host's A record, and the two random bytes that its answer must repeat."""
    ident = os.urandom(2)
    query = bytearray(ident)
    query.extend(b"\x01\0\0\x01\0\0\0\0\0\0")  # recursion desired, one question
    for label in host.rstrip(".").split("."):
        if not 0 < len(label) < 64:
            raise OSError("%s is not a host name" % host)
        query.append(len(label))
        query.extend(label.encode())
    query.extend(b"\0\0\x01\0\x01")  # the root, type A, class IN
    return query, ident


def _answer(reply, ident):
    """The first address in reply, or None; IndexError where it is cut short."""
    if reply[:2] != ident or not reply[2] & 0x80:
        return None
    at = 12
    for _ in range(reply[4] << 8 | reply[5]):
        at = _after_name(reply, at) + 4
    for _ in range(reply[6] << 8 | reply[7]):
        at = _after_name(reply, at)
        size = reply[at + 8] << 8 | reply[at + 9]
        at += 10
        if reply[at - 10] << 8 | reply[at - 9] == _TYPE_A and size == 4:
            return "%d.%d.%d.%d" % (reply[at], reply[at + 1], reply[at + 2], reply[at + 3])
        at += size  # an alias (CNAME), most often
    return None


def _after_name(reply, at):
    """Where the name at `at` ends; a pointer (RFC 1035 section 4.1.4) ends it too."""
    while reply[at]:
        if reply[at] >= 0xC0:
            return at + 2
        at += 1 + reply[at]
    return at + 1
