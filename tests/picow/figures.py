"""`make picow-figures`: heap, speed, stalls and resets of Outpost on the emulated Pico W.

Prints a table; with --write it also goes into docs/boards.md, in the place of its kind.
Speeds are ratios to a bare loop between socket and file on the same emulated board: seconds say
nothing of a chip, which is 3 to 4 times as fast when busy.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time

from picow import bare_loop, dependencies, needs
from picow.needs import ROOT
from picow.network import HOST, LAPTOPS
from picow.station import Station, Watch
from picow.transfers import Download, content, fetch, store

PAGE = ROOT / "docs" / "boards.md"
SIZE = 100_000  # twice, with the upload beside its target: what a flash with Outpost holds
ROUNDS = 5
PATH = "/speed.bin"
STATE_S = 150  # of the host's time, within which the board publishes its state
_FREE = re.compile(r"Mem:\s+(\d+)KiB\s+(\d+)KiB\s+(\d+)KiB")


def main():
    """Measure; print, and write if asked to."""
    parser = argparse.ArgumentParser(prog="make picow-figures", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/boards.md")
    options = parser.parse_args()
    firmware = needs.given()
    if not firmware:
        sys.exit("NOT MEASURED: PICO_W names no folder of firmware, see docs/boards.md")
    lacks = firmware.missing() + needs.missing()
    if lacks:
        sys.exit(f"NOT MEASURED: missing: {', '.join(lacks)}")
    dependencies.fetch()
    with tempfile.TemporaryDirectory(prefix="picow-") as folder:
        station = Station(firmware, folder)
        try:
            rows = measure(station)
        finally:
            station.stop()
    print(table(rows))
    if options.write:
        write("frozen" if firmware.frozen else "deployed", table(rows))


def measure(station):
    """All figures, as a list of (what, value)."""
    with station.use() as board:
        watch = Watch(station)
        # Nobody has been connected since the boot but the broker.
        at_rest = station.subscriber.matching("/state")[-1].json["heap"]
        first = board.ftp(HOST)
        with_one = free(first)
        store(first, PATH, content(SIZE))
        downloads = [Download(first, PATH), Download(board.ftp(LAPTOPS[0]), PATH)]
        for download in downloads:
            download.read(1000)
        busy = free_beside(station, downloads)
        for download in downloads:
            assert download.finish() == content(SIZE)
        downloads[1].session.quit()
        speeds = {"RETR": timed(board, lambda: fetch(first, PATH))}
        speeds["STOR"] = timed(board, lambda: store(first, PATH, content(SIZE)))
        stall = re.search(r"longest stall (\d+) ms", first.sendcmd("STAT"))
        first.quit()
        watch.check()
        gap = watch.longest_feed_gap_ms
        resets = len(watch.resets())
        firmware = re.search(r"MicroPython v[0-9.]+", board.console)
        bare = bare_loop.measure(station, SIZE, ROUNDS)
    return [
        ("firmware", firmware[0]),
        ("Outpost", "frozen" if station.firmware.frozen else "deployed as .mpy"),
        ("heap in all", kib(at_rest["total_bytes"])),
        ("heap free at rest, on the broker", kib(at_rest["free_bytes"])),
        ("heap free with one session", kib(with_one)),
        ("heap free with two sessions and two downloads", kib(busy)),
        *(
            (f"{verb} of {SIZE // 1000} KB, ratio to a bare loop", f"{speeds[verb] / loop:.2f}")
            for verb, loop in bare.items()
        ),
        ("longest step of the loop", f"{stall[1]} ms" if stall else "not told"),
        ("longest gap between feeds of the watchdog", f"{gap:.0f} ms"),
        ("resets", str(resets)),
        ("lwIP's heap free at rest", f"{station.board.control('lwip')['free']} bytes"),
    ]


def free(session):
    """Bytes of heap free after a collection, as SITE free says."""
    return int(_FREE.search(session.sendcmd("SITE free"))[3]) * 1024


def free_beside(station, downloads):
    """The same while all sessions are busy, and slow: the next state on MQTT tells."""
    matching = station.subscriber.matching
    count = len(matching("/state"))
    deadline = time.monotonic() + STATE_S
    while len(matching("/state")) == count:
        assert time.monotonic() < deadline, f"no state on MQTT within {STATE_S} s"
        time.sleep(1)
        for download in downloads:
            download.read(500)  # one that stands still is ended after a minute
    state = matching("/state")[count].json
    assert state["ftp"]["transfers_now"] == 2, state["ftp"]
    return state["heap"]["free_bytes"]


def timed(board, work):
    """The median of the board's seconds that work() takes."""
    times = []
    for _ in range(ROUNDS):
        start = board.seconds
        work()
        times.append(board.seconds - start)
    return statistics.median(times)


def kib(size):
    """Bytes as KiB."""
    return f"{size / 1024:.0f} KiB"


def table(rows):
    """A table in Markdown, with when it was measured."""
    lines = [f"| {what} | {value} |" for what, value in rows]
    day = time.strftime("%Y-%m-%d")
    return "\n".join(["| | |", "|---|---:|", *lines, "", f"Measured on {day}."])


def write(kind, text):
    """Put a table into docs/boards.md, between the lines that name its kind."""
    begin = f"<!-- made by `make picow-figures ARGS=--write`: {kind} -->"
    end = f"<!-- the end of what is made: {kind} -->"
    page = PAGE.read_text()
    before, begins, rest = page.partition(begin)
    _, ends, after = rest.partition(end)
    if not begins or not ends:
        raise ValueError(f"{PAGE}: the lines {begin} and {end} must stand in it")
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


if __name__ == "__main__":
    main()
