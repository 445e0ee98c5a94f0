"""Fallback: the board's own access point while no known network is there."""

from micropython import const

from services.borrow import borrow

_AGAIN = const(60)  # polls until the next try, if the access point could not be opened


class Fallback:
    """Opens the access point after trial_s polls without a network, closes it when one is there.

    The known networks are still tried meanwhile. STAT shows the access point's address, so that
    FTP can send it in a PASV reply; `up` stays false, so that it proves no configuration.
    """

    def __init__(self, status, events, password, trial_s):
        self._status = status
        self._events = events
        self._password = password
        self._trial_s = trial_s
        self._open = None  # the interface
        self._next = trial_s
        self.down = 0  # polls without a network

    def look(self):
        """Open or close the access point. Raises OSError; the next call tries again."""
        down = self.down
        section = self._status.section("network")
        if not down:
            self._next = self._trial_s
            if self._open:
                opened, self._open = self._open, None
                section.pop("access_point", None)
                self._events.publish("network/access_point", open=False)
                borrow("hal.access_point", "close")(opened)
        elif not self._open and down >= self._next:
            self._next = down + _AGAIN
            name = borrow("hal.access_point", "name_of")(self._status.section("board"))
            self._open = borrow("hal.access_point", "opened")(name, self._password)
            section["access_point"] = name
            self._events.publish("network/access_point", open=True, name=name)
        if self._open:
            section["address"] = self._open.ifconfig()[0]
