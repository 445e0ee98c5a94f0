"""Security: AUTH, PBSZ, PROT, CCC: FTP over TLS (RFC 4217)."""

from services.ftp.commands.access import forget

_MECHANISMS = ("TLS", "TLS-C")  # RFC 4217 section 8; SSL and TLS-P need another order of commands


async def AUTH(session, arg):
    """RFC 4217 section 4.1: 234, then the handshake. Everything agreed in clear is reset."""
    server = session.server
    if not server.tls:
        return 502, "TLS is not configured on this board."
    if arg.upper() not in _MECHANISMS:
        return 504, "AUTH takes TLS."
    if session.secure:
        return 503, "This connection is secure already."
    try:
        secured = session.tls()
    except MemoryError:
        return 431, "Not enough memory for TLS just now; try again."  # hot
    except (OSError, ValueError):
        return 431, "The certificate can't be used; the board's console tells why."
    forget(session)  # RFC 2228 section 3: the user must log in again
    await session.reply(234, "Shake hands.")
    session.over(secured)
    try:
        await secured.handshake()
    except (OSError, MemoryError) as error:
        # No reply: in clear an attacker could forge it, and over TLS the client can't read it.
        session.ending = True
        server.events.publish(
            "ftp/tls", address=session.address, ok=False, error="handshake: %s" % error
        )
    return None


async def PBSZ(session, arg):
    """RFC 4217 section 9: TLS needs no protection buffer, so the size is 0."""
    if not session.secure:
        return 503, "AUTH TLS first."
    if not arg.isdigit():
        return 501, "PBSZ takes 0."
    session.private = bool(session.private)
    return 200, "PBSZ=0"


async def PROT(session, arg):
    """RFC 4217 section 9: P, data connections over TLS; C, in clear."""
    level = arg.upper()
    if session.private is None:
        return 503, "AUTH TLS and PBSZ 0 first."
    tls = session.server.tls
    if level in ("S", "E"):
        return 536, "PROT takes P or C."
    if level not in ("P", "C"):
        return 504, "PROT takes P or C."
    if level == "P" and not tls.data:
        return 534, "Data connections stay in clear: ftp.tls.data is false."
    if level == "C" and tls.required and tls.data:
        return 534, "This board sends nothing in clear."
    session.private = level == "P"
    session.data.tls = tls if session.private else None
    return 200, "Data connections are %s." % ("private" if session.private else "in clear")


async def CCC(session, arg):
    """RFC 4217 section 5: back to clear. Always refused: an attacker could take over."""
    if not session.secure:
        return 533, "This connection is in clear."
    return 534, "Commands stay private."
