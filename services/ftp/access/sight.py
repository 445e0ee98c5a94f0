"""Sight: which files a user may see, and so which ones exist for that user at all."""

from services.ftp.files import paths
from services.ftp.files.disk import TIMES


def may_see(server, session, path):
    """True where this path of the file system exists for the session's user.

    What may not be seen is answered as what is missing: nobody learns that it is there.
    - The TLS key and the table of MFMT's times: nobody. Admins may replace them.
    - Where boot.py mounts the archive of Outpost's modules: nobody. It is no place for files.
    - ftp.protected and what lies below: admins, and users whose own root lies there.
    - Names with a dot in front, below the user's root: admins and writers.
    - Unfinished uploads, which are nobody's to touch: admins.
    """
    path = path.lower()
    if path == TIMES or _covers(server.key, path) or (path + "/").startswith("/.o/"):
        return False
    account = session.account
    if account.role == "admin":
        return True
    root = account.root
    hidden = "/." if account.role == "read" else "/.upload-"
    if path.find(hidden, 0 if root == "/" else len(root)) >= 0:
        return False
    for rule in server.protected:
        if _covers(rule, path) and not _covers(rule, root.lower()):
            return False
    return True


def is_around(server, session, path):
    """True where a folder holds, or would hold, what the user may not see.

    Renaming it would carry that to where it isn't protected, or put something in its place.
    """
    path = path.lower()
    if _lies_below(server.key, path):
        return True
    return not session.is_admin() and any(_lies_below(rule, path) for rule in server.protected)


def _covers(rule, path):
    """True where a rule such as /log or /config.* means path, or a folder that path lies in.

    It means all that FAT takes for that name too: other cases, dots and blanks at the end, the
    short names (CONFIG~1.JSO). Both are in small letters.
    """
    fixed = rule.partition("*")[0]
    if not path.startswith(fixed):
        cut = path.find("~")
        return cut > 0 and fixed.startswith(path[:cut])
    depth = rule.count("/") + 1
    parts = path.split("/", depth)[:depth]
    return paths.matches(rule, "/".join([part.rstrip(". ") for part in parts]))


def _lies_below(rule, path):
    """True where what the rule means lies somewhere below path."""
    if path == "/":
        return True
    depth = path.count("/") + 1
    parts = rule.split("/", depth)
    return len(parts) > depth and paths.matches("/".join(parts[:depth]), path)
