"""`machine` as on a board: clock, watchdog, resets and their cause; no pins.

The host selects whose rules it follows: rp2's, esp32's, or only what the unix port lacks.
"""

import os
from time import gmtime, mktime, time

import _timers
from _flash import in_callback
from _host import give_reserve, libc, rules, settings, tell, tell_and_wait, timers
from micropython import const

_PORT = rules["port"]
_SCRATCH4 = const(0x4005801C)  # of an RP2040's watchdog
_CONTROL = const(0x40058000)
_REASON = const(0x40058008)
_PAUSES = const(0x07000000)  # of CTRL: set by each reset of the chip, cleared by watchdog_enable()
_ENABLED = const(0x6AB73121)  # WATCHDOG_NON_REBOOT_MAGIC, pico-sdk's watchdog.c
_VIRTUAL = [1, 29, 0]  # the first version in which an esp32 has Timer(-1)

PWRON_RESET = const(1)
WDT_RESET = const(3)
if _PORT != "rp2":  # rp2/modmachine.c:59 only has the two above
    HARD_RESET = const(2)
    DEEPSLEEP_RESET = const(4)
    SOFT_RESET = const(5)

# The cause of this life, in the desk's words.
_began = settings.pop("cause")
_kept = settings.pop("kept")  # what survives a reset: see _keep()
if _PORT == "rp2" and _began != "soft":
    _kept["%x" % _CONTROL] = _PAUSES
    # TIMER, or FORCE, which machine.reset() sets.
    _kept["%x" % _REASON] = {"watchdog": 1, "reset": 2, "sleep": 2}.get(_began, 0)
_unique_id = bytes.fromhex(settings.pop("id"))


def reset_cause():
    """Return why the board started: one of the *_RESET constants."""
    if _PORT == "rp2":
        # rp2/modmachine.c:75: whether the watchdog has reset the chip since power-on. All
        # requested resets use the watchdog, and a soft reset has no cause of its own.
        return WDT_RESET if _kept.get("bitten") else PWRON_RESET
    return {"power": 1, "reset": 2, "watchdog": 3, "sleep": 4, "soft": 5}[_began]


def _keep(key, value):
    """Store a number or a text until the power is cut."""
    _kept[key] = value
    tell(b"keep %s %s\n" % (key.encode(), str(value).encode().hex().encode()))


class _Memory:
    """`mem32` and `mem16`: the watchdog's registers, which survive a soft reset, and lwIP's state.

    Only the registers that programs use; RP2040 datasheet, sections 2.1.2 and 4.7.6.
    """

    def __getitem__(self, address):
        if _PORT == "rp2" and address >> 28 != 4:
            import _sockets

            return _sockets.peek(address)
        return int(_kept.get("%x" % address, 0))

    def __setitem__(self, address, value):
        if address & 0xF000 == 0xB000:  # the register's alias for clearing bits
            address -= 0x3000
            value = self[address] & ~value
        _keep("%x" % address, value & 0xFFFFFFFF)


mem32 = mem16 = _Memory()


def unique_id():
    """Return the chip's own number, six bytes; it depends on the flash file's path."""
    return _unique_id


def reset():
    """Reset the whole board, as its button does. Never returns."""
    give_reserve()
    if _PORT == "rp2":
        # watchdog_reboot(0, 0, ..), pico-sdk: through the watchdog, marked as intended.
        mem32[_SCRATCH4] = 0
        _keep("bitten", 1)
    tell_and_wait(b"reset\n")


def soft_reset():
    """End the program and start boot.py again."""
    raise SystemExit


def deepsleep(time_ms=0):
    """Switch off; after time_ms milliseconds, if given, the board starts again.

    rp2/modmachine.c:339: lightsleep(), then a reset; with the radio on it does not sleep at all
    (:190).
    """
    if _PORT == "rp2":
        import network

        if network.WLAN().active():
            reset()
        _keep("bitten", 1)
    tell_and_wait(b"sleep %d\n" % time_ms)


class RTC:
    """The clock, in UTC. It continues through resets and stops at a power cut."""

    def datetime(self, when=None):
        """Return or set (year, month, day, weekday, hour, minute, second, subseconds)."""
        if when is None:
            t = gmtime()
            return t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0
        offset = os.getenv("FAKETIME")
        if offset is None or "x" in offset:
            return None  # the host's own clock, or a faster one: it is right and can't be set
        wanted = mktime((when[0], when[1], when[2], when[4], when[5], when[6], 0, 0))
        # libfaketime reads the variable at every call: an offset from the host's clock.
        offset = "%+.6f" % (float(offset) + wanted - time())
        os.putenv("FAKETIME", offset)
        tell(b"clock %s\n" % offset.encode())
        return None

    if _PORT != "rp2":

        def memory(self, data=None):
            """Return or set up to 2,048 bytes that survive a reset (esp32/machine_rtc.c)."""
            if data is None:
                return bytes.fromhex(_kept.get("memory", ""))
            if len(data) > 2048:
                raise ValueError("buffer too long")
            _keep("memory", bytes(data).hex())
            return None


class WDT:
    """The watchdog: the host resets the board if it isn't fed in time."""

    def __init__(self, id=0, timeout=5000):
        if _PORT == "rp2":
            if timeout > 8388:  # rp2/machine_wdt.c: the chip's counter
                raise ValueError("timeout exceeds 8388")
            mem32[_SCRATCH4] = _ENABLED
            mem32[_CONTROL] = 1 << 30
        tell(b"watchdog %d\n" % timeout)

    def feed(self):
        """Postpone the reset by another timeout."""
        tell(b"feed\n")


class Timer:
    """A timer: its callback runs between any two bytecodes.

    Also while a file is half written: a callback that touches files ends the board (_flash.py).
    """

    ONE_SHOT = const(0)
    PERIODIC = const(1)

    def __init__(self, id=-1, **options):
        if _PORT == "rp2" and id != -1:
            raise ValueError("Timer doesn't exist")  # rp2/machine_timer.c:127
        if _PORT == "esp32" and not 0 <= id < 4 and (id != -1 or rules["version"] < _VIRTUAL):
            raise ValueError("invalid Timer number")  # esp32/machine_timer.c:126
        self._life = self.place = None  # place: used by _timers.py
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, period, callback):
        """Call callback(timer) after period milliseconds, or periodically."""
        self._mode = mode
        self._callback = callback
        if _PORT == "rp2" and libc:
            # rp2/machine_timer.c:116: the collector stops a timer without references.
            self._life = self._life or _timers.Life()
        elif self not in _running:
            _running.append(self)  # the host only has its address, which is no reference
        self._ask(period, mode)

    def deinit(self):
        """Stop calling it."""
        self._callback = None
        self._life = None
        _timers.end(self)
        if not timers and self in _running:
            _running.remove(self)

    def _ask(self, period, mode):
        self.place = _timers.ask(_tick, self, period, mode, self._life)


_running = []


def _tick(timer):
    """The scheduled function: run the callback."""
    _timers.ran(timer)
    if timer._mode == Timer.ONE_SHOT:
        _timers.end(timer)
        timer._life = None
        if timer in _running:
            _running.remove(timer)
    if timer._callback:
        in_callback[0] = True
        timer._callback(timer)
        in_callback[0] = False


if not timers and not libc:
    del Timer  # without a host or the C library, timers can't run
