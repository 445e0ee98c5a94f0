"""One life of a simulated board: its interpreter from power or reset to its end."""

import codecs
import contextlib
import os
import selectors
import subprocess
import threading
from collections.abc import Callable
from typing import IO, Self

from outpost.sim.clock import forget_clock
from outpost.sim.hardware import Hardware, Retained
from outpost.sim.wire import Ending, Wire


class Life:
    """An interpreter that runs as a board: follow() it in a `with` block, whose end is its own.

    retained: from the life before, and for the next one. up: an event that is set as long as it
    takes Ctrl-C. stopping: whether somebody wants it to end. printed(text): is given what it
    prints. pid: the interpreter's process id.
    """

    def __init__(
        self,
        hardware: Hardware,
        retained: Retained,
        *,
        up: threading.Event,
        stopping: Callable[[], bool],
        printed: Callable[[str], object],
    ) -> None:
        self._interpreter = hardware.interpreter
        self._wire = Wire(retained, up, stopping)
        self._printed = printed
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        with contextlib.ExitStack() as stack:
            self._wire_end, wire = os.pipe()
            stack.callback(os.close, self._wire_end)
            try:
                self._process = subprocess.Popen(
                    hardware.command,
                    env=hardware.environment(retained, wire),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=[wire],
                    # Ctrl-C in the host's terminal reaches the board through Board alone.
                    start_new_session=True,
                )
            finally:
                os.close(wire)
            stack.callback(forget_clock, self._process.pid)
            stack.enter_context(self._process)
            stack.callback(self.cut_power)
            stack.callback(up.clear)
            self.pid = self._process.pid
            self._over = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.close()

    @property
    def writes(self) -> tuple[int, int] | None:
        """Programs and erases of the flash; None where the life ended without a word of them."""
        return self._wire.writes

    def press_ctrl_c(self) -> None:
        """Leave KeyboardInterrupt to be raised in it; only while it is up."""
        self._interpreter.press_ctrl_c(self._process)

    def cut_power(self) -> None:
        """End it at once, wherever it is."""
        if self._process.poll() is None:
            self._process.kill()

    def follow(self) -> Ending:
        """Pass on what it prints and take in what it tells until it ends; return how."""
        stdout = self._process.stdout
        assert stdout  # a pipe
        ending = self._attend(stdout)
        self.cut_power()
        while self._copy_console(stdout):
            pass
        status = self._process.wait()
        if ending is None:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            ending = Ending("fault", fault=f"the interpreter ended with {how}")
        return ending

    def _attend(self, stdout: IO[bytes]) -> Ending | None:
        """Follow console and wire until the wire, or the watchdog, tells an end; None without."""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            selector.register(self._wire_end, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(self._wire.bites_in)]
                if not ready:
                    return Ending("watchdog")
                if stdout in ready and not self._copy_console(stdout):
                    return None
                if self._wire_end not in ready:
                    continue
                received = os.read(self._wire_end, 4096)
                if not received:
                    selector.unregister(self._wire_end)
                ending = self._wire.take(received)
                if ending:
                    return ending

    def _copy_console(self, stdout: IO[bytes]) -> bool:
        """Pass on what it printed; False at its end."""
        data = os.read(stdout.fileno(), 65536)
        if data:
            self._printed(self._decode(data))
        return bool(data)
