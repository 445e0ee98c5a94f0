"""The rules of docs/architecture.md that a reader of imports can check: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED = {
    f"services.{name}" for name in ("borrow", "events", "service", "site", "status", "status_text")
}
OURS = {
    "archive",
    "assemble",
    "boot",
    "config",
    "hal",
    "journal",
    "joining",
    "jsontext",
    "lifecommands",
    "main",
    "proven",
    "recovery",
    "resets",
    "sections",
    "services",
    "supervisor",
    "trial",
}
# What works before hal, which an update may replace, is imported.
EARLY = ("journal.py", "resets.py")
# Packages that only one place may know: where one is missing, only that place fails.
RESERVED = {
    "machine": ("hal", *EARLY),
    "network": "hal",
    "logging": "services/log",
    "ntptime": "services/time",
    "umqtt": "services/telemetry",
}

DEVICE = sorted(
    path.relative_to(ROOT)
    for part in ("*.py", "hal/**/*.py", "services/**/*.py")
    for path in ROOT.glob(part)
    if path.name != "manifest.py"  # for the build of firmware
)


def dotted(path):
    """The name by which a file is imported."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


# As texts: borrow("hal.fat", ...); "hal" alone is also an ordinary word.
MODULES = {name for name in map(dotted, DEVICE) if "." in name}
# The rooms of services/ftp from the highest floor to the lowest; each imports what is below it.
FLOORS = ("server", "start", "control", "commands", "tls", "data", "access", "files", "errors")
FTP = ("services", "ftp")


def imports(path):
    """Every module that a file imports, at any depth, by its full name."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Constant) and node.value in MODULES:
            yield node.value  # borrow() and use() are given a module's name as a text
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import hides where it leads"
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def allowed(path, name):
    """May the device file at path import our module called name?"""
    top = path.parts[0]
    if path.name in ("main.py", "daemon.py", "assemble.py"):
        return True
    if path.name == "config.py":
        return name.split(".")[0] in ("hal", "jsontext")
    if str(path) in ("lifecommands.py", "proven.py", "sections.py", "trial.py"):
        ours = ("hal", "config", "proven", "sections")
        shared = ("services.borrow", "services.ftp.access.setup")
        return name.split(".")[0] in ours or name.startswith(shared)
    if path.name == "boot.py":
        return name.split(".")[0] in ("archive", "hal", "joining", "recovery", "resets")
    if path.name == "journal.py":
        return name.split(".")[0] == "recovery"
    if path.name == "recovery.py":
        return name == "journal"
    if top == "hal":
        return name.split(".")[0] == "hal"
    if top != "services":
        return False
    own = f"services.{path.parts[1]}"
    if own == "services.update" and name.split(".")[0] in ("journal", "recovery"):
        return True
    if any(name == s or name.startswith(s + ".") for s in SHARED):
        return True
    if len(path.parts) == 2:
        return name == "hal.reasons"  # what an error is called on this port
    return name == own or name.startswith(own + ".") or name.split(".")[0] == "hal"


def test_the_device_code_was_found():
    assert Path("main.py") in DEVICE
    assert Path("services/ftp/control/session.py") in DEVICE


@pytest.mark.parametrize("path", DEVICE, ids=str)
def test_a_file_imports_only_what_its_place_allows(path):
    for name in imports(path):
        top = name.split(".")[0]
        if top in OURS and name != "services":
            assert allowed(path, name), f"{path} may not import {name}"
        if top in RESERVED:
            owner = RESERVED[top]
            assert str(path).startswith(owner), f"{path}: only {owner} imports {top}"


@pytest.mark.parametrize("path", [path for path in DEVICE if path.parts[:2] == FTP], ids=str)
def test_in_ftp_nobody_imports_upwards(path):
    here = path.with_suffix("").parts[2]
    for name in imports(path):
        room = name.split(".")[2:3]
        if name.startswith("services.ftp.") and here in FLOORS and room[0] in FLOORS:
            assert FLOORS.index(here) <= FLOORS.index(room[0]), f"{path} imports {name}"


@pytest.mark.parametrize("path", DEVICE, ids=str)
def test_a_module_named_in_a_text_is_borrowed(path):
    """One way to load late: services/borrow.py. hal has its own, for it knows no services."""
    allowed = {
        "services/borrow.py",
        "services/app/memory.py",  # the user's module, whose name config.json has
        "assemble.py",  # the services' modules, whose names main.py has
        "hal/link.py",
    }
    if str(path) not in allowed:
        assert "__import__" not in (ROOT / path).read_text(), path


@pytest.mark.parametrize("path", DEVICE, ids=str)
def test_only_hal_asks_for_the_port_and_nobody_changes_the_folder(path):
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr != "chdir", f"{path} calls chdir: paths are absolute here"
            if node.attr == "platform":
                known = path.parts[0] in ("hal", *EARLY)
                assert known, f"{path} asks for sys.platform: hal's affair"


# The names under which sockets of TCP go about; those of UDP are called udp.
TCP = {"sock", "_sock", "raw", "listener", "client", "secured", "stream", "_wire"}
WRITES = {"write", "send", "sendall", "sendto", "makefile"}


@pytest.mark.parametrize("path", [path for path in DEVICE if path.parts[0] != "hal"], ids=str)
def test_what_goes_to_a_connection_goes_through_hal(path):
    """On an RP2 a socket's own write may block for 10 s and lose its bytes: see hal.writer()."""
    own = {"services/telemetry/opening.py": ["connection.stream.write"]}.get(str(path), [])
    found = []
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if not isinstance(node, ast.Attribute) or node.attr not in WRITES:
            continue
        of = node.value
        name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
        if name in TCP:
            found.append(ast.unparse(node))
    assert found == own, "TLS over hal.wire() is the one exception"


@pytest.mark.parametrize("path", DEVICE, ids=str)
def test_nothing_that_listens_is_closed(path):
    """On an RP2 that would destroy a connection: see hal.net.listen() and stop_listening()."""
    if path == Path("hal/net.py"):
        return
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Attribute) and node.attr == "close":
            assert "listener" not in ast.unparse(node.value).split("."), path
        if isinstance(node, ast.Attribute) and node.attr == "listen":
            text = ast.unparse(node)
            assert text != "sock.listen" or path.parts[0] == "hal", "hal.net.listen() listens"


@pytest.mark.parametrize("path", DEVICE, ids=str)
def test_a_file_says_in_its_first_line_what_it_is_for(path):
    text = ast.get_docstring(ast.parse((ROOT / path).read_text()))
    assert len((text or "").partition("\n")[0]) > 20, path


@pytest.mark.parametrize("path", DEVICE, ids=str)
def test_its_texts_can_be_frozen_into_firmware(path):
    """MicroPython's build takes UTF-8 alone: half of a surrogate pair ends it."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value.encode()
