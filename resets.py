"""Why the board was reset: asked once a boot, before anything that an update may replace.

A trial depends on it, so hal, whose affair `machine` is elsewhere, can't be asked.
"""

import sys

from micropython import const

# What machine.reset_cause() may return; a port has only the constants that it can tell apart. A
# brown-out is none of them: ESP32 and RP2 call it a power-on.
_CAUSES = (
    ("PWRON_RESET", "power-on"),
    ("HARD_RESET", "reset"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep-sleep"),
    ("SOFT_RESET", "soft"),
)

# The RP2's watchdog; what the pico-sdk's hardware_watchdog and its registers' descriptions say.
_WATCHDOG_RP2040 = const(0x40058000)
_WATCHDOG_RP2350 = const(0x400D8000)
_REASON = const(0x08)
_FORCED = const(0x02)  # of REASON: machine.reset() triggers it; a bite and the ROM let it run out
_SCRATCH4 = const(0x1C)
_ENABLED = const(0x6AB73121)  # in SCRATCH4 while one runs; machine.reset() and the ROM put a 0
_CLEAR = const(0x3000)  # added to a register's address: writing clears those bits of it
# Of CTRL, PAUSE_JTAG: each reset of the hardware sets it, starting the watchdog clears it, and so
# does reset_cause(). Where it is clear already, the chip was not reset: only the program was.
_UNSEEN = const(0x01000000)


def reset_cause():
    """Why the board started; to be asked once, by boot.py, before a watchdog is started.

    power-on, reset, watchdog, deep-sleep, soft, or external: by a flasher, USB or JTAG, which
    says nothing of the software. A reset button and a brown-out read as power-on.
    """
    try:
        import machine

        cause = machine.reset_cause()
        if sys.platform == "rp2":
            return _rp2_cause(machine.mem32, cause == machine.WDT_RESET)
    except (ImportError, AttributeError):
        return "power-on"  # the plain unix port
    for name, text in _CAUSES:
        if getattr(machine, name, None) == cause:
            return text
    return "external"  # 0: an ESP32's USB or JTAG [S: esp32/modmachine.c]


def _rp2_cause(mem, watchdog):
    """The cause on an RP2, whose own one stays what it is until the hardware is reset again.

    watchdog: what machine.reset_cause() says, also of machine.reset() and of a flasher's reset,
    which both work through the watchdog.
    """
    base = _WATCHDOG_RP2350 if "RP2350" in sys.implementation._machine else _WATCHDOG_RP2040
    unseen = mem[base] & _UNSEEN
    mem[base + _CLEAR] = _UNSEEN
    if not unseen:
        return "soft"
    if not watchdog:
        return "power-on"
    if mem[base + _REASON] & _FORCED:
        return "reset"
    return "watchdog" if mem[base + _SCRATCH4] & 0xFFFFFFFF == _ENABLED else "external"
