"""Outpost: lists the services; daemon.py runs them.

Firmware compiles this file on the board. Each of its words takes heap, so the file is short.
"""

import gc

# Collect often while modules are imported, so that they lie close together. Otherwise a third of a
# small heap ends up in holes too small to use.
gc.threshold((gc.mem_alloc() + gc.mem_free()) // 64)

VERSION = "0.2.0"

# Name, module, class, and the key without which the service is not imported. They start in this
# order and stop in reverse.
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
    """Ctrl-C: the board stays at its prompt. What the user does there is no fault of the board."""
    import hal

    hal.feed_from_timer()
    try:
        import recovery

        recovery.interrupted()
    except Exception as error:  # removed, or an older version
        print("Ctrl-C could not be noted:", error)


try:
    import daemon
except KeyboardInterrupt:
    at_prompt()
    raise
try:
    # These run in rescue mode too; the last one doesn't if rescue mode fails.
    daemon.main(VERSION, SERVICES, ("log", "network", "ftp", "time", "update", "telemetry"))
    at_prompt()
except KeyboardInterrupt:  # while the services are made, while they stop, or after a crash
    at_prompt()
    raise
except Exception:  # no memory even for a report: nobody watches a prompt, so reset
    daemon.hal.reset()
