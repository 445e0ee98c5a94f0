"""Which modules of the device tree become one on a board: those that are loaded together.

Modules that are loaded late and unloaded stay separate from those that stay loaded. A group has
the name of the module that others import: main.py's table names services.ftp.server, for example.
"""

from outpost.bundle.symbols import Group


def _group(name: str, parent: str, members: str) -> Group:
    return Group(name, (name, *_below(parent, members)))


def _below(parent: str, members: str) -> tuple[str, ...]:
    return tuple(f"{parent}.{member}" for member in members.split())


GROUPS = (
    # hal.files is separate: boot.py imports it, and an update doesn't change boot.py.
    _group("hal", "hal", "console net texts"),
    Group(
        "daemon",
        ("daemon", "supervisor", *_below("services", "borrow events service site status")),
    ),
    _group(
        "services.ftp.server",
        "services.ftp",
        "shortage access.accounts access.admission access.visibility"
        " commands commands.access commands.site commands.transfers"
        " control.lines control.session errors"
        " data.buffers data.connection data.listeners data.pump data.transfer"
        " files.disk files.paths files.upload",
    ),
    _group("services.log.logger", "services.log", "files lines"),
    _group("services.telemetry", "services.telemetry", "outbox telemetry"),
    _group("services.telemetry.session", "services.telemetry", "connection delivery"),  # late
    _group("services.telemetry.start", "services.telemetry", "blackbox"),  # at boot
    _group("services.time", "services.time", "clock"),
    _group("services.time.setting", "services.time", "sntp"),  # late
)
