"""Some of Outpost's services under the supervisor, without the rest of main.py."""

import asyncio

import hal
from daemon import Supervisor, borrow  # a bundle has both there, as the source has

_ROWS = (
    ("log", "services_log_service", "Log", None),
    ("ftp", "services_ftp_server", "FtpServer", None),
    ("app", "services_app_service", "App", "module"),  # off: nothing configures it
)


def run(names):
    """Assemble the services from config.json, as main.py does, and serve."""
    rows = [row for row in _ROWS if row[0] in names or row[0] == "app"]
    services, status, events, _ = borrow("assemble", "assemble")("0", rows)
    asyncio.run(Supervisor(services, status, events, hal.uptime).run())
