"""Network: keeps Wi-Fi or Ethernet up, and says where the board can be reached."""

import asyncio
from micropython import const

import hal
from services.service import Service

# All in polls, of a second each: no clock to jump, no ticks to wrap.
_LONGEST_DELAY = const(60)
_CYCLE = const(120)
_RSSI_EVERY = const(10)


class Network(Service):
    """Reconnects with a growing delay; takes an interface down and up that stays dead.

    ssid, password, hostname: of the Wi-Fi network, and the name that this board asks for there.
    An empty ssid means Ethernet where there is any.
    """

    name = "network"
    poll_ms = 1000

    def __init__(self, status, events, site, ssid="", password="", hostname=""):
        self.status = status.section(self.name)
        self.events = events
        self._link = hal.Link(ssid, password, hostname)
        self._address = None  # while it is up
        self.status["drops"] = 0
        self._show(None)

    async def run(self):
        """Look at the link each second; connect, or connect again, when it is down."""
        self._address = None
        self._show(None)
        self._connect()  # boot.py began already: then this only finds the interface
        down = 0
        delay = until = 1
        polls = 0
        while True:
            # The two differ for a moment after a drop: an interface without an address is down.
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
                if down % _CYCLE == 0:
                    self._cycle()
                    delay = until = 1
                elif until <= 0:
                    self._connect()
                    delay = until = min(delay * 2, _LONGEST_DELAY)
                until -= 1
            await asyncio.sleep_ms(self.poll_ms)

    def _connect(self):
        """Begin to connect; a link that can't even begin is named and tried again."""
        try:
            self._link.start()
            self.status["problem"] = None
        except Exception as error:  # drivers raise OSError, ValueError and RuntimeError
            self.status["problem"] = str(error)

    def _cycle(self):
        """Take the interface down and up: some drivers never recover by themselves."""
        try:
            self._link.stop()
        except Exception as error:
            self.status["problem"] = str(error)
        self._connect()

    def _changed(self, address):
        """Tell that the address is now this one, or none."""
        was = self._address
        self._address = address
        self._show(address)
        if address:
            self.events.publish("network/up", address=address)
        elif was:
            self.status["drops"] += 1
            self.events.publish("network/down")

    def _show(self, address):
        self.status["up"] = address is not None
        self.status["address"] = address
        self.status["rssi"] = None
