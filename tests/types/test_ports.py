"""`make lint` finds what device code asks of a port that lacks it: tools/ports.py."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tools/ports.py"

spec = importlib.util.spec_from_file_location("ports", PROGRAM)
ports = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ports)


@pytest.fixture
def tree(tmp_path):
    """A copy of the device code, with the exceptions."""
    for path in ROOT.glob("*.py"):
        shutil.copy(path, tmp_path)
    for folder in ports.FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/ports.toml", tmp_path / "tools")
    return tmp_path


def check(tree):
    """The lines that the program prints of a tree, and how it ends."""
    done = subprocess.run([sys.executable, PROGRAM, tree], capture_output=True, text=True)
    return done.stdout.splitlines(), done.returncode, done.stderr


def test_a_call_that_a_port_lacks_is_found(tree):
    """Each port's own fault, a parameter that none has, and none of what stood there before."""
    path = tree / "hal/ip6.py"
    at = len(path.read_text().splitlines())
    with path.open("a") as file:
        file.write("import machine, network, esp32\n")  # an RP2 has no module esp32
        file.write("network.WLAN().deinit()\n")  # an ESP32's WLAN has none
        file.write("machine.Pin(0).flash()\n")
        file.write("machine.WDT(seconds=8)\n")
    lines, code, stderr = check(tree)
    assert code == 1, stderr
    said = {line.split(": ")[1] + " " + line.split(":")[1]: line for line in lines}
    assert sorted(said) == sorted(
        [f"rp2 {at + 1}", f"esp32 {at + 2}"]
        + [f"{port} {at + number}" for port in ports.PORTS for number in (3, 4)]
    )
    assert '"esp32" could not be resolved' in said[f"rp2 {at + 1}"]
    assert '"deinit" for class "WLAN"' in said[f"esp32 {at + 2}"]
    assert '"flash" for class "Pin"' in said[f"rp2 {at + 3}"]
    assert '"seconds"' in said[f"esp32 {at + 4}"]


def test_an_exception_that_nothing_needs_is_a_failure():
    """As of a fault that was mended in one file, or that one port's stubs no longer have."""
    entry = {"ports": ["esp32", "rp2"], "files": ["a.py", "b.py"], "says": "no x", "reason": "y"}
    both = {("a.py", 1, "no x"), ("b.py", 7, "no x"), ("b.py", 9, "no x")}
    assert ports.judge({"esp32": both, "rp2": both}, [entry]) == []
    assert ports.judge({"esp32": both, "rp2": {("b.py", 7, "no x")}}, [entry]) == [
        "tools/ports.toml: no longer needed for rp2 in a.py: no x"
    ]
    assert ports.judge({"esp32": both, "rp2": both | {("a.py", 2, "no z")}}, [entry]) == [
        "a.py:2: rp2: no z"
    ]
    assert ports.judge({"esp32": both, "rp2": both}, [{**entry, "files": ["a.py"]}]) == [
        f"b.py:{line}: {port}: no x" for port in ports.PORTS for line in (7, 9)
    ]


def test_each_exception_has_its_reason():
    entries = ports.tomllib.loads((ROOT / "tools/ports.toml").read_text())["exception"]
    assert all(len(entry["reason"]) > 20 or entry["reason"] == "as above" for entry in entries)
