"""What only an RP2 needs: memory through a reset, the console's room, a sleep that is one."""

import sys

import machine
from micropython import const

MARK = b"\xa5\x1e"
# The buffer control of endpoint 2 IN, which is the console's (USBD_CDC_EP_IN in tusb_config.h).
_CONSOLE = const(0x50100090)
_AVAILABLE = const(0x400)


def memory(kept=None):
    """Return or replace 12 bytes, as RTC().memory() of an ESP32: scratch registers 5 to 7.

    The boot ROM and the pico-sdk look at them only where register 4 holds a mark for a reset to
    an address, which machine.reset() is not [S: watchdog.c, bootrom_rt0.S].
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
    """Halt until the reset button, or power.

    With Wi-Fi up it would be a reset: something is always pending there, and then
    machine.deepsleep() does not sleep [S: rp2/modmachine.c:178, at 1.29].
    """
    try:
        import network

        network.WLAN().deinit()  # its power too, and with it the pin that would wake the board
    except Exception as error:
        print("hal: Wi-Fi stays up:", error)
    machine.deepsleep()


def console_has_room():
    """Whether the console's queue of 256 bytes is empty: the host has taken the last packet.

    While it hasn't, the controller has the packet available; once it has, TinyUSB sends the next
    at once where there is more [S: usb_dpram.h:40, cdc_device.c's cdcd_xfer_cb]. Without a host
    there is no packet, and the queue forgets its oldest [S: mp_usbd_cdc.c:106].
    """
    return not machine.mem32[_CONSOLE] & _AVAILABLE
