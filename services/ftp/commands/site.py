"""SITE: passes an operator's command to the registry that all services share."""

from errno import EACCES

from services.borrow import borrow
from services.ftp.errors import reply_to

# lftp's mirror treats a refusal of these as a failure of the whole mirror.
_NO_PERMISSIONS = ("chmod", "umask")


async def SITE(session, arg):
    """RFC 959 section 4.1.2: `SITE name argument`."""
    name, _, rest = arg.partition(" ")
    admin = session.is_admin()
    registry = session.server.site
    if name.lower() in _NO_PERMISSIONS:
        return 200, "Noted; this file system has no permissions."  # cold
    if name.lower() == "help":
        return 214, borrow("services.ftp.commands.operator", "usages")(registry.commands, admin)
    try:
        return 211, await registry.run(name, rest.strip(), admin)
    except KeyError:
        return 504, "No such SITE command; SITE HELP lists them."
    except ValueError as error:
        return 501, str(error)
    except OSError as error:
        if error.errno == EACCES:
            return 550, "For admins only."
        return reply_to(error)
