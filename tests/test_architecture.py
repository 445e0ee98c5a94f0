"""The rules of docs/architecture.md that a reader of imports can check: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED = {
    f"services.{name}" for name in ("borrow", "events", "service", "site", "status", "status_text")
}
OURS = {
    "assemble",
    "boot",
    "config",
    "hal",
    "journal",
    "jsontext",
    "main",
    "recovery",
    "services",
    "supervisor",
}
# Packages that only one place may know: where one is missing, only that place fails. recovery.py
# works before hal, which an update may replace, is imported.
RESERVED = {
    "machine": ("hal", "recovery.py"),
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


def imports(path):
    """Every module that a file imports, at any depth, by its full name."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import hides where it leads"
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def allowed(path, name):
    """May the device file at path import our module called name?"""
    top = path.parts[0]
    if path.name in ("main.py", "assemble.py"):
        return True
    if path.name == "config.py":
        return name == "jsontext"
    if path.name == "boot.py":
        return name.split(".")[0] in ("hal", "recovery")
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
        return False
    return name == own or name.startswith(own + ".") or name.split(".")[0] == "hal"


def test_the_device_code_was_found():
    assert Path("main.py") in DEVICE
    assert Path("services/ftp/session.py") in DEVICE


@pytest.mark.parametrize("path", DEVICE, ids=str)
def test_a_file_imports_only_what_its_place_allows(path):
    for name in imports(path):
        top = name.split(".")[0]
        if top in OURS and name != "services":
            assert allowed(path, name), f"{path} may not import {name}"
        if top in RESERVED:
            owner = RESERVED[top]
            assert str(path).startswith(owner), f"{path}: only {owner} imports {top}"


@pytest.mark.parametrize("path", DEVICE, ids=str)
def test_only_hal_asks_for_the_port_and_nobody_changes_the_folder(path):
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr != "chdir", f"{path} calls chdir: paths are absolute here"
            if node.attr == "platform":
                assert path.parts[0] == "hal", f"{path} asks for sys.platform: hal's affair"


@pytest.mark.parametrize("path", DEVICE, ids=str)
def test_a_file_says_in_its_first_line_what_it_is_for(path):
    text = ast.get_docstring(ast.parse((ROOT / path).read_text()))
    assert len((text or "").partition("\n")[0]) > 20, path
