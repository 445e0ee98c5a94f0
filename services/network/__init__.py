"""Network: keeps Wi-Fi or Ethernet up, and reports the board's address."""

import asyncio
from micropython import const

import hal
from services.borrow import borrow
from services.service import Service

# All times are counted in polls of a second each, so a clock that is set changes none of them.
_LONGEST_DELAY = const(60)
_CYCLE = const(120)
_RSSI_EVERY = const(10)
_LASTS = const(15)  # a stage of connecting that takes longer is reported


class Network(Service):
    """Reconnects with a growing delay; restarts an interface that stays down.

    ssid, password: of the Wi-Fi network. hostname: the name to request; "": the board's name.
    country: where the board is, two letters. lan: how Ethernet is connected, see hal/opening.py.
    networks: more Wi-Fi networks. static: a fixed address. fallback_ap, trial_s: see fallback.py,
    which counts in polls.
    """

    name = "network"
    poll_ms = 1000
    _fallback = None

    def __init__(
        self, status, events, site, ssid="", password="", hostname="", country="", lan=None,
        networks=None, fallback_ap=None, trial_s=300, static=None,
    ):  # fmt: skip
        self.status = status.section(self.name)
        self.events = events
        name = hostname or status.section("board").get("name")
        self._link = hal.Link(
            ssid, password, name if isinstance(name, str) else "", country, lan, networks, static
        )
        if fallback_ap:
            if not (ssid or networks or lan):
                trial_s = 0  # there is nothing to wait for
            make = borrow("services.network.fallback", "Fallback")
            self._fallback = make(status, events, fallback_ap, trial_s)
        self._address = None  # the address, None while it is down
        self._code = None  # the last Link.code()
        self._looks = 0  # number of polls with this code
        self.status["drops"] = 0
        self.status["problem"] = None
        self._show(None)

    async def run(self):
        """Check the link each second; connect again when it is down."""
        self._address = None
        self._show(None)
        self._try(self._link.start)  # after boot.py has begun, this only finds the interface
        down = 0
        delay = until = 1
        polls = 0
        while True:
            # up() and address() may differ for a moment after a drop; without an address it is
            # down.
            address = self._link.address() if self._link.up() else None
            if address != self._address:
                self._changed(address)
            if address:
                if polls % _RSSI_EVERY == 0:
                    self.status["rssi"] = self._link.rssi()
                polls += 1
                down = 0
                delay = until = 1
            else:
                polls = 0
                down += 1
                self._try(self._explain)
                if down % _CYCLE == 0:
                    # Some drivers only recover after a restart.
                    self._try(self._link.stop, self._link.start)
                    delay = until = 1
                elif until <= 0:
                    self._try(self._link.start)
                    delay = until = min(delay * 2, _LONGEST_DELAY)
                until -= 1
            if self._fallback:
                self._fallback.down = down
                self._try(self._fallback.look)
            await asyncio.sleep_ms(self.poll_ms)

    def _try(self, *steps):
        """Call some functions of the link. Report what they raise; run() calls them again."""
        for step in steps:
            try:
                step()
            except Exception as error:  # OSError, ValueError, RuntimeError, MemoryError
                self._tell(str(error) or type(error).__name__)

    def _explain(self):
        """Report why there is no network, if the driver knows."""
        code = self._link.code()
        self._looks = self._looks + 1 if code == self._code else 1
        self._code = code
        if code is not None and self._looks in (1, _LASTS):
            words = borrow("hal.trouble", "words")
            self._tell(words(code, self._link.ssid, self._looks == _LASTS))

    def _tell(self, problem):
        """Report a problem once, until there is another one or the link was up."""
        if problem and problem != self.status["problem"]:
            self.status["problem"] = problem
            self.events.publish("network/problem", error=problem)

    def _changed(self, address):
        """Report a new address, or None."""
        was = self._address
        self._address = address
        self._show(address)
        if address:
            if self.status["problem"]:
                self.status["last_problem"] = self.status["problem"]
                self.status["problem"] = None
            self._looks = 0
            self.events.publish("network/up", address=address)
        elif was:
            self.status["drops"] += 1
            self.events.publish("network/down")

    def _show(self, address):
        self.status["up"] = address is not None
        self.status["address"] = address
        self.status["rssi"] = None
