"""The simulated board's flash: a LittleFS image in a host file, changed while the power is off."""

import contextlib
import fcntl
import hashlib
import mmap
import posixpath
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, Self, cast

from littlefs import LittleFS, LittleFSError, UserContext
from littlefs.lfs import LFSConfig

from outpost.bundle import DeviceFile, earlier
from outpost.sim.boards import BLOCK, BOARDS, Profile, default

# User attributes of LittleFS. 1 is MicroPython's own: a file's time as 64-bit little-endian
# nanoseconds since 1970. The other is ours, on the root: the digest of the last deployed bundle.
_MTIME = 1
_DEPLOYED = 0x4F


class FlashError(Exception):
    """The image can't be used; the text says why and what to do."""


class Flash:
    """A LittleFS image, mounted here while the `with` block runs. Raises FlashError.

    path: the file; it is created if missing. fresh: erase it first. board: the Profile of the
    flash; None: that of the file, or of the default board.
    """

    def __init__(self, path: Path, *, fresh: bool = False, board: Profile | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size if path.exists() else 0
        new = fresh or not size
        if new:
            board = board or default()
            with path.open("wb") as file:
                file.truncate(board.flash)
        board = board or next(
            (known for known in BOARDS.values() if known.flash == size), default()
        )
        if not new and size != board.flash:
            raise FlashError(
                f"{path} is no flash image of the board {board.name}: it has {size} bytes, not "
                f"{board.flash}; name another --flash or --board, or throw its content away with "
                "--fresh"
            )
        self._file = path.open("r+b")
        self._memory = _Memory(self._file)
        # The same sizes as VfsLfs2 on that board, so that both use the same file system: its cache
        # is four times the larger of read and program size (extmod/vfs_lfsx.c).
        self._fs = LittleFS(
            context=self._memory,
            mount=False,
            block_size=BLOCK,
            block_count=board.blocks,
            read_size=32,
            prog_size=board.program,
            cache_size=4 * board.program,
            lookahead_size=32,
            block_cycles=100,
        )
        try:
            if new:
                self._fs.format()
            self._fs.mount()
        except LittleFSError as error:
            self._memory.close()
            self._file.close()
            raise FlashError(
                f"{path} holds no file system that can be read ({error}); "
                "throw it away with --fresh"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._fs.unmount()
        self._memory.close()
        self._file.close()

    def paths(self) -> Iterator[str]:
        """Yield the absolute path of every file."""
        for folder, _, names in self._fs.walk("/"):
            for name in names:
                yield posixpath.join("/", folder, name)

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, or None if it doesn't exist."""
        try:
            with self._open(path, "rb") as file:
                return file.read()
        except (FileNotFoundError, LittleFSError):
            return None

    def write(self, path: str, content: bytes) -> None:
        """Write a file, its missing folders, and its time as boards store it."""
        folder = posixpath.dirname(path)
        if folder != "/":
            self._fs.makedirs(folder, exist_ok=True)
        with self._open(path, "wb") as file:
            file.write(content)
        self._fs.setattr(path, _MTIME, time.time_ns().to_bytes(8, "little"))

    def mtime(self, path: str) -> float | None:
        """Return when a file was written, in seconds since 1970; None if no time is stored."""
        try:
            return int.from_bytes(self._fs.getattr(path, _MTIME), "little") / 1e9
        except (FileNotFoundError, LittleFSError):
            return None

    def remove(self, path: str) -> None:
        """Delete a file, if it exists."""
        with contextlib.suppress(FileNotFoundError, LittleFSError):
            self._fs.remove(path)

    def deploy(self, files: Sequence[DeviceFile], digest: str) -> list[str]:
        """Install a bundle on the flash; return the paths that were written.

        Does nothing if the same bundle (digest) was installed last, so that changes by a user or
        an update are kept. Otherwise only files with other contents are written.
        """
        if self._deployed() == digest:
            return []
        written: list[str] = []
        for path in earlier.in_order(earlier.left(list(self.paths()), files)):
            self.remove(path)
        for file in files:
            if file.twin:
                self.remove(file.twin)
            found = self.read(file.path)
            if found is None or hashlib.sha256(found).hexdigest() != file.sha256:
                self.write(file.path, file.content)
                written.append(file.path)
        self._fs.setattr("/", _DEPLOYED, digest.encode())
        return written

    def _open(self, path: str, mode: str) -> IO[bytes]:
        # The annotation of its open() has an IO without a type argument.
        file = self._fs.open  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return cast(IO[bytes], file(path, mode))

    def _deployed(self) -> str | None:
        try:
            return self._fs.getattr("/", _DEPLOYED).decode()
        except (FileNotFoundError, LittleFSError):
            return None


@contextlib.contextmanager
def in_use(path: Path) -> Generator[None]:
    """Lock the image for one board. Raises FlashError if another board uses it."""
    lock = path.with_name(path.name + ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FlashError(
                f"{path} is in use by another simulated board: stop that one or name another "
                "--flash"
            ) from None
        yield


class _Memory(UserContext):
    """littlefs-python's interface to the chip: the image file in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._image = mmap.mmap(file.fileno(), 0)
        # Declared as a bytearray; it is only sliced.
        super().__init__(buffer=self._image)  # pyright: ignore[reportArgumentType]

    def erase(self, cfg: LFSConfig, block: int) -> int:
        start = block * cfg.block_size
        self.buffer[start : start + cfg.block_size] = b"\xff" * cfg.block_size
        return 0

    def close(self) -> None:
        self._image.close()
