"""What only an RP2 needs: memory across a reset, the console's room, a working deep sleep."""

import sys

import machine
from micropython import const

MARK = b"\xa5\x1e"
# The buffer control register of endpoint 2 IN, the console's (USBD_CDC_EP_IN in tusb_config.h).
_CONSOLE = const(0x50100090)
_AVAILABLE = const(0x400)


def memory(kept=None):
    """Return or replace 12 bytes, like RTC().memory() of an ESP32: scratch registers 5 to 7.

    The boot ROM and the pico-sdk use them only if register 4 has the mark for a reset to an
    address, which machine.reset() doesn't set [S: watchdog.c, bootrom_rt0.S].
    """
    base = 0x400D8000 if "RP2350" in sys.implementation._machine else 0x40058000
    if kept is None:
        kept = b""
        for at in range(base + 0x20, base + 0x2C, 4):
            kept += (machine.mem32[at] & 0xFFFFFFFF).to_bytes(4, "little")
        return kept.rstrip(b"\0")
    if kept.find(MARK) > 0 and len(kept) > 12:
        raise ValueError("the application has its own there")
    for at in range(0, 12, 4):
        machine.mem32[base + 0x20 + at] = int.from_bytes(kept[at : at + 4], "little")


def deepsleep():
    """Halt until the reset button is pressed or the power is cycled.

    With Wi-Fi up there are always pending interrupts, and machine.deepsleep() returns at once [S:
    rp2/modmachine.c:178, at 1.29].
    """
    try:
        import network

        network.WLAN().deinit()  # also unpowers it, and so disables the pin that wakes the board
    except Exception as error:
        print("hal: Wi-Fi stays up:", error)
    machine.deepsleep()


def console_has_room():
    """Whether the console's queue of 256 bytes is empty: the host has read the last packet.

    The controller marks a packet as available until the host has read it; then TinyUSB sends the
    next one, if any [S: usb_dpram.h:40, cdc_device.c's cdcd_xfer_cb]. Without a host there is no
    packet, and the queue drops its oldest bytes [S: mp_usbd_cdc.c:106].
    """
    return not machine.mem32[_CONSOLE] & _AVAILABLE
