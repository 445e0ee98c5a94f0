"""What an emulated Pico W needs: the user's firmware, programs, root; what is missing."""

import os
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = {  # program -> Debian package
    "node": "nodejs",
    "npm": "npm",
    "ip": "iproute2",
    "dnsmasq": "dnsmasq-base",
}
VARIABLE = "PICO_W"
TREE_VARIABLE = "PICO_W_TREE"
ROOT = HERE.parents[1]


class Firmware:
    """A folder that holds firmware.elf, of the board RPI_PICO_W and with symbols, and bootrom.bin.

    bootrom.bin is the RP2040's boot ROM, 16 KiB as a binary.
    """

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.elf = self.folder / "firmware.elf"
        self.bootrom = self.folder / "bootrom.bin"

    @property
    def frozen(self):
        """Whether Outpost is frozen into it: the ELF then holds the names of its modules."""
        return b"services/ftp/server.py" in self.elf.read_bytes()

    def missing(self):
        """What is not there, as a list of words for a person."""
        return [f"the file {path}" for path in (self.elf, self.bootrom) if not path.is_file()]


def given():
    """The Firmware that the environment names; None if it names none."""
    folder = os.environ.get(VARIABLE)
    return Firmware(folder) if folder else None


def tree():
    """The folder of the device code to be deployed: this repository, unless one is named."""
    return Path(os.environ.get(TREE_VARIABLE, ROOT))


def program(name):
    """The path of a program, in /usr/sbin too; None if it is not installed."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def missing():
    """What this machine lacks, whatever the firmware, as a list of words for a person."""
    lacks = [
        f"{name} (Debian package {package})"
        for name, package in PROGRAMS.items()
        if not program(name)
    ]
    if os.geteuid() != 0:
        lacks.append("root, for a network namespace and a tap device")
    if not os.path.exists("/dev/net/tun"):
        lacks.append("/dev/net/tun")
    return lacks
