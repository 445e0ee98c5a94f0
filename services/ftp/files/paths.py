"""Paths: converts what a client sends to a path inside the user's root; globs. No I/O."""

from micropython import const

_LONGEST_CLASS = const(32)  # characters; a class behind a * is searched again and again


def resolve(cwd, arg):
    """Return the absolute, normalized path that arg means in cwd; `..` stops at the root.

    Both are the user's view: "/" is the user's root.
    """
    if arg.startswith("/") and not ("//" in arg or "/." in arg or arg.endswith("/")):
        return arg  # already normalized, as most clients send it
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
    """Convert a user's path to the file system's. root: the user's "/"."""
    if root == "/":
        return path
    return root if path == "/" else root + path


def seen(root, path):
    """Convert a file system's path to the user's; the reverse of inside()."""
    if root == "/":
        return path
    return path[len(root) :] or "/"


def split(path):
    """Return (folder, name) of an absolute path; the root's name is empty."""
    cut = path.rfind("/")
    return path[:cut] or "/", path[cut + 1 :]


def join(folder, name):
    """Return the path of a name in a folder."""
    return folder + name if folder.endswith("/") else folder + "/" + name


def is_within(folder, path):
    """Whether path is folder itself or lies below it."""
    return path == folder or folder == "/" or path.startswith(folder + "/")


def is_glob(name):
    """Whether name contains a wildcard."""
    return "*" in name or "?" in name or "[" in name


def matches(pattern, name):
    """Whether name matches a pattern: `*` any run, `?` one character, [a-z] and [!a-z] a class.

    Linear in space and at worst quadratic in time: a client chooses both, so no recursion.
    """
    at = i = mark = 0
    star = -1
    while i < len(name):
        step = 0  # characters of the pattern that match name[i]
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
    """Return the length of the class that begins at `at` if it contains letter, else 0.

    A class without an end, or too long, is not a class: its [ is matched literally.
    """
    first = at + 1
    negated = pattern[first : first + 1] == "!"
    if negated:
        first += 1
    end = pattern.find("]", first + 1)  # a ] right after the [ is part of the class
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
