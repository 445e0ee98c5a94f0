"""Programs that must not outlive the test run, however it ends."""

import contextlib
import subprocess

# Killed when the thread that started it ends: so start programs from the main one.
LEASHED = ("setpriv", "--pdeathsig", "KILL")


def start(command, log, **options):
    """Start a program whose output goes to the file log; returns a subprocess.Popen.

    A program that gets a pipe as stdin ends with it, and tidies up first; others are killed.
    """
    leash = () if options.get("stdin") == subprocess.PIPE else LEASHED
    with open(log, "ab") as output:
        return subprocess.Popen([*leash, *command], stdout=output, stderr=output, **options)


def end(process, patience_s=5):
    """End a program that start() has started; one that does not listen is killed."""
    if process.stdin:
        process.stdin.close()
    else:
        process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
        return
    process.kill()
    process.wait()
