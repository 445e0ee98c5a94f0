"""Visibility: which files a user may see; others don't exist for that user."""

from services.ftp.files import paths
from services.ftp.files.disk import TIMES


def may_see(server, session, path):
    """Whether this path of the file system exists for the session's user.

    A hidden path gets the same replies as a missing one, so that no client learns of it.

    - The TLS key and the table of MFMT's times: hidden from all. Admins may replace them.
    - The mount point of the archive of Outpost's modules: hidden from all. It is not for files.
    - ftp.protected and what is below: seen by admins, and by users whose own root is there.
    - Names that begin with a dot, below the user's root: seen by admins and writers.
    - Unfinished uploads: seen by admins.
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
    """Whether a folder contains, or would contain, what the user may not see.

    Renaming it would move that to where it isn't protected, or put something in its place.
    """
    path = path.lower()
    if _lies_below(server.key, path):
        return True
    return not session.is_admin() and any(_lies_below(rule, path) for rule in server.protected)


def _covers(rule, path):
    """Whether a rule such as /log or /config.* covers path, or a folder that path is in.

    It also covers all names that FAT treats as the same: other case, dots and spaces at the end,
    short names (CONFIG~1.JSO). Both are in lower case.
    """
    fixed = rule.partition("*")[0]
    if not path.startswith(fixed):
        cut = path.find("~")
        return cut > 0 and fixed.startswith(path[:cut])
    depth = rule.count("/") + 1
    parts = path.split("/", depth)[:depth]
    return paths.matches(rule, "/".join([part.rstrip(". ") for part in parts]))


def _lies_below(rule, path):
    """Whether what the rule covers may be below path."""
    if path == "/":
        return True
    depth = path.count("/") + 1
    parts = rule.split("/", depth)
    return len(parts) > depth and paths.matches("/".join(parts[:depth]), path)
