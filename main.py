"""Outpost: names the services, and has them run; daemon.py does it.

Firmware compiles this file on the board, which takes heap for each of its words: hence its size.
"""

import gc

# Collecting often while modules are imported packs what stays: without it a third of a small
# heap ends up in holes that hold nothing of use.
gc.threshold((gc.mem_alloc() + gc.mem_free()) // 64)

VERSION = "0.2.0"

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


def at_prompt():
    """Ctrl-C: the board stays at its prompt, and what the person there does is no fault of it."""
    import hal

    hal.feed_from_timer()
    try:
        import recovery

        recovery.interrupted()
    except Exception as error:  # somebody removed it, or it is an older one
        print("Ctrl-C could not be noted:", error)


try:
    import daemon
except KeyboardInterrupt:
    at_prompt()
    raise
try:
    # The names are those that run in rescue mode, too; without the last one where that fails.
    daemon.main(VERSION, SERVICES, ("log", "network", "ftp", "time", "update", "telemetry"))
    at_prompt()
except KeyboardInterrupt:  # while the services are made, while they stop, or after a crash
    at_prompt()
    raise
except Exception:  # no memory for anything: a prompt that nobody sees is no place to stay
    daemon.hal.reset()
