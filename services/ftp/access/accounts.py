"""Accounts: who may log in and what for; passwords only as PBKDF2-HMAC-SHA256 (RFC 8018)."""

import os
from hashlib import sha256

import asyncio
from micropython import const

from services.borrow import borrow, release

_PBKDF2 = const("services.ftp.access.pbkdf2")


class Account:
    """One user: a role (read, write, admin), and the folder that is its "/"."""

    def __init__(self, name, stored, role, root):
        self.name = name
        self.stored = stored  # "pbkdf2-sha256$iterations$salt$hash"; None: any password will do
        self.role = role
        self.root = root
        self.known = None  # a quick digest of the last right password, see Accounts.login


class Accounts:
    """Who may log in: a dict of name -> Account."""

    def __init__(self, accounts):
        self._accounts = accounts
        self._boot_key = os.urandom(32)
        self._most = borrow(_PBKDF2, "dearest")(accounts)
        self._lock = None  # asyncio.Lock; its module comes with the first login

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
        if not self._lock:
            self._lock = asyncio.Lock()
        async with self._lock:
            try:
                is_right = borrow(_PBKDF2, "is_right")
            except MemoryError:  # a login goes before the modules of rare commands
                release()
                is_right = borrow(_PBKDF2, "is_right")
            if not await is_right(password, account, self._most):
                return None
        account.known = quick
        return account
