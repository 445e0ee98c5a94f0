"""Guard: counts wrong passwords by address, delays the next try, locks an address out for a while.

Loaded at the first wrong password, unloaded when no address is left.
"""

from time import ticks_ms

from micropython import const

from hal import elapsed

_MOST_ADDRESSES = const(16)
_FIRST_PAUSE_MS = const(1_000)  # after one failure; doubles with each further one
_LONGEST_PAUSE_MS = const(30_000)
_TRIES = const(10)  # then the address is locked out

# Indices of an entry in the table.
_FAILURES = const(0)
_LAST = const(1)  # ticks in ms of the last failure
_NAME = const(2)  # the user whose password was tried; None: several users, or unknown


class Guard:
    """Failed logins by address. lockout_ms: they are forgotten after this time.

    Only addresses with failed logins are stored; others are never delayed. Times are differences
    of ticks, so setting the clock changes none. Call expire() regularly, before ticks wrap.
    """

    def __init__(self, lockout_ms):
        self._lockout_ms = lockout_ms
        self._table = {}  # address -> entry

    def pause_ms(self, address):
        """Return how long an address must wait until its next password is checked, in ms."""
        entry = self._entry(address)
        if not entry:
            return 0
        pause = min(_FIRST_PAUSE_MS << entry[_FAILURES] - 1, _LONGEST_PAUSE_MS, self._lockout_ms)
        return max(0, pause - elapsed(entry[_LAST]))

    def locked_s(self, address):
        """Return the remaining seconds of an address's lock-out, 0 if there is none."""
        entry = self._entry(address)
        if not entry or entry[_FAILURES] < _TRIES:
            return 0
        return (self._lockout_ms - elapsed(entry[_LAST]) + 999) // 1000

    def failed(self, address, name):
        """Count a failure; return the seconds of the lock-out that begins with it, else 0."""
        if self.locked_s(address):
            return 0  # tried at the same time: does not extend the lock-out
        now = ticks_ms()
        entry = self._table.get(address)
        if not entry:
            if len(self._table) >= _MOST_ADDRESSES:
                self._drop_one()
            self._table[address] = [1, now, name]
            return 0
        entry[_FAILURES] += 1
        entry[_LAST] = now
        if entry[_NAME] != name:
            entry[_NAME] = None
        return self._lockout_ms // 1000 if entry[_FAILURES] >= _TRIES else 0

    def forgive(self, address, name=None):
        """Forget an address's failures. name: only if no other user's password was tried.

        Otherwise a user could try any number of another user's passwords. Returns True if an entry
        was removed.
        """
        entry = self._table.get(address)
        if not entry or (name and entry[_NAME] != name):
            return False
        del self._table[address]
        return True

    def locked(self):
        """Yield (address, remaining seconds) of each address that is locked out."""
        for address in list(self._table):
            left = self.locked_s(address)
            if left:
                yield address, left

    def expire(self):
        """Remove expired entries; return True if none is left."""
        for address in list(self._table):
            self._entry(address)
        return not self._table

    def _entry(self, address):
        """Return an address's entry; remove it if it has expired."""
        entry = self._table.get(address)
        if entry and elapsed(entry[_LAST]) >= self._lockout_ms:
            del self._table[address]
            return None
        return entry

    def _drop_one(self):
        """Make room: remove the entry with the fewest failures, of those the oldest.

        So failures from many addresses can't displace an address that is locked out.
        """
        worst = None
        for address in self._table:
            entry = self._table[address]
            rank = (entry[_FAILURES], -elapsed(entry[_LAST]))
            if worst is None or rank < worst:
                worst = rank
                found = address
        del self._table[found]
