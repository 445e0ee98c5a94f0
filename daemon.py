"""The daemon's life: serve, until somebody stops it or it fails; then a prompt, or a reset."""

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
_CONSOLE_TRIES = const(50)  # of 8 ms, for a last word where the console is slow
# The beginnings of modules that end a life, or note a Ctrl-C there.
_STAYS = const(("hal", "archive", "machine", "recovery", "_"))
_RESET_DELAY_S = const(2)  # time for a Ctrl-C between two boots that fail


def serve(version, rows, in_rescue):
    """Run until somebody stops it; return how: "reset", "halt" or "interrupt", and what failed.

    version, rows, in_rescue: as assemble() takes them.
    """
    watchdog = hal.watchdog()  # before the services: one may hang as it is imported
    hal.timer(0, None)  # from here on nobody feeds it for those who hang
    assemble = borrow("assemble", "assemble")
    services, status, events, site = assemble(version, rows, in_rescue, watchdog)
    del assemble
    gc.collect()
    # Not only when the heap is full: what stays would lie scattered all over it, and a module that
    # comes later would find no room in one piece.
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
            return "reset", supervisor.failed  # on the way down: why it went down counts
        except BaseException as error:
            if status.outlives and status.outlives(error):
                continue
            if not isinstance(error, KeyboardInterrupt):
                raise
        supervisor.stop("interrupt")
        # Where it came in a step of the supervisor's own task, that task has stopped the services
        # on the way here. asyncio has lost it: to wait for it would be for ever.
        if asyncio.core.cur_task is not running:
            loop.run_until_complete(running)
        return "interrupt", None


def main(version, rows, in_rescue):
    """Serve; whatever ends it, a board with nobody near must come back by itself.

    Returns only where a person has pressed Ctrl-C.
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
    # Modules as well, all that aren't the firmware's: an application may hold the heap in them.
    for name in sys.modules:
        module = sys.modules[name]
        ours = hasattr(module, "__file__") or type(module) is not type(sys)
        if ours and not name.startswith(_STAYS):
            sys.modules[name] = None
    try:
        borrow("recovery", "ended")(failed or "")
    except Exception as trouble:
        if isinstance(trouble, MemoryError):
            hal.remember("no memory")  # a file takes more: the next boot knows that much
        report(console.write, "how it ended could not be kept", trouble)
    hal.sync()
    if how == "halt":
        hal.deepsleep()
    hal.reset()


def let_go():
    """Give back what the services hold, tasks and all: the last words want memory. Never raises.

    It may have been a want of memory that ended them, so nothing here takes any.
    """
    hal.timer(0, None)  # it looks after the supervisor
    core = asyncio.core
    core.cur_task = core._task_queue = core._io_queue = None
    core.Loop._exc_handler = None  # the supervisor's, which holds all services
    gc.collect()


def last_words(error):
    """Keep and show what ended serve(), as far as the memory goes; return it in short."""
    try:
        text = traceback_text(error)
        try:
            from services.log import crash

            crash.save(text)
        finally:
            # Not print_exception(): some twenty writes, of 500 ms each where nobody reads.
            console.write(text)
    except Exception as trouble:
        report(console.write, "the traceback could not be saved", trouble)
    try:
        for _ in range(_CONSOLE_TRIES):
            console.flush()
        return error_text(error)
    except MemoryError:
        return "MemoryError"
