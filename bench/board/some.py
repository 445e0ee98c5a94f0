"""Some of Outpost's services under the supervisor, without the rest of main.py."""

import json

import asyncio

from services.events import Events
from services.site import SiteCommands
from services.status import Status
from supervisor import Supervisor

_WHERE = {
    "log": ("services.log", "Log"),
    "network": ("services.network", "Network"),
    "ftp": ("services.ftp", "FtpServer"),
    "time": ("services.time", "Clock"),
    "telemetry": ("services.telemetry", "Telemetry"),
}


def run(names):
    """Build the services from their sections of config.json, as main.py does, and serve."""
    with open("/config.json") as file:
        config = json.load(file)
    status = Status()
    events = Events()
    registry = SiteCommands()
    status.section("board").update({"name": "bench", "version": "0"})
    services = []
    for name in names:
        module, kind = _WHERE[name]
        kind = getattr(__import__(module, None, None, (kind,)), kind)
        services.append(kind(status, events, registry, **config.get(name, {})))
    asyncio.run(Supervisor(services, status, events).run())
