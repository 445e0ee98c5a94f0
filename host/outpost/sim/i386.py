"""Unpacks a real 32-bit MicroPython: Debian's i386 package; `python -m outpost.sim.i386`.

Nothing is installed. apt, with its own lists and cache, downloads the package and the libraries
that it needs from this machine's usual mirror, and checks their signatures. dpkg unpacks them into
build/i386, where the interpreter runs with its own loader.
"""

import contextlib
import functools
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from outpost import bundle

RELEASE = "trixie"  # Debian 13
VERSION = "1.25.0"  # the version of MicroPython in it
_PACKAGES = (
    *("micropython", "libc6", "libffi8", "libgcc-s1"),
    *("libmbedtls21", "libmbedcrypto16", "libmbedx509-7"),
    "libfaketime",  # the board's clock, see clock.py
)
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_APT_S = 180  # seconds for each call of apt
_RUN_S = 10
_AGAIN_S = 0.02
_PLACES = "places.json"

# Prints where the interpreter stores its KeyboardInterrupt. With an argument, an offset from
# there, it writes a reference to it into that word, and prints whether it is raised then.
_PROBE = """
import ffi, sys, uctypes
with open("/proc/self/maps") as maps:
    for line in maps:
        if line.rstrip().endswith("/micropython"):
            base = int(line.split("-")[0], 16)
            break
try:
    ffi.open("libc.so.6").func("i", "raise", "i")(2)
    for _ in range(10):
        pass
except KeyboardInterrupt as error:
    interrupt = id(error)
if len(sys.argv) < 2:
    print(interrupt - base)
    sys.exit()
word = uctypes.bytearray_at(interrupt + int(sys.argv[1]), 4)
if not any(word):
    try:
        word[:] = interrupt.to_bytes(4, "little")
        for _ in range(100):
            pass
    except KeyboardInterrupt:
        print("raised", not any(word))
"""
_NEAR = 4096  # bytes around KeyboardInterrupt; both are in mp_state_ctx (py/mpstate.h)


class Unavailable(Exception):
    """There is no 32-bit interpreter here; the text says why."""


class Narrow:
    """The unpacked interpreter in a folder.

    interrupt, pending: the places in its memory of KeyboardInterrupt and of the word that holds
    the exception to raise next; both relative to the program's first byte.
    """

    bits = 32

    def __init__(self, where: Path, interrupt: int, pending: int) -> None:
        root = where / "root" / "usr"
        libraries = root / "lib" / "i386-linux-gnu"
        self.program = str(root / "bin" / "micropython")
        self.command = [str(libraries / "ld-linux.so.2"), "--library-path", str(libraries)]
        self.command.append(self.program)
        self.plain = self.command
        self.faketime = str(libraries / "faketime" / "libfaketime.so.1")
        self._interrupt = interrupt
        self._pending = pending

    def press_ctrl_c(self, process: subprocess.Popen[bytes]) -> None:
        """Schedule KeyboardInterrupt between two bytecodes, as firmware does.

        It does the same as mp_sched_keyboard_interrupt() (py/scheduler.c), but from outside. The
        interpreter's own handler of SIGINT would jump out of any code, even of LittleFS and
        libfaketime. process: the subprocess.Popen that runs it.
        """
        maps = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
        base = next(int(line.split("-")[0], 16) for line in maps if self.program in line)
        with open(f"/proc/{process.pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(base + self._pending)
            memory.write((base + self._interrupt).to_bytes(4, "little"))
            patience = time.monotonic() + _RUN_S
            while process.poll() is None and time.monotonic() < patience:
                # This only ends a sleep: see board/_host.py. Repeat it until the word is cleared,
                # because the first signal may come just before the sleep begins.
                process.send_signal(signal.SIGUSR2)
                time.sleep(_AGAIN_S)
                memory.seek(base + self._pending)
                with contextlib.suppress(OSError):  # the process has just ended
                    if any(memory.read(4)):
                        continue
                break


def folder() -> Path:
    """Return the folder of the unpacked interpreter."""
    return bundle.tree_root() / "build" / "i386"


@functools.cache
def found() -> Narrow | None:
    """Return the Narrow that bring() has unpacked, or None."""
    try:
        places = json.loads((folder() / _PLACES).read_text())
        return Narrow(folder(), **places)
    except (OSError, ValueError, TypeError):
        return None


def bring(target: Path) -> None:
    """Download the interpreter, unpack it into target and try it. Raises Unavailable."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise Unavailable("only Linux on x86-64 runs Debian's i386 programs")
    for program in ("apt-get", "dpkg"):
        if not shutil.which(program):
            raise Unavailable(f"there is no {program} here")
    part = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        _unpack(part)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    (target / _PLACES).write_text(json.dumps(_tried(target)))


def mirror(sources: Path = Path("/etc/apt")) -> str:
    """Return the address of the Debian mirror in a folder of apt's sources. Raises Unavailable."""
    lists = [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]
    for path in lists:
        if not path.is_file():
            continue
        for line in path.read_text(errors="replace").splitlines():
            # "deb [options] ADDRESS SUITE ..." or, in a .sources file, "URIs: ADDRESS ..."
            if re.match(r"\s*(deb\s|URIs:)", line):
                for address in re.findall(r"\S+://\S+", line):
                    if address.rstrip("/").endswith("/debian"):
                        return address
    raise Unavailable("apt's sources name no mirror of Debian")


def _unpack(part: Path) -> None:
    for name in ("lists/partial", "cache/archives/partial", "packages"):
        (part / name).mkdir(parents=True)
    (part / "status").touch()
    signed = f" signed-by={_KEYRING}" if _KEYRING.exists() else ""
    sources = part / "sources.list"
    sources.write_text(f"deb [arch=i386{signed}] {mirror()} {RELEASE} main\n")
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::State": part,
        "Dir::State::status": part / "status",
        "Dir::Cache": part / "cache",
        "APT::Architecture": "i386",
        "APT::Architectures::": "i386",
        "APT::Sandbox::User": "",
        "Acquire::http::Timeout": 20,
        "Acquire::https::Timeout": 20,
        "Acquire::Retries": 1,
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    _run([*apt, "update"], part, "apt could not read the mirror's list of packages")
    _run([*apt, "download", *_PACKAGES], part / "packages", "apt could not download the packages")
    for package in sorted((part / "packages").glob("*.deb")):
        _run(["dpkg", "-x", package, part / "root"], part, f"{package.name} can't be unpacked")
    for name in ("lists", "cache", "packages", "status"):
        leftover = part / name
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _run(command: Sequence[str | Path], where: Path, trouble: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=where, capture_output=True, text=True, errors="replace", timeout=_APT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{trouble}: {error}") from error
    if done.returncode:
        why = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"{trouble}: {why[-1] if why else done.returncode}")


def _tried(target: Path) -> dict[str, int]:
    """Run the program in target; return the places that Narrow needs. Raises Unavailable."""
    command = Narrow(target, 0, 0).command
    version = _says(command, ["-c", "import sys; print(sys.version, sys.maxsize)"])
    if VERSION not in version or str(2**31 - 1) not in version:
        raise Unavailable(f"MicroPython {VERSION} for 32 bits was expected, not {version!r}")
    probe = target / "probe.py"
    probe.write_text(_PROBE)
    interrupt = int(_says(command, [probe]))
    for offset in sorted(range(-_NEAR, _NEAR, 4), key=abs):
        if _says(command, [probe, str(offset)]) == "raised True":
            return {"interrupt": interrupt, "pending": interrupt + offset}
    raise Unavailable("where the interpreter keeps a pending Ctrl-C was not found")


def _says(command: Sequence[str], arguments: Sequence[str | Path]) -> str:
    """Return the output of a run, or "" if it fails: writing a wrong word may crash it."""
    try:
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=_RUN_S
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip()


def main() -> None:
    """Fill build/i386 of the repository, or print why boards run on 64 bits."""
    try:
        bring(folder())
    except Unavailable as error:
        print(f"32-bit interpreter: {error}; simulated boards run on 64 bits")
        folder().mkdir(parents=True, exist_ok=True)
        (folder() / _PLACES).write_text("{}")  # found() returns None; make doesn't retry
        sys.exit()
    print(f"32-bit interpreter: MicroPython {VERSION}, Debian's i386 package")


if __name__ == "__main__":
    main()
