"""Names that the bundle leaves alone: something else than our own code may ask for them."""

import ast
import functools
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from outpost.bundle.module import Module

_WORD = re.compile(r"[A-Za-z_]\w*")

# What an application is given (services/app/interface.py), what the build itself puts in, and what
# the bench asks for.
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
    """The names that MicroPython's own modules have."""
    lines = (Path(__file__).parent / "api.txt").read_text().splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def kept(modules: Iterable[Module], plain: Collection[str]) -> set[str]:
    """Names that stay: what is asked for by a text, by a keyword, or by what stays plain."""
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
    """The texts, as nodes, that name what borrow(module, name) returns: they change with it.

    Not those of a task: STAT tells by its name who held the loop.
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
    """All names in a module's code, whatever they name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        for value in (*_names_of(node), *getattr(node, "names", ())):
            if isinstance(value, ast.alias):
                found.update((*value.name.split("."), value.asname or ""))
            else:
                found.add(value)
    return found


def _names_of(node: ast.AST) -> list[str]:
    """What the fields of a node are that name something."""
    fields = (getattr(node, field, None) for field in ("id", "attr", "arg", "name"))
    return [value for value in fields if isinstance(value, str)]


def called(node: ast.AST) -> str | None:
    """The name of the function that is called; None where it is no call."""
    function = getattr(node, "func", None)
    return getattr(function, "attr", getattr(function, "id", None))
