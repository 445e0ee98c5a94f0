"""Outpost: names the services, has them assembled, runs them under the supervisor."""

import gc
from time import sleep

# Collecting often while modules are imported packs what stays: without it a third of a small
# heap ends up in holes that hold nothing of use.
gc.threshold((gc.mem_alloc() + gc.mem_free()) // 64)


def at_prompt():
    """Ctrl-C: the board stays at its prompt, and what the person there does is no fault of it."""
    import hal

    hal.feed_from_timer()
    try:
        import recovery

        recovery.interrupted()
    except Exception as trouble:  # somebody removed it, or it is an older one
        print("Ctrl-C could not be noted:", trouble)


try:
    import asyncio

    import hal
    from hal.console import console
    from services.borrow import borrow
    from supervisor import Supervisor, error_text, report, traceback_text
except KeyboardInterrupt:
    at_prompt()
    raise

VERSION = "0.1.0"

_LOOK_MS = 1_000
_CONSOLE_TRIES = 50  # of 8 ms, for a last word where the console is slow
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
    watchdog = hal.watchdog()  # before the services: one may hang as it is imported
    hal.timer(0, None)  # from here on nobody feeds it for those who hang
    assemble = borrow("assemble", "assemble")
    services, status, events, site = assemble(VERSION, SERVICES, IN_RESCUE, watchdog)
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
    running = asyncio.create_task(supervisor.run())
    loop = asyncio.get_event_loop()
    try:
        return loop.run_until_complete(running), supervisor.failed
    except KeyboardInterrupt:
        supervisor.stop("interrupt")
        # Where it came in a step of the supervisor's own task, that task has stopped the services
        # on the way here. asyncio has lost it: to wait for it would be for ever.
        if asyncio.core.cur_task is not running:
            loop.run_until_complete(running)
        return "interrupt", None


def main():
    """Serve; whatever ends it, a board with nobody near must come back by itself."""
    how = "reset"
    failed = None
    try:
        how, failed = serve()
    except Exception as error:
        let_go()
        failed = last_words(error)
        sleep(_RESET_DELAY_S)
    if how == "interrupt":
        at_prompt()
        return
    try:
        borrow("recovery", "ended")(failed or "")
    except Exception as trouble:
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


try:
    main()
except KeyboardInterrupt:  # while the services are made, while they stop, or after a crash
    at_prompt()
    raise
except Exception:  # no memory for anything: a prompt that nobody sees is no place to stay
    hal.reset()
