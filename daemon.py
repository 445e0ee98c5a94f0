"""The daemon's life: serve until it is stopped or fails; then go to the prompt, or reset."""

import gc
import sys
from time import sleep

import asyncio
from micropython import const

import hal
from hal.console import console
from services.borrow import borrow
from supervisor import Supervisor, error_text, report, traceback_text

_LOOK_MS = const(1_000)
_CONSOLE_TRIES = const(50)  # of 8 ms, so that a slow console prints the last message
# Prefixes of modules that main() needs after a service has failed, or at a Ctrl-C.
_STAYS = const(("hal", "archive", "machine", "recovery", "_"))
_RESET_DELAY_S = const(2)  # leaves time for a Ctrl-C between two boots that fail


def serve(version, rows, in_rescue):
    """Run until it is stopped. Return how ("reset", "halt" or "interrupt") and what failed.

    version, rows, in_rescue: as assemble() takes them.
    """
    watchdog = hal.watchdog()  # before the services: one may hang during import
    hal.timer(0, None)  # stop the timer that fed the watchdog: a hang must now reset
    assemble = borrow("assemble", "assemble")
    services, status, events, site = assemble(version, rows, in_rescue, watchdog)
    del assemble
    gc.collect()
    # Collect before the heap is full. Otherwise lasting objects are scattered over the heap, and a
    # module that is loaded later finds no room in one piece.
    gc.threshold(gc.mem_free() // 2)
    supervisor = Supervisor(
        services,
        status,
        events,
        hal.uptime,
        watchdog,
        hal.room,
        remember=hal.remember,
        say=console.write,
    )
    hal.timer(_LOOK_MS, supervisor.look)

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
    elif "failure" in board:
        events.publish("board/failure", error=board["failure"])
    running = asyncio.create_task(supervisor.run())
    loop = asyncio.get_event_loop()
    while True:
        try:
            return loop.run_until_complete(running), supervisor.failed
        except MemoryError:
            if not supervisor.failed:
                raise
            return "reset", supervisor.failed  # while it stops: the first cause counts
        except BaseException as error:
            if status.outlives and status.outlives(error):
                continue
            if not isinstance(error, KeyboardInterrupt):
                raise
        supervisor.stop("interrupt")
        # If Ctrl-C came in a step of the supervisor's own task, that task has already stopped the
        # services, and asyncio has lost it: waiting for it would never end.
        if asyncio.core.cur_task is not running:
            loop.run_until_complete(running)
        return "interrupt", None


def main(version, rows, in_rescue):
    """Serve. When that ends, reset, so that an unattended board comes back by itself.

    Returns only after a Ctrl-C.
    """
    how = "reset"
    failed = None
    try:
        how, failed = serve(version, rows, in_rescue)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        let_go()
        failed = last_words(error)
        sleep(_RESET_DELAY_S)
    if how == "interrupt":
        return
    let_go()
    # Unload all modules that aren't built in: the application's may hold most of the heap.
    for name in sys.modules:
        module = sys.modules[name]
        ours = hasattr(module, "__file__") or type(module) is not type(sys)
        if ours and not name.startswith(_STAYS):
            sys.modules[name] = None
    try:
        borrow("recovery", "ended")(failed or "")
    except Exception as trouble:
        if isinstance(trouble, MemoryError):
            hal.remember("no memory")  # no memory to write a file; this reaches the next boot
        report(console.write, "how it ended could not be kept", trouble)
    hal.sync()
    if how == "halt":
        hal.deepsleep()
    hal.reset()


def let_go():
    """Free what the services hold, including tasks, so that the last report has memory.

    Never raises. Lack of memory may be what ended them, so nothing here allocates.
    """
    hal.timer(0, None)  # its callback refers to the supervisor
    core = asyncio.core
    core.cur_task = core._task_queue = core._io_queue = None
    core.Loop._exc_handler = None  # refers to the supervisor, and so to all services
    gc.collect()


def last_words(error):
    """Store and print what ended serve(), as far as memory allows; return it as one line."""
    try:
        text = traceback_text(error)
        try:
            from services.log import crash

            crash.save(text)
        finally:
            # Not print_exception(): it makes about twenty writes of 500 ms each if no host reads.
            console.write(text)
    except Exception as trouble:
        report(console.write, "the traceback could not be saved", trouble)
    try:
        for _ in range(_CONSOLE_TRIES):
            console.flush()
        return error_text(error)
    except MemoryError:
        return "MemoryError"
