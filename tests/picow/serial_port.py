"""The board's USB console as a serial device, which comes and goes with its USB."""

import contextlib
import os
import select
import socket
import threading
import tty

_LOOK_S = 0.05  # how often to see whether a program has opened the device
_CHUNK = 4096


class SerialPort:
    """A device at `path`, joined with the emulator's console, a connected socket.

    What the board prints while no program has the device open is lost, as with USB.
    """

    def __init__(self, console, path):
        self.path = path
        self._console = console
        self._device = None  # the pseudo-terminal's end that is not the program's
        self._printed = b""  # what the program has not taken yet
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def plug(self):
        """Let the device appear."""
        with self._lock:
            if self._device is not None:
                return
            self._device, program = os.openpty()
            tty.setraw(program)
            os.set_blocking(self._device, False)
            self.path.symlink_to(os.ttyname(program))
            os.close(program)

    def unplug(self):
        """Let the device go away; a program that has it open reads its end."""
        with self._lock:
            if self._device is not None:
                self.path.unlink(missing_ok=True)
                os.close(self._device)
                self._device = None

    def close(self):
        """End it for good."""
        self.unplug()
        with contextlib.suppress(OSError):
            self._console.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._console.close()

    def _carry(self):
        while True:
            console, device = self._wait()
            if console:
                printed = self._console.recv(_CHUNK)
                if not printed:
                    return
                self._printed = printed
            with self._lock, contextlib.suppress(OSError):  # OSError: unplugged, or closed
                if not self._opened():
                    self._printed = b""
                    continue
                if self._printed:
                    self._printed = self._printed[os.write(self._device, self._printed) :]
                if device:
                    self._console.sendall(os.read(self._device, _CHUNK))

    def _wait(self):
        """Wait for something to do, _LOOK_S at most; returns whether console and device have it.

        The console is left alone until the program has taken what was printed before.
        """
        with self._lock:
            device = self._device if self._opened() else None
        programs = [] if device is None else [device]
        consoles = [] if self._printed else [self._console]
        writing = programs if self._printed else []
        try:
            readable, _, _ = select.select(consoles + programs, writing, [], _LOOK_S)
        except (OSError, ValueError):  # unplugged meanwhile
            return False, False
        return self._console in readable, device in readable

    def _opened(self):
        """Whether a program has the device open."""
        if self._device is None:
            return False
        poll = select.poll()
        poll.register(self._device, select.POLLIN)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))
