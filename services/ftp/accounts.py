"""Accounts: who may log in and what for; passwords only as PBKDF2-HMAC-SHA256 (RFC 8018)."""

import os
from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

_SCHEME = "pbkdf2-sha256"
_ITERATIONS = const(2_000)  # well below a second on an ESP32; a hash says its own number
_MOST_ITERATIONS = const(1_000_000)
_SLICE_MS = const(5)
_BLOCK = const(64)  # SHA-256's block in bytes, HMAC's key length (RFC 2104)


class Account:
    """One user: a role (read, write, admin), and the folder that is its "/"."""

    def __init__(self, name, stored, role, root):
        self.name = name
        self.stored = stored  # "pbkdf2-sha256$iterations$salt$hash"; None: any password will do
        self.role = role
        self.root = root
        self.known = None  # a quick digest of the last right password, see Accounts.login


def _base64(data):
    return b2a_base64(data).decode().rstrip()


async def _derive(password, salt, iterations):
    """PBKDF2 with one block of output: 32 bytes. Lets the loop run every 5 ms."""
    key = password.encode()
    if len(key) > _BLOCK:
        key = sha256(key).digest()
    inner = bytearray(b"\x36" * _BLOCK)  # the key, padded with zeros, XOR ipad and opad
    outer = bytearray(b"\x5c" * _BLOCK)
    for i in range(len(key)):
        inner[i] ^= key[i]
        outer[i] ^= key[i]
    piece = salt + b"\0\0\0\1"
    total = 0
    since = ticks_ms()
    for _ in range(iterations):
        # hashlib has no copy() here, so each HMAC hashes its key blocks again
        digest = sha256(inner)
        digest.update(piece)
        piece = digest.digest()
        digest = sha256(outer)
        digest.update(piece)
        piece = digest.digest()
        total ^= int.from_bytes(piece, "big")  # one big number: faster than 32 small ones
        if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
            await asyncio.sleep_ms(0)
            since = ticks_ms()
    return total.to_bytes(32, "big")


async def hash_password(password):
    """Return the string to store for a password; its salt is new at each call."""
    salt = os.urandom(16)
    derived = await _derive(password, salt, _ITERATIONS)
    return "%s$%d$%s$%s" % (_SCHEME, _ITERATIONS, _base64(salt), _base64(derived))


async def verify(password, stored):
    """True where password is the one that was stored; the time depends on neither."""
    try:
        scheme, iterations, salt, expected = stored.split("$")
        iterations = int(iterations)
        salt = a2b_base64(salt)
        expected = a2b_base64(expected)
    except ValueError:
        return False
    if scheme != _SCHEME or not 0 < iterations <= _MOST_ITERATIONS:
        return False
    return _same(await _derive(password, salt, iterations), expected)


def _same(a, b):
    """Compare bytes in a time that does not tell where they differ."""
    if len(a) != len(b):
        return False
    different = 0
    for i in range(len(a)):
        different |= a[i] ^ b[i]
    return not different


def is_hash(stored):
    """True where a stored password is a hash, not clear text."""
    return stored.startswith(_SCHEME + "$")


class Accounts:
    """Who may log in: a dict of name -> Account."""

    def __init__(self, accounts):
        self._accounts = accounts
        self._boot_key = os.urandom(32)
        self._most = max([_ITERATIONS] + [_iterations(accounts[name]) for name in accounts])
        self._lock = asyncio.Lock()

    def knows(self, name):
        """True where there is such a user: for the operator's eyes, never the client's."""
        return name in self._accounts

    async def login(self, name, password):
        """Return the Account of a right name and password, or None, after the same work.

        Every password costs as many iterations as the dearest, an unknown user's too (RFC 2577
        section 5). One is computed at a time: strangers who try many don't take the processor.
        A password that was right before is told by a keyed digest that lives in RAM alone:
        clients that open many sessions pay for PBKDF2 once.
        """
        account = self._accounts.get(name)
        if account and account.stored is None:
            return account
        quick = sha256(self._boot_key + password.encode()).digest()
        known = (account and account.known) or self._boot_key  # which no digest is
        if known == quick:  # where they differ tells nothing to who doesn't know the key
            return account
        async with self._lock:
            right = False
            spent = 0
            if account:
                right = await verify(password, account.stored)
                spent = _iterations(account)
            await _derive(password, b"", self._most - spent)
        if not right:
            return None
        account.known = quick
        return account


def _iterations(account):
    """What an account's hash costs; 0 where it is none."""
    parts = (account.stored or "").split("$")
    count = int(parts[1]) if len(parts) == 4 and parts[1].isdigit() else 0
    return count if count <= _MOST_ITERATIONS else 0
