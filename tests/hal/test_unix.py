"""hal on the plain unix port, and on a simulated board, whose `machine` is a fuller one."""

import calendar
import json
import os
import subprocess
import time

import pytest
from outpost.bundle import tree_root
from outpost.sim.interpreters import interpreter

ROOT = tree_root()


def test_the_plain_port_answers_in_place_of_what_it_lacks(micropython):
    said = json.loads(
        micropython("""
import hal, json
from hal import identity
try:
    hal.set_clock(1795378689)
    problem = None
except OSError as error:
    problem = str(error)
hal.sync()
hal.feed_from_timer()
hal.timer(1000, print)
hal.remember("ftp")
print(json.dumps([problem, identity.remembered(), identity.unique_id(), identity.firmware(),
                  hal.EPOCH, hal.unix_time(), hal.watchdog()]))
""")
    )
    assert said[0] == "this port has no real-time clock to set: set the host's"
    assert said[1] is None
    assert bytes.fromhex(said[2])
    assert said[3].startswith("MicroPython 1.")
    assert said[3].endswith(" on linux")
    assert said[4] == 0
    assert abs(said[5] - time.time()) < 60
    assert said[6] is None


@pytest.mark.parametrize("how", ["reset", "deepsleep"])
def test_reset_and_deepsleep_end_the_process(micropython, how):
    assert micropython(f"import hal\nprint('before')\nhal.{how}()\nprint('after')") == "before\n"


def test_peer_addresses_are_read_from_raw_sockaddr_bytes(micropython):
    out = micropython("""
import hal, sys
print(hal.peer_address(b"\\x02\\x00\\x1f\\x90\\x7f\\x00\\x00\\x01" + bytes(8)))
six = b"\\x0a\\x00\\x1f\\x90" + bytes(4)
print(hal.peer_address(six + bytes(15) + b"\\x01" + bytes(4)))
print(hal.peer_address(six + bytes(10) + b"\\xff\\xff\\x7f\\x00\\x00\\x02" + bytes(4)))
scope = (4).to_bytes(4, sys.byteorder)
print(hal.peer_address(six + b"\\xfe\\x80" + bytes(13) + b"\\x09" + scope))
""")
    assert out.splitlines() == [
        "('127.0.0.1', 8080)",
        "('::1', 8080)",
        "('127.0.0.2', 8080)",
        "('fe80::9%4', 8080)",
    ]


def test_a_real_connection_has_its_clients_address(micropython, free_port):
    port = free_port()
    out = micropython(
        f"""
import hal, socket
address = socket.getaddrinfo("127.0.0.1", {port})[0][-1]
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(address)
server.listen(1)
client = socket.socket()
client.bind(socket.getaddrinfo("127.0.0.1", {free_port()})[0][-1])
client.connect(address)
print(*hal.peer_address(server.accept()[1]))
client.close()
server.close()
"""
    )
    host, shown = out.split()
    assert host == "127.0.0.1"
    assert 0 < int(shown) < 65536
    assert int(shown) != port


def test_the_link_is_the_loopback(micropython):
    out = micropython("""
import hal
link = hal.Link("field", "secret", "w7")
link.start()
print(link.up(), link.address(), link.rssi())
link.stop()
""")
    assert out == "True 127.0.0.1 None\n"


def test_a_simulated_boards_machine_is_used(micropython, tmp_path):
    (tmp_path / "machine.py").write_text("""
class RTC:
    def datetime(self, when):
        print("rtc", when)
class WDT:
    def __init__(self, timeout):
        print("wdt", timeout)
    def feed(self):
        print("fed")
def unique_id():
    return b"\\xab\\x01"
def reset():
    print("reset")
    raise SystemExit(3)
""")
    out = micropython(
        """
import sys
sys.path.insert(0, sys.argv[1])
import hal, machine
from hal import identity
hal.set_clock(1795378689)
hal.watchdog().feed()
print(identity.unique_id())
try:
    hal.reset()
except SystemExit as error:
    print("exit", error)
""",
        tmp_path,
    )
    when = time.gmtime(1795378689)
    assert calendar.timegm(when) == 1795378689
    clock = (*when[:3], when[6], *when[3:6], 0)
    assert out.splitlines() == [
        f"rtc {clock}",
        "wdt 8000",
        "fed",
        "ab01",
        "reset",
        "exit 3",
    ]


def test_a_full_flash_has_no_room_and_not_less(micropython):
    """LittleFS counts some blocks twice: on 32 bits the difference is below 0, on 64 it wraps."""
    out = micropython("""
import hal
for left in (-26, 2**52, 3):
    class Os:
        @staticmethod
        def statvfs(path):
            return 4096, 4096, 512, left, left
    hal.os = Os
    print(hal.room())
""")
    assert out == "(0, 2097152)\n(0, 2097152)\n(12288, 2097152)\n"


@pytest.mark.timeout(60)
def test_a_pipe_that_nobody_reads_holds_nobody():
    """It holds 64 KiB; then lines are dropped, and counted as soon as somebody reads."""
    script = """
import time
from hal.console import console
longest = 0
def write(line):
    global longest
    began = time.ticks_ms()
    console.write(line)
    console.flush()  # as services/log does
    longest = max(longest, time.ticks_diff(time.ticks_ms(), began))
for number in range(800):
    write("%03d " % number + "x" * 200)
    if number > 400:
        time.sleep_ms(1)
with open("/dev/stderr", "w") as told:
    told.write("full %d\\n" % longest)
while not console._room():
    time.sleep_ms(10)
write("last")
while console.waiting:
    console.flush()
"""
    with subprocess.Popen(
        [*interpreter().plain, "-c", script], env=os.environ | {"MICROPYPATH": f"{ROOT}:.frozen"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        told = process.stderr.readline()
        assert told.startswith("full "), "it waited for its reader"
        lines = process.stdout.read().splitlines()
    assert lines[0].startswith("000 ")
    assert lines[-1] == "last"
    shown = sum(line.endswith("xxx") for line in lines)
    assert f"({800 - shown} lines were not shown)" in lines
