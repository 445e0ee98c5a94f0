"""FTPdLite on the unix port: FOLDER PORT LOWEST-PASSIVE HIGHEST-PASSIVE. FOLDER holds its module.

The shim is what the port lacks: os.sync, machine.reset and deepsleep, and peers' addresses.
"""

import os
import sys

from probe import Probe
from shim import Module, nothing, peer

Module("os", os, sync=nothing)
Module("machine", reset=nothing, deepsleep=nothing)
sys.path.insert(0, sys.argv[1])
probe = Probe()

from asyncio.stream import Stream  # noqa: E402

Stream.get_extra_info = lambda self, name: peer(self.e[name])
probe.watch_loop()

from ftpdlite import FTPd  # noqa: E402

port, low, high = [int(word) for word in sys.argv[2:5]]
server = FTPd(port=port, pasv_port_range=range(low, high + 1))
server.add_account("bench:bench")


async def heap(session, arg):
    """SITE heap."""
    return 211, probe.report(arg)


server._site_cmd_dict["heap"] = heap
server.run()
