"""FileZilla on a virtual screen: a folder tree up and down over its parallel connections.

It starts with two file lists and nothing else in its window; a click and three keys in one of
them transfer all that it shows. FileZilla's own log file tells what happened.
"""

import base64
import contextlib
import os
import re
import subprocess
import time
import zlib
from types import SimpleNamespace
from xml.sax.saxutils import escape

import pytest
from outpost import certificate

SCREEN = ("-screen", "0", "1280x900x24", "-nolisten", "tcp")
# The site manager's "Only use plain FTP" and "Require explicit FTP over TLS".
PLAIN, TLS = 6, 4
LISTED = 'Directory listing of "%s" successful'
SENT = "File transfer successful"
START_S = 60  # on a busy host GTK takes its time
TRANSFER_S = 60
SAME_MS = 600  # a window that has not changed for so long is drawn

# Only the two lists; nothing that asks, greets or looks for updates.
SETTINGS = {
    "Greeting version": "99.0.0",
    "Update Check": 0,
    "Show quickconnect bar": 0,
    "Show message log": 0,
    "Show queue": 0,
    "Show Tree Local": 0,
    "Show Tree Remote": 0,
    "Toolbar hidden": 1,
}
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<FileZilla3>%s</FileZilla3>\n'
SITE = """<Servers><Server>
<Host>127.0.0.1</Host><Port>{port}</Port><Protocol>{protocol}</Protocol><Type>0</Type>
<User>admin</User><Pass encoding="base64">{password}</Pass><Logontype>1</Logontype>
<EncodingType>Auto</EncodingType><Name>board</Name>
<LocalDir>{local}</LocalDir><RemoteDir>{remote}</RemoteDir>
</Server></Servers>"""
# FileZilla asks once whether a host may be reached in clear, or by that certificate.
TRUST = """<TrustedCerts><Certificate>
<Data>{certificate}</Data><ActivationTime>1</ActivationTime><ExpirationTime>9999999999</ExpirationTime>
<Host>127.0.0.1</Host><Port>{port}</Port><TrustSANs>0</TrustSANs>
</Certificate></TrustedCerts>
<InsecureHosts><Host Port="{port}">127.0.0.1</Host></InsecureHosts>"""


@pytest.fixture
def screen(program, tmp_path):
    """A virtual screen: its environment, and the file that holds its picture."""
    picture = tmp_path / "screen"
    picture.mkdir()
    reads, writes = os.pipe()
    server = subprocess.Popen(
        [program.find("Xvfb"), "-displayfd", str(writes), *SCREEN, "-fbdir", picture],
        pass_fds=[writes],
        stderr=subprocess.DEVNULL,
    )
    os.close(writes)
    try:
        with open(reads) as pipe:
            number = pipe.readline().strip()  # it chooses a free one; nothing where it died
        assert number, "Xvfb did not start"
        # A bus and the accessibility bridge would be started, and outlive the test.
        quiet = {"NO_AT_BRIDGE": "1", "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        environment = program.environment | quiet | {"DISPLAY": ":" + number}
        yield SimpleNamespace(environment=environment, picture=picture / "Xvfb_screen0")
    finally:
        server.terminate()  # not killed: it removes its lock and its socket
        server.wait(20)


class FileZilla:
    """A running FileZilla. local: its folder here; remote: the board's.

    trust: the certificate, DER, of a board that is reached over TLS alone.
    """

    def __init__(self, program, screen, wait_for, port, local, remote, trust=None, **settings):
        self._program = program
        self._screen = screen
        self._wait_for = wait_for
        config = program.folder.parent / f"filezilla-{local.name}"
        (config / "filezilla").mkdir(parents=True)
        self._log = config / "log"
        site = {
            "port": port,
            "protocol": TLS if trust else PLAIN,
            "certificate": trust.hex() if trust else "",
            "password": base64.b64encode(b"secret").decode(),
            "local": escape(str(local)),
            # FileZilla's own way to write a path: its kind, its prefix's length, each part's.
            "remote": "1 0 " + " ".join(f"{len(part)} {part}" for part in remote[1:].split("/")),
        }
        settings = SETTINGS | {"Logging file": self._log} | settings
        lines = "".join(
            f'<Setting name="{name}">{escape(str(value))}</Setting>'
            for name, value in settings.items()
        )
        for name, text in (
            ("filezilla.xml", f"<Settings>{lines}</Settings>"),
            ("sitemanager.xml", SITE.format(**site)),
            ("trustedcerts.xml", TRUST.format(**site)),
        ):
            (config / "filezilla" / name).write_text(HEAD % text)
        self._process = subprocess.Popen(
            [program.find("filezilla"), "--site=0/board"],
            cwd=program.folder,
            env=screen.environment | {"XDG_CONFIG_HOME": str(config)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait(lambda: LISTED % remote in self.log, "listing the folder", START_S)
        search = ("search", "--onlyvisible", "--name", "FileZilla$")
        self._wait(lambda: self._xdotool(*search, ok=False), "showing its window", START_S)
        self._window = self._xdotool(*search).split()[-1]

    @property
    def log(self):
        """What FileZilla has logged so far."""
        return self._log.read_text() if self._log.exists() else ""

    def connections(self, verb):
        """The connections, as FileZilla counts them, that have sent a verb."""
        return set(re.findall(rf"^\S+ \S+ \d+ (\d+) Command: {verb}\b", self.log, re.M))

    def transfer_all(self, side, files):
        """Select all that the list on a side shows and press Enter; wait for so many files."""
        self._still()
        shape = self._xdotool("getwindowgeometry", "--shell", self._window)
        width, height = (int(re.search(f"{key}=(\\d+)", shape)[1]) for key in ("WIDTH", "HEIGHT"))
        x = width // 4 if side == "local" else width * 3 // 4
        self._xdotool("windowfocus", "--sync", self._window)
        self._xdotool("mousemove", "--window", self._window, x, height * 3 // 4, "click", 1)
        self._xdotool("key", "End", "key", "ctrl+a")
        self._still()
        self._xdotool("key", "Return")
        self._wait(lambda: self.log.count(SENT) >= files, f"{files} transfers", TRANSFER_S)

    def close(self):
        self._process.kill()
        self._process.wait()

    def _wait(self, condition, what, seconds):
        try:
            self._wait_for(condition, f"FileZilla: {what}", seconds)
        except AssertionError as error:
            ended = self._process.poll()
            raise AssertionError(f"{error}; exit status {ended}\n{self.log[-4000:]}") from None

    def _xdotool(self, *args, ok=True):
        done = subprocess.run(
            [self._program.find("xdotool"), *map(str, args)],
            env=self._screen.environment,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert not ok or done.returncode == 0, done.stderr
        return done.stdout

    def _still(self):
        """Wait until the picture no longer changes: what was asked for is drawn."""
        seen = [None, 0.0]

        def same():
            now = zlib.adler32(self._screen.picture.read_bytes())
            if now != seen[0]:
                seen[:] = now, time.monotonic()
            return time.monotonic() - seen[1] >= SAME_MS / 1000

        self._wait(same, "a picture that stays", START_S)


@pytest.fixture
def filezilla(program, screen, board, wait_for):
    """Open FileZilla: (local folder, remote folder, to=board, **settings) -> FileZilla."""
    opened = contextlib.ExitStack()
    with opened:
        program.find("xdotool")

        def open_one(local, remote, to=board, **settings):
            one = FileZilla(program, screen, wait_for, to.port, local, remote, **settings)
            opened.callback(one.close)
            return one

        yield open_one


@pytest.fixture
def tree(program):
    """Fifteen files in three folders; the .py and .txt go as TYPE A."""
    tree = program.folder / "tree"
    for sub in (tree, tree / "one", tree / "one" / "two words"):
        sub.mkdir()
        for number in range(3):
            (sub / f"{number}.bin").write_bytes(bytes([number, 13, 10, 0]) * 5000)
        (sub / "code.py").write_bytes(b"def f():\n    return 1\n")
        (sub / "ünï.txt").write_bytes("snow ☃\n".encode() * 100)
    return tree


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def on_the_board(control, folder, paths):
    return {path: control.get(f"{folder}/{path}") for path in paths}


def test_a_tree_up_and_down_over_parallel_connections(filezilla, program, folder, tree, control):
    files = content(tree)
    up = filezilla(tree, folder)
    up.transfer_all("local", len(files))

    assert on_the_board(control, folder, files) == files
    assert len(up.connections("STOR")) == 2  # FileZilla's default
    assert "TYPE A" in up.log
    up.close()

    back = program.folder / "back"
    back.mkdir()
    down = filezilla(back, folder)
    down.transfer_all("remote", len(files))

    assert content(back) == files
    assert len(down.connections("RETR")) == 2
    for log in (up.log, down.log):
        assert "Error:" not in log


def test_times_are_kept_both_ways(filezilla, program, folder, tree, control):
    """With "Preserve timestamps" it sends MFMT, and sets what MLSD says."""
    keep = {"Preserve timestamps": 1}
    files = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*.bin")}
    for number, path in enumerate(files.values()):
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
    for path in (*tree.rglob("*.py"), *tree.rglob("*.txt")):
        path.unlink()
    up = filezilla(tree, folder, **keep)
    up.transfer_all("local", len(files))
    assert len(up.connections("MFMT")) == 2
    up.close()

    back = program.folder / "back"
    back.mkdir()
    down = filezilla(back, folder, **keep)
    down.transfer_all("remote", len(files))

    for name, path in files.items():
        assert int((back / name).stat().st_mtime) == int(path.stat().st_mtime)


def test_a_tree_up_and_down_with_private_commands(filezilla, program, tree, connect, power_up):
    """FileZilla takes private data for cut off where close_notify is missing, which MicroPython
    can't send: ftp.tls.data is for that.
    """
    pair = certificate.make(["127.0.0.1"])
    der = {file.path: file.content for file in pair.files}
    board = power_up({"tls": {"required": True, "data": False}}, files=der)
    files = content(tree)
    up = filezilla(tree, "/", to=board, trust=pair.cert)
    up.transfer_all("local", len(files))
    assert "TLS connection established" in up.log
    assert len(up.connections("STOR")) == 2
    up.close()

    back = program.folder / "back"
    back.mkdir()
    down = filezilla(back, "/one", to=board, trust=pair.cert)
    inner = content(tree / "one")
    down.transfer_all("remote", len(inner))

    assert content(back) == inner
    assert "Error:" not in up.log + down.log
