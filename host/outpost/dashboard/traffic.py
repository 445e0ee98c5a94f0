"""Traffic of demonstration boards: uploads, downloads, failures, sometimes a reboot."""

import contextlib
import ftplib
import io
import random
import threading
from collections.abc import Callable, Generator

from outpost.sim.desk import Board

PASSWORD = "demo"
USER = "admin"
_CHUNK = 256
_NAMES = ("readings.csv", "status.json", "frame.bin", "pump.log", "grüße.txt", "notes 1.txt")


class Traffic:
    """One client of one board, in a thread of its own, from start() to stop()."""

    def __init__(self, board: Board, seed: int) -> None:
        self._board = board
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"traffic {seed}")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; interrupts a running transfer."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        weights: dict[Callable[[], None], float] = {
            self._upload: 6,
            self._slow_upload: 5,
            self._download: 4,
            self._tidy: 3,
            self._cut_upload: 1,
            self._wrong_password: 1,
            self._reboot: 0.3,
        }
        actions = list(weights)
        while not self._over.wait(self._random.uniform(0.5, 4)):
            [action] = self._random.choices(actions, list(weights.values()))
            # A board that reboots disconnects its clients; the next round connects again.
            with contextlib.suppress(OSError, EOFError, ftplib.Error):
                action()

    @contextlib.contextmanager
    def _session(self, password: str = PASSWORD) -> Generator[ftplib.FTP]:
        assert self._board.ftp_port  # a board of a demonstration
        ftp = ftplib.FTP()
        try:
            ftp.connect("127.0.0.1", self._board.ftp_port, timeout=10)
            ftp.login(USER, password)
            yield ftp
        finally:
            ftp.close()

    def _path(self) -> str:
        return f"/{self._random.choice(_NAMES)}"

    def _upload(self) -> None:
        size = self._random.randint(200, 20_000)
        with self._session() as ftp:
            ftp.storbinary(f"STOR {self._path()}", io.BytesIO(bytes(size)))

    def _pace(self) -> float:
        """Return the seconds between two chunks: 3 to 10 KB/s, as with a weak radio signal.

        All files together must fit the 270 KiB that a simulated Pico W has free.
        """
        return _CHUNK / self._random.uniform(3000, 10_000)

    def _slow_upload(self, cut: bool = False) -> None:
        chunks = self._random.randint(60, 200)
        pace = self._pace()
        with self._session() as ftp:
            ftp.voidcmd("TYPE I")
            with ftp.transfercmd(f"STOR {self._path()}") as data:
                for number in range(chunks):
                    if self._over.wait(pace) or (cut and number > chunks // 2):
                        return
                    data.sendall(bytes(_CHUNK))
            ftp.voidresp()

    def _cut_upload(self) -> None:
        self._slow_upload(cut=True)

    def _download(self) -> None:
        path = self._path()
        with self._session() as ftp:
            ftp.storbinary(f"STOR {path}", io.BytesIO(bytes(self._random.randint(5000, 40_000))))
            ftp.retrbinary(f"RETR {path}", lambda data: None)

    def _tidy(self) -> None:
        with self._session() as ftp:
            path = self._path()
            ftp.storbinary(f"STOR {path}", io.BytesIO(b"old"))
            ftp.rename(path, f"{path}.old")
            ftp.delete(f"{path}.old")

    def _wrong_password(self) -> None:
        with self._session("letmein"):
            pass

    def _reboot(self) -> None:
        with self._session() as ftp:
            ftp.sendcmd("SITE shutdown -r")
