"""A MicroPython process that stays: thousands of calls of device code in a few seconds."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
from pathlib import Path

from hypothesis import settings

ANSWER_S = 5  # what takes longer is a loop without an end
TIMES = 2  # how many more examples `make fuzz` runs in a round

# Each line is [function, arguments]; each answer [True, value] or [False, what was raised].
LOOP = """
def _ready():
    pass


def _serve():
    import sys, json
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        name, arguments = json.loads(line)
        try:
            answer = True, globals()[name](*arguments)
        except Exception as error:
            answer = False, "%s: %s" % (type(error).__name__, error)
        print(json.dumps(answer))

_serve()
"""


def many(examples):
    """The settings of a property: so many examples, more of them in `make fuzz`."""
    more = TIMES if os.environ.get("FUZZ_PROFILE") == "fuzz" else 1
    return settings(max_examples=examples * more)


class DeviceError(Exception):
    """The device code raised an exception: its type and text."""


class Interpreter:
    """The interpreter with some code in it; call it: (function's name, *arguments as JSON).

    script: where to put the code; search: the folders of its sys.path.
    """

    def __init__(self, script, code, search, heap="16m"):
        script.write_text(code + LOOP)
        self._command = [
            Path(sys.executable).with_name("micropython"),
            "-X",
            f"heapsize={heap}",
            script,
        ]
        self._path = ":".join([*map(str, search), ".frozen"])
        self._process = None
        self._selector = None

    def __enter__(self):
        self._start()
        self("_ready")  # else the code itself failed: once, and not for each example
        return self

    def __exit__(self, *exception):
        self._end()

    def __call__(self, name, *arguments):
        """Return what the device's function gives; DeviceError where it raises.

        AssertionError where it hangs or takes the interpreter with it.
        """
        # Not ASCII alone: MicroPython does not join the two halves of a surrogate pair.
        line = json.dumps([name, arguments], ensure_ascii=False)
        with contextlib.suppress(BrokenPipeError):  # what it said last tells why
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        if not self._selector.select(ANSWER_S):
            self._end()
            self._start()
            raise AssertionError(f"no answer within {ANSWER_S} s")
        answer = self._process.stdout.readline()
        if not answer.startswith(b"["):
            said = answer + self._process.stdout.read() + self._process.stderr.read()
            said = said.decode(errors="replace")
            self._end()
            self._start()
            raise AssertionError(f"the interpreter ended: {said}")
        good, value = json.loads(answer)
        if not good:
            raise DeviceError(value)
        return value

    def _start(self):
        self._process = subprocess.Popen(
            self._command,
            env=os.environ | {"MICROPYPATH": self._path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)

    def _end(self):
        self._process.kill()
        self._process.communicate()
        self._selector.close()
