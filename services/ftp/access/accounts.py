"""Accounts: users and roles; passwords only as PBKDF2-HMAC-SHA256 (RFC 8018)."""

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
        self.known = None  # a fast digest of the last right password, see Accounts.login


class Accounts:
    """The users: a dict of name -> Account."""

    def __init__(self, accounts):
        self._accounts = accounts
        self._boot_key = os.urandom(32)
        self._most = borrow(_PBKDF2, "dearest")(accounts)
        self._lock = None  # an asyncio.Lock, whose module is loaded at the first login

    def knows(self, name):
        """Whether there is such a user: for operators, never for clients."""
        return name in self._accounts

    async def login(self, name, password):
        """Return the Account of a right name and password; None, after the same work, if wrong.

        Every password takes as many iterations as the slowest account, also for an unknown user
        (RFC 2577 section 5). Only one is computed at a time, so that an attacker who tries many
        can't take all processor time. A password that was right before is recognised by a keyed
        digest, which is only in RAM: clients that open many sessions wait for PBKDF2 once.
        """
        account = self._accounts.get(name)
        if account and account.stored is None:
            return account
        quick = sha256(self._boot_key + password.encode()).digest()
        known = (account and account.known) or self._boot_key  # _boot_key equals no digest
        if known == quick:  # not constant-time: useless to a client that doesn't know the key
            return account
        if not self._lock:
            self._lock = asyncio.Lock()
        async with self._lock:
            try:
                is_right = borrow(_PBKDF2, "is_right")
            except MemoryError:  # a login matters more than the modules of rare commands
                release()
                is_right = borrow(_PBKDF2, "is_right")
            if not await is_right(password, account, self._most):
                return None
        account.known = quick
        return account
