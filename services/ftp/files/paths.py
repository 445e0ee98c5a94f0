"""Paths: from what a client sends to a path inside the user's root, and globs. No I/O."""

from micropython import const

_LONGEST_CLASS = const(32)  # characters: each is looked at again and again behind a *


def resolve(cwd, arg):
    """Return the absolute, normal path that arg means in cwd; `..` stops at the root.

    Both are the user's own view: "/" is the user's root, wherever that lies.
    """
    if arg.startswith("/") and not ("//" in arg or "/." in arg or arg.endswith("/")):
        return arg  # as most clients send it: normal already
    parts = [] if arg.startswith("/") else _parts(cwd)
    for part in _parts(arg):
        if part == "..":
            if parts:
                parts.pop()
        elif part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def _parts(path):
    return [part for part in path.split("/") if part]


def inside(root, path):
    """The file system's path of a user's path: root is that user's "/"."""
    if root == "/":
        return path
    return root if path == "/" else root + path


def seen(root, path):
    """The user's view of a file system's path: what `inside` was given."""
    if root == "/":
        return path
    return path[len(root) :] or "/"


def split(path):
    """(folder, name) of an absolute path; the root's name is empty."""
    cut = path.rfind("/")
    return path[:cut] or "/", path[cut + 1 :]


def join(folder, name):
    """The path of a name in a folder."""
    return folder + name if folder.endswith("/") else folder + "/" + name


def is_within(folder, path):
    """True where path is folder itself or lies below it."""
    return path == folder or folder == "/" or path.startswith(folder + "/")


def is_glob(name):
    """True where name holds a wildcard."""
    return "*" in name or "?" in name or "[" in name


def matches(pattern, name):
    """True where name matches a pattern: `*` is any run, `?` one character, [a-z], [!a-z] a class.

    Linear in space and at worst quadratic in time: a client chooses both, so no recursion.
    """
    at = i = mark = 0
    star = -1
    while i < len(name):
        step = 0  # characters of the pattern that mean name[i]
        if at < len(pattern):
            sign = pattern[at]
            if sign == "*":
                star = at
                mark = i
                at += 1
                continue
            if sign == "[":
                step = _in_class(pattern, at, name[i])
            elif sign == "?" or sign == name[i]:
                step = 1
        if step:
            at += step
            i += 1
        elif star >= 0:
            at = star + 1
            mark += 1
            i = mark
        else:
            return False
    while at < len(pattern) and pattern[at] == "*":
        at += 1
    return at == len(pattern)


def _in_class(pattern, at, letter):
    """The length of the class that begins at `at` where letter is in it, else 0.

    One that doesn't end, or not soon, is no class: its [ stands for itself.
    """
    first = at + 1
    negated = pattern[first : first + 1] == "!"
    if negated:
        first += 1
    end = pattern.find("]", first + 1)  # a ] in the first place stands for itself
    if not 0 < end < first + _LONGEST_CLASS:
        return 1 if letter == "[" else 0
    found = False
    while first < end:
        if pattern[first + 1] == "-" and first + 2 < end:
            found = found or pattern[first] <= letter <= pattern[first + 2]
            first += 3
        else:
            found = found or pattern[first] == letter
            first += 1
    return end + 1 - at if found != negated else 0
