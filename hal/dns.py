"""A DNS client that never blocks the loop (RFC 1035; RFC 6762 for .local)."""

import os
import socket
from errno import EAGAIN, ECONNREFUSED, ENOMEM, ETIMEDOUT

import asyncio
from micropython import const

import hal
from hal.net import is_address, readable, udp, within

_ATTEMPTS = const(2)  # UDP loses packets
_AGAIN_MS = const(100)
_REPLY_MAX = const(512)  # RFC 1035 section 4.2.1
_DNS = const(53)
# RFC 6762 section 5.1: one-shot queries are answered by unicast.
_MDNS_GROUP = const("224.0.0.251")
_MDNS = const(5353)
_TYPE_A = const(1)


async def lookup(host, timeout_ms, name_server):
    """Return the IPv4 address of host as text. Raises OSError if there is none.

    socket.getaddrinfo() blocks while the name server doesn't answer, longer than the RP2's
    watchdog allows, so the query is made here (RFC 1035; RFC 6762 for .local). getaddrinfo() is
    only used on a port that doesn't tell its name server, such as unix. name_server: (address,
    port), or None to find one.
    """
    if name_server is None:
        name_server = (_MDNS_GROUP, _MDNS) if host.endswith(".local") else _name_server()
    if name_server is None:
        return _address_text(socket.getaddrinfo(host, 0, socket.AF_INET)[0][-1])
    query = _query(host)
    if name_server[1] == _MDNS:  # any host may answer a query to the group
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        where = socket.getaddrinfo(name_server[0], _MDNS)[0][-1]
    else:  # connected, so that only the name server's replies arrive
        sock = udp(name_server[0], name_server[1])
        where = None
    try:
        for _ in range(_ATTEMPTS):
            try:
                if where:
                    sock.sendto(query, where)
                else:
                    sock.send(query)
                address = await within(timeout_ms // _ATTEMPTS, _reply(sock, query, where))
            except OSError as error:
                # ENOMEM: an RP2's lwIP while transfers fill its memory. Try again.
                if error.errno not in (ETIMEDOUT, EAGAIN, ECONNREFUSED, ENOMEM):
                    raise
                if error.errno != ETIMEDOUT:
                    await asyncio.sleep_ms(_AGAIN_MS)
            else:
                if address:
                    return address
                break
    finally:
        sock.close()
    raise OSError("no name server tells the address of %s" % host)


async def _reply(sock, query, group):
    """Return the address in the first reply to query, None if it has none. Ignore other packets.

    group: whether the query went to the multicast group.
    """
    while True:
        await readable(sock)
        reply, sender = sock.recvfrom(_REPLY_MAX)
        if group and hal.peer_address(sender)[1] != _MDNS:
            continue
        try:
            # The reply repeats id and question, which an attacker who hasn't seen the query can't
            # guess.
            if reply[:2] == query[:2] and reply[2] & 0x80 and reply[12 : len(query)] == query[12:]:
                return _answer(reply)
        except IndexError:
            pass


def _name_server():
    """Return (address, port) of the name server from DHCP or the configuration, or None."""
    try:
        import network

        address = network.ipconfig("dns")
    except (ImportError, AttributeError, ValueError):
        return None
    return (address, _DNS) if is_address(address) and address != "0.0.0.0" else None


def _address_text(raw):
    """Return the address in a result of getaddrinfo(): a tuple, or a sockaddr on unix."""
    if isinstance(raw, tuple):
        return raw[0]
    return socket.inet_ntop(socket.AF_INET, raw[4:8])


def _query(host):
    """Return a query for host's A record. It begins with two random bytes that a reply repeats."""
    query = bytearray(os.urandom(2))
    query.extend(b"\x01\0\0\x01\0\0\0\0\0\0")  # recursion desired, one question
    for label in host.rstrip(".").split("."):
        if not 0 < len(label) < 64:
            raise OSError("%s is not a host name" % host)
        query.append(len(label))
        query.extend(label.encode())
    query.extend(b"\0\0\x01\0\x01")  # the root, type A, class IN
    return query


def _answer(reply):
    """Return the first address in reply, or None. Raises IndexError if reply is cut short."""
    at = 12
    for _ in range(reply[4] << 8 | reply[5]):
        at = _after_name(reply, at) + 4
    for _ in range(reply[6] << 8 | reply[7]):
        at = _after_name(reply, at)
        size = reply[at + 8] << 8 | reply[at + 9]
        at += 10
        if reply[at - 10] << 8 | reply[at - 9] == _TYPE_A and size == 4:
            return "%d.%d.%d.%d" % (reply[at], reply[at + 1], reply[at + 2], reply[at + 3])
        at += size  # usually an alias (CNAME)
    return None


def _after_name(reply, at):
    """Return where the name at `at` ends; a pointer (RFC 1035 section 4.1.4) ends it too."""
    while reply[at]:
        if reply[at] >= 0xC0:
            return at + 2
        at += 1 + reply[at]
    return at + 1
