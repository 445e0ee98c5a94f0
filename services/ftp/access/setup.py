"""Setup: makes the accounts from config.json's users; borrowed once, when the server starts."""

import os

from micropython import const

from services.ftp.access.pbkdf2 import hash_password, is_hash
from services.ftp.files import paths

_IS_DIR = const(0x4000)
_ROLES = ("read", "write", "admin")
_ANONYMOUS = const("anonymous")  # may log in with any password if its own is null
_ALPHABET = const("abcdefghijkmnpqrstuvwxyz23456789")  # without characters that look alike
_PASSWORD_CHARS = const(12)  # 5 bits each


async def accounts(users, keep):
    """Return (name -> [hash of the password, role, root], problems) of a config's users.

    A hash of None: any password is accepted.

    keep(keys, value) writes into config.json, or None. A password in clear is replaced by its hash
    there. If no user could log in, an admin is made; its password is printed once on the console,
    and its hash is stored too.
    """
    problems = []
    made, _ = checked(users, problems)
    for name in made:
        account = made[name]
        if account[0] is not None and not is_hash(account[0]):
            account[0] = await hash_password(account[0])
            _keep(keep, ("ftp", "users", name, "password"), account[0], problems)
    if all(made[name][0] is None for name in made):
        password = "".join([_ALPHABET[byte & 31] for byte in os.urandom(_PASSWORD_CHARS)])
        made["admin"] = admin = [await hash_password(password), "admin", "/"]
        print('FTP user "admin", password "%s": shown this once, change it.' % password)
        entry = {"password": admin[0], "role": "admin", "root": "/"}
        _keep(keep, ("ftp", "users", "admin"), entry, problems)
    return made, problems


def checked(users, problems):
    """Return (name -> [password, role, root], names of the admins who can log in and work).

    Passwords are as in config.json. Problems are appended to problems.
    """
    made = {}
    admins = []
    for name in users:
        before = len(problems)
        account = _account(name, users[name], problems)
        if not account:
            continue
        made[name] = account
        rootless = any([".root: " in problem for problem in problems[before:]])
        if account[1] == "admin" and not rootless:
            admins.append(name)
    return made, admins


def _account(name, given, problems):
    """Return [password, role, root] of one user, or None; problems are appended to problems."""
    where = "ftp.users.%s" % name
    password = given.get("password", 0) if isinstance(given, dict) else 0
    anyone = name == _ANONYMOUS and password is None
    if not isinstance(password, str) and not anyone:
        problems.append(where + ": needs a password; this user can't log in")
        _name_wrong_keys(where, given, problems)
        return None
    if password == "":
        problems.append(where + ".password: must not be empty; this user can't log in")
        return None
    _name_wrong_keys(where, given, problems)
    role = given.get("role", "read")
    if role not in _ROLES:
        text = ".role: must be one of %s; it is read until then"
        problems.append(where + text % ", ".join(_ROLES))
        role = "read"
    elif anyone and role != "read":
        problems.append(where + ".role: is read for a user without a password")
        role = "read"
    if role == "write" and "root" not in given:
        text = (
            ".root: is missing, so this user may replace main.py; name a folder, or / to mean it"
        )
        problems.append(where + text)
    root = given.get("root", None if anyone else "/")
    if not isinstance(root, str) or not root.startswith("/"):
        problems.append(where + ".root: must begin with /; this user can't log in")
        return None
    root = paths.resolve("/", root)  # normalized, because visibility.py compares paths
    if anyone and root == "/":
        text = ".root: must not be / without a password; this user can't log in"
        problems.append(where + text)
        return None
    try:
        if not os.stat(root)[0] & _IS_DIR:
            problems.append(where + ".root: %s is no folder" % root)
    except OSError:
        problems.append(where + ".root: there is no folder %s" % root)
    return [password, role, root]


def _name_wrong_keys(where, given, problems):
    """Report unknown keys by name only; the value may be a password under a mistyped key."""
    for key in given if isinstance(given, dict) else ():
        if key not in ("password", "role", "root"):
            text = "%s.%s: no such key; known are password, role, root"
            problems.append(text % (where, key))


def _keep(keep, keys, value, problems):
    """Write a value into config.json; if that fails, it is used until the next boot."""
    if not keep:
        return
    try:
        keep(keys, value)
    except (OSError, ValueError, MemoryError) as error:  # must not stop FTP
        text = "%s could not be stored: %s; it holds until the next boot"
        problems.append(text % (".".join(keys), error))
