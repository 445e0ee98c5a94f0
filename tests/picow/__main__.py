"""Runs Outpost on an emulated Pico W until Ctrl-C: PYTHONPATH=tests python -m picow --help"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from picow import dependencies, needs
from picow.board import PASSWORD, USER, PicoW


def main():
    """Boot a board, deploy onto it if asked to, say how to reach it, wait for Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m picow", description=__doc__)
    parser.add_argument("--firmware", help="folder of firmware.elf and bootrom.bin [$PICO_W]")
    parser.add_argument("--flash", type=Path, help="file of its flash, kept [a new one]")
    parser.add_argument("--tree", help="folder of the device code [this repository]")
    parser.add_argument("--no-deploy", action="store_true", help="boot what is on the flash")
    parser.add_argument("--uptime-ms", default="0", help="where its ticks begin")
    options = parser.parse_args()
    firmware = needs.Firmware(options.firmware) if options.firmware else needs.given()
    if not firmware:
        parser.error("name a folder by --firmware or by PICO_W")
    lacks = firmware.missing() + needs.missing()
    if lacks:
        sys.exit(f"missing: {', '.join(lacks)}")
    dependencies.fetch()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with tempfile.TemporaryDirectory(prefix="picow-") as folder:
        flash = (options.flash or Path(folder, "flash.bin")).resolve()
        board = PicoW(firmware, folder, flash, uptime_ms=options.uptime_ms)
        try:
            serve(board, options)
        except KeyboardInterrupt:
            pass
        finally:
            board.stop()


def serve(board, options):
    """Bring Outpost up on a board and wait."""
    with board.network.inside():
        board.power_on()
        if not options.no_deploy:
            print(board.deploy(tree=options.tree or needs.tree()), flush=True)
        board.wait_serving()
        inside = f"ip netns exec {board.network.name}"
        print(
            f"FTP at {board.address}, user {USER}, password {PASSWORD}\n"
            f"  {inside} curl -u {USER}:{PASSWORD} ftp://{board.address}/\n"
            f"  console: tail -f {board.emulator.console_log}\n"
            f"  USB:     mpremote connect {board.port} resume\n"
            f"  control: PYTHONPATH=tests python -m picow.ask {board.folder} stat\n"
            "Ctrl-C ends it.",
            flush=True,
        )
        signal.pause()


if __name__ == "__main__":
    main()
