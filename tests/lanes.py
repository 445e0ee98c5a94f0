"""On which interpreter and board a test runs, and beside which others; conftest.py applies it.

What isn't named runs as boards do: on 32 bits, on a Pico W. The beginning of a test's id -> why it
is not so. The longest beginning that fits counts.
"""

import contextlib
import fcntl

# On the 64-bit interpreter.
_TLS = "the 32-bit build's mbedtls shakes no server's hands"
_SLOW_FLASH = "the flash's driver, in Python, holds the loop for more than 250 ms there"
WIDE = {
    "tests/ftp/tls/": _TLS,
    "tests/ftp/test_filezilla.py": _TLS,
    "tests/ftp/test_wget.py": _TLS,
    "tests/ftp/test_curl.py": _TLS,
    "tests/ftp/test_lftp.py": _TLS,
    "tests/ftp/test_rclone.py": _TLS,
    "tests/ftp/mfmt/": (
        "times beyond 2038, which the 32-bit build's C library does not have; boards do"
    ),
    "tests/deploy/test_certificate.py": _TLS,
    "tests/push/test_session.py": _TLS,
    "tests/push/test_push.py": _TLS,
    "tests/status/test_status.py": _TLS,
    "tests/telemetry/test_tls.py": _TLS,
    "tests/soak/": _TLS,
    "tests/ftp/test_faults_disk.py": _SLOW_FLASH,
    "tests/fuzz/test_flood.py": _SLOW_FLASH,
    "tests/ftp/test_ftplib.py": "a smoke lane: the other interpreter, newer by four releases",
    "tests/supervisor/test_board.py": "a smoke lane",
    "tests/boot/test_boot.py::test_a_rename_that_a_power_cut_halved": (
        "the LittleFS of MicroPython 1.25 finds the name by itself; that of 1.29 does not"
    ),
}

# On a board that is none: its flash and sockets know no bounds. None: on a Pico W all the same.
_LARGE = "more files than a Pico W's flash holds beside Outpost"
DESK = {
    "tests/ftp/": "more sessions at a time than a Pico W's two, larger files than its flash",
    "tests/ftp/test_bad_input.py": None,
    "tests/ftp/test_configuration.py": None,
    "tests/ftp/test_faults_power.py": None,
    "tests/ftp/test_ipv6.py": None,
    "tests/ftp/test_ncftp.py": None,
    "tests/ftp/test_options.py": None,
    "tests/ftp/test_replies.py": None,
    "tests/ftp/test_types.py": None,
    "tests/ftp/test_wget.py": None,
    "tests/log/test_syslog.py::test_a_real_collector": "more than two sessions",
    "tests/telemetry/test_blackbox.py::test_a_failure_that_no": "more than two sessions",
    "tests/telemetry/test_payloads.py": "more than two sessions",
    "tests/telemetry/test_sick_lines.py": "more than two sessions, and large files",
    "tests/power/test_every_write.py": "programs of 128 bytes: more writes to cut",
    "tests/power/test_wear.py": _LARGE,
    "tests/push/": "sessions of an operator and of push at a time; larger files",
    "tests/status/test_status.py": _LARGE,
    "tests/update/": _LARGE,
    "tests/watch/test_watch.py": _LARGE,
    "tests/fuzz/": "many sessions at a time",
    "tests/soak/": "many visitors at a time",
    "tests/dashboard/": "boards with several visitors at a time",
}


# Where several tests run at a time, those of a file run one after the other, and so do those of
# files that need what there is once.
TOGETHER = {
    "tests/dashboard/": "a browser has the processor to itself",
    "tests/picow/": "one emulated board, one network namespace",
    "tests/homeassistant/": "one Home Assistant",
}

# What measures time or the processor: nothing else runs meanwhile.
ALONE = {
    "tests/soak/": "an hour is a minute there: each ms of the host is 60",
    "tests/fuzz/test_flood.py": "bounds how long an innocent client waits",
    "tests/power/test_wear.py": "a clock that hurries 200-fold",
    "tests/telemetry/test_stalls.py::test_a_slow_line": "bounds how long the loop is held",
    "tests/dashboard/test_load.py": "bounds how long a page of 100 boards takes",
}


@contextlib.contextmanager
def processor(node, folder):
    """Hold the processor, with others or alone; folder: where the processes of runs have locks.

    Who wants to be alone keeps the gate shut while it waits for those who are in.
    """
    alone = reason(node, ALONE)
    folder.mkdir(exist_ok=True)
    with open(folder / "gate.lock", "w") as gate, open(folder / "tests.lock", "w") as lock:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield


def group(node):
    """The name of the tests that run one after the other with the test of that id."""
    return reason(node, TOGETHER) or node.partition("::")[0]


def reason(node, lane):
    """Why the test of that id is named in a lane, or None."""
    found = [begin for begin in lane if node.startswith(begin)]
    return lane[max(found, key=len)] if found else None
