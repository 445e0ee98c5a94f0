"""Why the board was reset. Asked once at each boot, before files that an update may replace.

A trial depends on the answer, so it can't come from hal, which may be replaced.
"""

import sys

from micropython import const

# Values of machine.reset_cause(). A port has only the constants that it can tell apart. ESP32 and
# RP2 report a brown-out as a power-on.
_CAUSES = (
    ("PWRON_RESET", "power-on"),
    ("HARD_RESET", "reset"),
    ("WDT_RESET", "watchdog"),
    ("DEEPSLEEP_RESET", "deep-sleep"),
    ("SOFT_RESET", "soft"),
)

# Registers of the RP2's watchdog, from pico-sdk's hardware_watchdog and its register descriptions.
_WATCHDOG_RP2040 = const(0x40058000)
_WATCHDOG_RP2350 = const(0x400D8000)
_REASON = const(0x08)
_FORCED = const(0x02)  # bit of REASON: set by machine.reset(), not by a timeout or by the ROM
_SCRATCH4 = const(0x1C)
_ENABLED = const(0x6AB73121)  # SCRATCH4 while a watchdog runs; machine.reset() and the ROM write 0
_CLEAR = const(0x3000)  # address offset: a write clears these bits of the register
# Bit PAUSE_JTAG of CTRL. A hardware reset sets it; starting the watchdog and reset_cause() clear
# it. If it is already clear, only the program was restarted.
_UNSEEN = const(0x01000000)


def reset_cause():
    """Return why the board started. Call once, from boot.py, before a watchdog is started.

    power-on, reset, watchdog, deep-sleep, soft or external. external: a flasher, USB or JTAG,
    which says nothing about the software. A reset button and a brown-out give power-on.
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
    return "external"  # cause 0: an ESP32's USB or JTAG [S: esp32/modmachine.c]


def _rp2_cause(mem, watchdog):
    """Return the cause on an RP2, whose machine.reset_cause() is only renewed by a hardware reset.

    watchdog: whether machine.reset_cause() says so. It also says so after machine.reset() and
    after a flasher's reset, which both use the watchdog.
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
