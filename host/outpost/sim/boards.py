"""Board profiles: what each simulated board has, and which port's rules it follows."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

BOARD = "OUTPOST_PROFILE"  # environment variable with the board's name
BLOCK = 4096  # bytes of a block of flash, on every board
HEAP_BLOCK = 16  # bytes of a block of heap, on 32 bits: py/gc.c


@dataclass(frozen=True)
class Profile:
    """A board; boards.toml explains each value. Sizes are in bytes, blocks are of 4,096."""

    name: str
    heap: int
    blocks: int
    program: int
    port: str
    version: tuple[int, ...]
    sockets: int
    listeners_count: bool
    lwip_heap: int
    send_buffer: int
    walk_ns: int
    read_us: int

    @property
    def flash(self) -> int:
        """Bytes of flash for files."""
        return self.blocks * BLOCK

    @property
    def walk_us(self) -> int:
        """Microseconds of one walk over the whole heap."""
        return self.heap // HEAP_BLOCK * self.walk_ns // 1000

    @property
    def rules(self) -> dict[str, object]:
        """What the simulated board's own modules must know: see sim/board/_host.py."""
        names = (
            "port", "version", "program", "sockets", "listeners_count", "lwip_heap", "send_buffer",
            "walk_us", "read_us",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


def _read() -> dict[str, Profile]:
    with Path(__file__).with_name("boards.toml").open("rb") as file:
        found = tomllib.load(file)
    return {
        name: Profile(name, **values | {"version": tuple(values["version"])})
        for name, values in found.items()
    }


BOARDS = _read()


def default() -> Profile:
    """Return the default Profile: what OUTPOST_PROFILE names, else a Pico W."""
    return BOARDS[os.environ.get(BOARD) or "pico-w"]
