"""Active mode: PORT and EPRT, only to the client's own address."""

from micropython import const

from services.borrow import borrow

_LOWEST_PORT = const(1024)  # so that no service of the client's host can be reached (RFC 2577)


async def PORT(session, arg):
    """RFC 959 section 4.1.2."""
    numbers = arg.split(",")
    try:
        numbers = [int(number) for number in numbers]
    except ValueError:
        numbers = ()
    if len(numbers) != 6 or not all(0 <= number <= 255 for number in numbers):
        return 501, "PORT takes h1,h2,h3,h4,p1,p2."
    host = ".".join([str(number) for number in numbers[:4]])
    return await _aim(session, host, numbers[4] << 8 | numbers[5])


async def EPRT(session, arg):
    """RFC 2428 section 2: |1|address|port|; the first character is the delimiter.

    The network protocol must be the control connection's: 1 for IPv4, 2 for IPv6.
    """
    protocol = "2" if ":" in session.address else "1"
    parts = arg.split(arg[0])
    if len(parts) != 5 or parts[0] or parts[4] or not parts[1].isdigit():
        return 501, "EPRT takes |%s|address|port|." % protocol
    if parts[1] != protocol:
        return 522, "Network protocol not supported, use (%s)" % protocol
    host = parts[2]
    try:
        port = int(parts[3])
        if protocol == "2":
            groups = borrow("hal.ip6", "groups")
            if groups(host) == groups(session.address):
                host = session.address  # an IPv6 address can be written in several ways
    except ValueError:
        return 501, "EPRT takes |%s|address|port|." % protocol
    return await _aim(session, host, port)


async def _aim(session, host, port):
    if session.epsv_only:
        return 501, "After EPSV ALL there is EPSV alone."
    if host != session.address:
        return 501, "Only to your own address, %s (RFC 2577)." % session.address
    if not _LOWEST_PORT <= port <= 65535:
        return 501, "Only to a port from 1024 to 65535 (RFC 2577)."
    await session.server.sockets.queue_for_socket(session)
    session.data.aim(port)
    return 200, "Understood."
