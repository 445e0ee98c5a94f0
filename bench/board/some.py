"""Some of Outpost's services under the supervisor, without the rest of main.py."""

import gc

import asyncio

# As main.py does: else what stays lies scattered all over the heap.
gc.threshold((gc.mem_alloc() + gc.mem_free()) // 64)

import hal  # noqa: E402
from daemon import Supervisor, borrow  # noqa: E402 - a bundle has both there, as the source has

_ROWS = (
    ("log", "services_log_service", "Log", None),
    ("ftp", "services_ftp_server", "FtpServer", None),
    ("app", "services_app_service", "App", "module"),  # off: nothing configures it
)


def run(names):
    """Assemble the services from config.json, as main.py does, and serve."""
    rows = [row for row in _ROWS if row[0] in names or row[0] == "app"]
    services, status, events, _ = borrow("assemble", "assemble")("0", rows)
    gc.collect()
    gc.threshold(gc.mem_free() // 2)  # as daemon.py does
    asyncio.run(Supervisor(services, status, events, hal.uptime).run())
