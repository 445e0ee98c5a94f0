"""Outpost: names the services, has them assembled, runs them under the supervisor."""

import gc
import sys
from time import sleep

# Collecting often while modules are imported packs what stays: without it a third of a small
# heap ends up in holes that hold nothing of use.
gc.threshold((gc.mem_alloc() + gc.mem_free()) // 64)

import asyncio

import hal
from services.borrow import borrow
from supervisor import Supervisor, error_text, traceback_text

VERSION = "0.1.0"

_WATCHDOG_MS = 8_000  # RP2040's hardware counts to 8,388 ms at most
_LOOK_MS = 1_000
_RESET_DELAY_S = 2  # time for a Ctrl-C between two boots that fail

# Name, module, class, and the key without which the service is not even imported;
# in the order of starting, stopped in reverse.
SERVICES = (
    ("log", "services.log", "Log", None),
    ("network", "services.network", "Network", None),
    ("ftp", "services.ftp.server", "FtpServer", None),
    ("time", "services.time", "Clock", None),
    ("update", "services.update", "Update", None),
    ("telemetry", "services.telemetry", "Telemetry", "broker"),
    ("app", "services.app", "App", "module"),
)
IN_RESCUE = ("log", "network", "ftp", "time", "update")  # of these, in rescue mode


def serve():
    """Run until somebody stops it; return how: "reset", "halt" or "interrupt", and what failed."""
    watchdog = hal.watchdog(_WATCHDOG_MS)  # before the services: one may hang as it is imported
    assemble = borrow("assemble", "assemble")
    services, status, events, site = assemble(VERSION, SERVICES, IN_RESCUE, watchdog)
    del assemble
    gc.collect()
    # Not only when the heap is full: what stays would lie scattered all over it, and a module that
    # comes later would find no room in one piece.
    gc.threshold(gc.mem_free() // 2)
    supervisor = Supervisor(services, status, events, watchdog, hal.room, note="/boot.json.hung")
    hal.interrupt(_LOOK_MS, supervisor.look)

    def shutdown(arg):
        if arg not in ("-r", "-h"):
            raise ValueError("Usage: SITE shutdown -r (reboot) or -h (deep sleep)")
        supervisor.stop("reset" if arg == "-r" else "halt")
        return "Going down."

    site.add("shutdown", shutdown, "shutdown -r|-h: reboot, or deep sleep", admin=True)
    board = status.section("board")
    events.publish("board/boot", reset_cause=board["reset_cause"], boots=board["boots"])
    if board["hung_in"]:
        events.publish("board/hung", error=board["hung_in"] + " held the loop")
    running = asyncio.create_task(supervisor.run())
    loop = asyncio.get_event_loop()
    try:
        return loop.run_until_complete(running), supervisor.failed
    except KeyboardInterrupt:
        supervisor.stop("interrupt")
        loop.run_until_complete(running)
        hal.rest_watchdog(watchdog)
        return "interrupt", None


def main():
    """Serve; whatever ends it, a board with nobody near must come back by itself."""
    how = "reset"
    failed = None
    try:
        how, failed = serve()
    except Exception as error:
        failed = error_text(error)
        sys.print_exception(error)
        try:
            from services.log import crash

            crash.save(traceback_text(error))
        except Exception as trouble:
            print("the traceback could not be saved:", error_text(trouble))
        sleep(_RESET_DELAY_S)
    if how == "interrupt":
        return
    try:
        borrow("recovery", "ended")(failed or "")
    except Exception as trouble:
        print("how it ended could not be kept:", error_text(trouble))
    hal.sync()
    if how == "halt":
        hal.deepsleep()
    hal.reset()


main()
