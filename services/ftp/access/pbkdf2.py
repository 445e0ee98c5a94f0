"""PBKDF2-HMAC-SHA256 (RFC 8018): makes hashes of passwords and checks them; borrowed.

accounts.py recognises a password that was right before. So this module is only needed once for
each user and boot, and its 1.4 KB of heap are free in between.
"""

import os
from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from time import ticks_diff, ticks_ms

import asyncio
from micropython import const

_SCHEME = "pbkdf2-sha256"
_ITERATIONS = const(2_000)  # well below a second on an ESP32; each hash contains its own number
_MOST_ITERATIONS = const(1_000_000)
_SLICE_MS = const(5)
_BLOCK = const(64)  # bytes of a SHA-256 block, the length of HMAC's key (RFC 2104)


def _base64(data):
    return b2a_base64(data).decode().rstrip()


async def _derive(password, salt, iterations):
    """Return PBKDF2 with one block of output: 32 bytes. Lets the loop run every 5 ms."""
    key = password.encode()
    if len(key) > _BLOCK:
        key = sha256(key).digest()
    inner = bytearray(b"\x36" * _BLOCK)  # the zero-padded key, XOR ipad and opad
    outer = bytearray(b"\x5c" * _BLOCK)
    for i in range(len(key)):
        inner[i] ^= key[i]
        outer[i] ^= key[i]
    piece = salt + b"\0\0\0\1"
    total = 0
    since = ticks_ms()
    for _ in range(iterations):
        # hashlib has no copy() here, so each HMAC hashes its key block again.
        digest = sha256(inner)
        digest.update(piece)
        piece = digest.digest()
        digest = sha256(outer)
        digest.update(piece)
        piece = digest.digest()
        total ^= int.from_bytes(piece, "big")  # one big number is faster than 32 small ones
        if ticks_diff(ticks_ms(), since) >= _SLICE_MS:
            await asyncio.sleep_ms(0)
            since = ticks_ms()
    return total.to_bytes(32, "big")


async def hash_password(password):
    """Return the text to store for a password, with a new salt at each call."""
    salt = os.urandom(16)
    derived = await _derive(password, salt, _ITERATIONS)
    return "%s$%d$%s$%s" % (_SCHEME, _ITERATIONS, _base64(salt), _base64(derived))


async def verify(password, stored):
    """Whether password is the stored one. The time depends on neither."""
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
    """Compare bytes in a time that doesn't show where they differ."""
    if len(a) != len(b):
        return False
    different = 0
    for i in range(len(a)):
        different |= a[i] ^ b[i]
    return not different


def is_hash(stored):
    """Whether a stored password is a hash, not clear text."""
    return stored.startswith(_SCHEME + "$")


def dearest(accounts):
    """Return the most iterations of any hash in a dict of accounts."""
    return max([_ITERATIONS] + [_iterations(accounts[name]) for name in accounts])


async def is_right(password, account, most):
    """Whether a password is the account's (None: no account); takes the same time either way."""
    right = False
    spent = 0
    if account:
        right = await verify(password, account.stored)
        spent = _iterations(account)
    await _derive(password, b"", most - spent)
    return right


def _iterations(account):
    """Return the iterations of an account's hash; 0 if it has none."""
    parts = (account.stored or "").split("$")
    count = int(parts[1]) if len(parts) == 4 and parts[1].isdigit() else 0
    return count if count <= _MOST_ITERATIONS else 0
