"""Guard: counts wrong passwords by address, slows the next try, locks an address out for a while.

Imported at the first wrong password, let go when the last one is forgotten.
"""

from time import ticks_ms

from micropython import const

from hal import elapsed

_MOST_ADDRESSES = const(16)
_FIRST_PAUSE_MS = const(1_000)  # after one failure; it doubles with each
_LONGEST_PAUSE_MS = const(30_000)
_TRIES = const(10)  # then the address is locked out

# What stands in an entry of the table.
_FAILURES = const(0)
_LAST = const(1)  # ticks in ms of the last failure
_NAME = const(2)  # the user whose password was tried; None: several, or none that exists


class Guard:
    """What is held against each address. lockout_ms: after that time nothing is any more.

    An address is known by its failures alone, so nobody else ever meets this. Times are
    differences of ticks: setting the clock moves none. expire() must be called now and then,
    before ticks wrap.
    """

    def __init__(self, lockout_ms):
        self._lockout_ms = lockout_ms
        self._table = {}  # address -> entry

    def pause_ms(self, address):
        """How long an address must wait before its next password is looked at, in ms."""
        entry = self._entry(address)
        if not entry:
            return 0
        pause = min(_FIRST_PAUSE_MS << entry[_FAILURES] - 1, _LONGEST_PAUSE_MS, self._lockout_ms)
        return max(0, pause - elapsed(entry[_LAST]))

    def locked_s(self, address):
        """Seconds that are left of an address's lock-out, 0 where there is none."""
        entry = self._entry(address)
        if not entry or entry[_FAILURES] < _TRIES:
            return 0
        return (self._lockout_ms - elapsed(entry[_LAST]) + 999) // 1000

    def failed(self, address, name):
        """Count a failure; return the seconds of the lock-out that begins with it, else 0."""
        if self.locked_s(address):
            return 0  # tried at the same time: what is locked out stays so no longer for it
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
        """Forget what was held against an address; name: only where that user's was tried alone.

        Else whoever has one password could try as many of another's as he likes. True where
        something was forgotten.
        """
        entry = self._table.get(address)
        if not entry or (name and entry[_NAME] != name):
            return False
        del self._table[address]
        return True

    def locked(self):
        """Yield (address, seconds left) of each address that is locked out."""
        for address in list(self._table):
            left = self.locked_s(address)
            if left:
                yield address, left

    def expire(self):
        """Forget what is old; True where nothing is left."""
        for address in list(self._table):
            self._entry(address)
        return not self._table

    def _entry(self, address):
        """What is held against an address; what is old is forgotten here."""
        entry = self._table.get(address)
        if entry and elapsed(entry[_LAST]) >= self._lockout_ms:
            del self._table[address]
            return None
        return entry

    def _drop_one(self):
        """Make room: the fewest failures go, among those the oldest.

        So failures from many addresses wash none out that is locked out.
        """
        worst = None
        for address in self._table:
            entry = self._table[address]
            rank = (entry[_FAILURES], -elapsed(entry[_LAST]))
            if worst is None or rank < worst:
                worst = rank
                found = address
        del self._table[found]
