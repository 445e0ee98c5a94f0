"""Walk: rarely used parts of listings: the flags -R -t -d -F, globs in names of folders."""

import gc
import os

from micropython import const

from services.ftp.commands.listings import folder_lines, lines_of
from services.ftp.errors import FTPError
from services.ftp.files import paths
from services.ftp.files.disk import is_dir, stat_of
from services.ftp.files.listing import KIND, TIME

_DEEPEST = const(16)  # nested folders: each keeps a directory open
_MOST_SORTED = const(128)  # entries: sorting more would block the loop
_SHARE = const(1600)  # bytes of free heap for each of them: eight times what it needs


def flagged(session, flags, arg, line_of, needs, prefix, notes):
    """Return the lines of a listing with flags of ls. notes: gets what the listing leaves out."""
    if "F" in flags:
        line_of = _marked(line_of)
    if "d" in flags and not paths.is_glob(arg):
        return (line_of((arg or ".").encode(), stat_of(session.path(arg))),)
    # Programs that want only names could not tell which folder they are in, so -R also needs -C,
    # which is for people: ncftp's `ls -R` is NLST -CR.
    if "R" in flags and (needs or "C" in flags):
        path = session.path(arg)
        if is_dir(os.stat(path)):
            return _below(session, path, arg, line_of, flags, notes)
    if "t" not in flags:
        return lines_of(session, arg, line_of, needs, prefix)
    timed = _timed(line_of)
    return _by_time(lines_of(session, arg, timed, TIME, prefix), "r" in flags, notes)


def _marked(line_of):
    """Return line_of for -F: names of folders end in a slash."""

    def marked(name, found):
        return line_of(name + b"/" if is_dir(found) else name, found)

    return marked


def _timed(line_of):
    """Return line_of for -t: (sort key, name, line); the newest is first."""

    def timed(name, found):
        return -found[8], name, line_of(name, found)

    return timed


def _by_time(items, oldest_first, notes):
    """Yield the lines of _timed() by time; if there are too many, unsorted."""
    kept = []
    most = min(_MOST_SORTED, gc.mem_free() // _SHARE)
    for item in items:
        if item and kept is None:
            yield item[2]
            continue
        if item:
            kept.append(item)
            if len(kept) > most:
                notes.append("Listing sent; too many entries to sort by time.")
                for item in kept:
                    yield item[2]
                kept = None
        yield None
    if kept:
        kept.sort(reverse=oldest_first)
        for item in kept:
            yield item[2]


def _below(session, path, arg, line_of, flags, notes):
    """ls -R: each folder's lines after its name and a colon.

    Each folder is read twice, for its lines and for its subfolders, so that only one open
    directory per level is held.
    """
    shown = arg or "."
    stack = []
    yield b"%s:\r\n" % shown
    while True:
        if "t" in flags:
            inner = folder_lines(session, path, _timed(line_of))
            yield from _by_time(inner, "r" in flags, notes)
        else:
            yield from folder_lines(session, path, line_of)
        if len(stack) < _DEEPEST:
            stack.append((path, shown, folder_lines(session, path, _folder, None, KIND)))
        elif not notes:
            notes.append("Listing sent, without what lies deeper than %d folders." % _DEEPEST)
        path = None
        while stack and not path:
            above, shown_above, names = stack[-1]
            for name in names:
                if name:
                    path = paths.join(above, name)
                    shown = paths.join(shown_above, name)
                    break
                yield None
            else:
                stack.pop()
        if not path:
            return
        yield b"\r\n%s:\r\n" % shown


def _folder(name, found):
    """line_of for walks: returns only names of folders."""
    return name.decode() if is_dir(found) else None


def globbed(session, where, arg, line_of, needs):
    """Return the lines of a glob with wildcards in its folders, `*/x.py`; names are as requested.

    where: arg as an absolute path of this user. Raises FTPError 550 for too many wildcards.
    """
    parts = where[1:].split("/")
    base = "/"
    while len(parts) > 1 and not paths.is_glob(parts[0]):
        base = paths.join(base, parts.pop(0))
    if len(parts) > _DEEPEST:
        raise FTPError(550, "Wildcards in at most %d folders." % _DEEPEST)
    shown = base
    if not arg.startswith("/") and paths.is_within(session.cwd, base):
        shown = base[len(paths.join(session.cwd, "")) :]
    return _matching(session, session.path(base), shown, parts, line_of, needs)


def _matching(session, path, shown, parts, line_of, needs):
    def named(name, found):
        return line_of(_below_name(shown, name.decode()).encode(), found)

    last = parts.pop()
    stack = [(path, shown, folder_lines(session, path, _folder, parts[0], KIND))]
    while stack:
        above, shown_above, names = stack[-1]
        for name in names:
            yield None
            if name:
                path = paths.join(above, name)
                shown = _below_name(shown_above, name)
                if len(stack) < len(parts):
                    inner = folder_lines(session, path, _folder, parts[len(stack)], KIND)
                    stack.append((path, shown, inner))
                    break
                yield from folder_lines(session, path, named, last, needs)
        else:
            stack.pop()


def _below_name(shown, name):
    return paths.join(shown, name) if shown else name
