"""`make soak`: a day of a board in some twenty minutes; prints how it goes, and what came of it.

With --write the figures go to docs/soak.json, and what is made of them into docs/soak.md and
docs/soak.png; --redraw makes those two anew without a run. The exit status is 1 where something
is not as it was at the start.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from soak import report
from soak.day import Day
from soak.outcome import SHORT, day_of


def main():
    """Live through a day, or only draw the last one."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the form that the tests run")
    parser.add_argument("--hours", type=float, default=24, help="of the board's time; default 24")
    parser.add_argument("--write", action="store_true", help="put what was found into docs/")
    parser.add_argument("--redraw", action="store_true", help="docs/ anew from docs/soak.json")
    options = parser.parse_args()
    if options.redraw:
        report.write(report.load())
        return 0
    if options.short and options.write:
        parser.error("--short is too short to be written down; leave one of the two out")
    plan = SHORT if options.short else day_of(options.hours)
    origin = (
        f'{time.strftime("%Y-%m-%d %H:%M")}, `make soak ARGS="{" ".join(sys.argv[1:])}"`'
        f", on {os.cpu_count()} CPUs ({platform.machine()})"
    )
    with tempfile.TemporaryDirectory(prefix="outpost-soak-") as folder:
        outcome = Day(Path(folder), plan, lambda line: print(line, flush=True)).run()
    found = report.figures(outcome, origin)
    print(report.table(found))
    if options.write:
        report.write(found)
    faults = report.faults(outcome)
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
