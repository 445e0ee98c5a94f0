"""Firmware for the unix port: an interpreter with Outpost frozen into it, by manifest.py."""

import os
import shutil
import subprocess
from pathlib import Path

from outpost import bundle
from outpost.dependencies import PACKAGES

_MANIFEST = """include("$(MPY_DIR)/extmod/asyncio")
include("{tree}/manifest.py")
"""
_BUILD_S = 900  # for each of two programs, on a slow machine
# What Outpost has no use for, and what needs the source's submodules.
_LEFT_OUT = ("MICROPY_PY_BTREE=0", "MICROPY_PY_FFI=0")
_NO_TLS = ("MICROPY_PY_SSL=0", "MICROPY_SSL_MBEDTLS=0")


class BuildFailed(Exception):
    """The interpreter could not be built; the text is the end of what make said."""


def built(source):
    """Build it and return the program's path. Needs gcc and make; raises BuildFailed.

    source: folder of MicroPython's source, which is only read. Without its submodules (`make
    submodules`) the interpreter lacks TLS. All that is made lies in build/firmware.
    """
    source = Path(source).resolve()
    if not (source / "ports/unix/Makefile").is_file():
        raise BuildFailed(f"{source} holds no source of MicroPython: ports/unix is missing")
    tree = bundle.tree_root()
    room = tree / "build" / "firmware"
    room.mkdir(parents=True, exist_ok=True)
    manifest = room / "manifest.py"
    manifest.write_text(_MANIFEST.format(tree=tree))
    compiler = room / "mpy-cross"
    _make(source / "mpy-cross", f"BUILD={compiler}")
    tls = () if (source / "lib/mbedtls/library").is_dir() else _NO_TLS
    _make(
        source / "ports/unix",
        f"BUILD={room / 'unix'}",
        f"MICROPY_MPYCROSS={compiler / 'mpy-cross'}",
        "MICROPY_MPYCROSS_DEPENDENCY=",
        f"MPY_LIB_DIR={_library(room / 'lib', bundle.library_folder(tree))}",
        f"FROZEN_MANIFEST={manifest}",
        *_LEFT_OUT,
        *tls,
    )
    return room / "unix" / "micropython"


def flash_bytes(program):
    """Bytes of flash that the frozen modules take, asyncio's among them, on this host."""
    done = subprocess.run(
        ["size", program.parent / "frozen_content.o"], capture_output=True, text=True, check=True
    )
    text, data, *_ = done.stdout.splitlines()[1].split()
    return int(text) + int(data)


def _library(folder, packages):
    """Make a library for the manifest's require() of what `make deps` fetched; return it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "README.md").write_text("Made by the bench from build/lib.\n")
    for name, (file, place) in PACKAGES.items():
        here = folder / place
        (here / file).parent.mkdir(parents=True)
        shutil.copy(packages / file, here / file)
        top = Path(file).parts[0]
        kind = "module" if top == file else "package"
        (here / "manifest.py").write_text(f'{kind}("{top}")\n')
        assert here.name == name
    return folder


def _make(folder, *words):
    done = subprocess.run(
        ["make", "-C", folder, f"-j{os.cpu_count()}", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_BUILD_S,
    )
    if done.returncode:
        raise BuildFailed(f"make in {folder} failed:\n{done.stdout[-2000:]}")
