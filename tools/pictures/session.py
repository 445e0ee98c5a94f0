"""Draws docs/session.svg: a person's session with a simulated board, as tnftp really shows it.

Run by `make picture`, as root: chronyd, which the board sets its clock by, wants port 123.
"""

import io
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pexpect
from rich.console import Console
from rich.text import Text
from screen import DOCS

PORT = 2199
TIME_SERVER = "127.0.0.77"
PASSWORD = "correct-horse"
USERS = {"pi": {"password": PASSWORD, "role": "admin"}}
CONFIG = {"name": "weather-7", "ftp": {"users": USERS}}
TYPED = ("ls", "cd /pub", "put test.txt", "ls", "less test.txt", "site df", "site free", "rstat")
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


def time_server(folder):
    """Start chronyd on a loopback address; it never touches the host's clock."""
    conf = folder / "chrony.conf"
    conf.write_text(
        f"local stratum 8\nallow\nbindaddress {TIME_SERVER}\ncmdport 0\npidfile {folder}/pid\n"
    )
    return subprocess.Popen(["chronyd", "-x", "-d", "-U", "-f", conf], stderr=subprocess.DEVNULL)


def board(folder):
    """Start a simulated board and return once its clock is set and it has been up for a while."""
    config = folder / "config.json"
    config.write_text(json.dumps(CONFIG))
    command = [Path(sys.executable).with_name("outpost"), "sim", "--fresh", "--flash"]
    command += [folder / "flash.img", "--config", config, "--ftp-port", str(PORT)]
    command += ["--ntp", TIME_SERVER]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "time/sync" in line:
            time.sleep(5)
            return process
    sys.exit("the board ended before its clock was set")


def session(folder):
    """Type the session at tnftp; return the terminal's lines."""
    (folder / "test.txt").write_text("This is a test file.\n")
    person = pexpect.spawn(
        "tnftp",
        ["127.0.0.1", str(PORT)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "PAGER": "cat", "TERM": "dumb"},
        encoding="utf-8",
        dimensions=(200, 140),
    )
    person.expect("Name .*: ")
    yield from (person.before + person.after + "pi").splitlines()
    person.sendline("pi")
    person.expect("Password:")
    yield from (person.before + person.after).splitlines()[1:]
    person.sendline(PASSWORD)
    person.expect_exact("ftp> ")
    yield from person.before.splitlines()
    person.sendline("mkdir /pub")  # not shown: there would be nothing to see
    person.expect_exact("ftp> ")
    for line in TYPED:
        person.sendline(line)
        person.expect_exact("ftp> ")
        yield "ftp> " + line
        yield from CODES.sub("", person.before).splitlines()[1:]
    person.sendline("quit")
    person.expect(pexpect.EOF)
    yield "ftp> quit"
    yield from person.before.splitlines()[1:]


def draw(lines, target):
    """Write the lines as an SVG picture of a terminal."""
    console = Console(record=True, width=84, file=io.StringIO())
    for line in lines:
        line = line.rstrip()
        if not line or "ETA" in line:  # a progress bar that has run its course
            continue
        style = "bold cyan" if line.startswith("ftp> ") else ""
        console.print(Text(line, style=style), highlight=False)
    console.save_svg(str(target), title="tnftp and a board")


def main():
    """Start the board, hold the session, draw it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = time_server(folder)
        daemon = None
        try:
            time.sleep(1)  # chronyd is ready when it is: the board asks again if it isn't
            daemon = board(folder)
            draw(session(folder), DOCS / "session.svg")
        finally:
            for process in filter(None, (daemon, clock)):
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
