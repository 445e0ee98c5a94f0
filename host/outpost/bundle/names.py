"""Names that the bundle must not change, because other code or texts use them."""

import ast
import functools
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from outpost.bundle.module import Module

_WORD = re.compile(r"[A-Za-z_]\w*")

# What applications use (services/app/interface.py), what the build itself inserts, and what the
# bench uses.
KEPT = frozenset(
    (
        *("publish", "section", "subscribe", "unsubscribe"),
        *("settings", "status", "board", "events", "sensor", "on_command"),
        *("key", "name", "unit", "device_class"),
        *("BUNDLE", "SiteCommands", "Supervisor", "borrow"),
    )
)


@functools.cache
def api() -> frozenset[str]:
    """Return the names in MicroPython's own modules."""
    lines = (Path(__file__).parent / "api.txt").read_text().splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def kept(modules: Iterable[Module], plain: Collection[str]) -> set[str]:
    """Return names that are kept: used by a text, as a keyword, or by modules that stay plain."""
    found: set[str] = set(KEPT)
    for module in modules:
        found.update(module.name.split("."))
        if module.path in plain:
            found |= identifiers(module.tree)
        passed: set[ast.AST] = {
            n.value for n in ast.walk(module.tree) if isinstance(n, ast.Expr)
        }  # docstrings
        if module.path not in plain:
            passed.update(borrowed(module.tree))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and node not in passed:
                if isinstance(node.value, str):
                    found.add(node.value)
                elif isinstance(node.value, bytes):
                    found.update(_WORD.findall(node.value.decode("latin-1")))  # verbs of FTP
            elif isinstance(node, ast.Call) and called(node) == "split":
                # "a b c".split(): a list of names
                for part in ast.walk(node):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        found.update(_WORD.findall(part.value))
            elif isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
    return found


def borrowed(tree: ast.Module) -> list[ast.Constant]:
    """Return the texts, as nodes, that name what borrow(module, name) returns, to rename them.

    Except those of a task: STAT shows its name if it holds the loop.
    """
    found: list[ast.Constant] = []
    tasks: set[ast.AST] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if called(node) == "create_task":
            tasks.update(part for arg in node.args for part in ast.walk(arg))
        elif called(node) == "borrow" and len(node.args) == 2:
            name = node.args[1]
            if isinstance(name, ast.Constant) and name.lineno == name.end_lineno:
                found.append(name)
    return [name for name in found if name not in tasks]


def identifiers(tree: ast.Module) -> set[str]:
    """Return all names in a module's code."""
    found: set[str] = set()
    for node in ast.walk(tree):
        for value in (*_names_of(node), *getattr(node, "names", ())):
            if isinstance(value, ast.alias):
                found.update((*value.name.split("."), value.asname or ""))
            else:
                found.add(value)
    return found


def _names_of(node: ast.AST) -> list[str]:
    """Return the values of a node's fields that are names."""
    fields = (getattr(node, field, None) for field in ("id", "attr", "arg", "name"))
    return [value for value in fields if isinstance(value, str)]


def called(node: ast.AST) -> str | None:
    """Return the name of the function that is called; None if the node isn't a call."""
    function = getattr(node, "func", None)
    return getattr(function, "attr", getattr(function, "id", None))
