"""Paths: from what a client sends to a path inside the user's root, and globs. No I/O."""


def resolve(cwd, arg):
    """Return the absolute, normal path that arg means in cwd; `..` stops at the root.

    Both are the user's own view: "/" is the user's root, wherever that lies.
    """
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
    return "*" in name or "?" in name


def matches(pattern, name):
    """True where name matches a pattern of `*` (any run) and `?` (one character).

    Linear in space and at worst quadratic in time: a client chooses both, so no recursion.
    """
    at = i = mark = 0
    star = -1
    while i < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star = at
            mark = i
            at += 1
        elif at < len(pattern) and (pattern[at] == "?" or pattern[at] == name[i]):
            at += 1
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
