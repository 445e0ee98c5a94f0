"""Gives a module's most frequent names the numbers that take one byte of bytecode.

mpy-cross numbers a module's names in order of appearance, from the module's own statements to the
last function. From the 128th on, a name takes two bytes wherever it is used. So a statement
without effect names the most frequent ones first. Its bytecode is freed after the module's import.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Iterable

from outpost.bundle import scopes
from outpost.bundle.module import Merged, Module

_SHORT = 120  # of 128: others, such as the file name and __name__, come first


def numbered(merged: Iterable[Merged]) -> list[Merged]:
    """Return the modules; those with many names have one more line at the beginning."""
    return [_numbered(one) for one in merged]


def _numbered(one: Merged) -> Merged:
    module = Module(one.name, one.text, one.place)
    often: Counter[str] = Counter()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            often[node.attr] += 1
        elif isinstance(node, ast.Name) and hasattr(builtins, node.id):
            often[node.id] += 1
    constants = scopes.constants(module.tree)
    for use in scopes.uses(module.tree, module.names - constants):
        often[use.name] += 1
    if len(often) <= _SHORT:
        return one
    names = [name for name, _ in sorted(often.items(), key=lambda item: (-item[1], item[0]))]
    line = f"__name__ or __name__.{'.'.join(names[:_SHORT])}"
    return Merged(one.name, one.place, f"{line}\n{one.text}", [one.lines[0], *one.lines])
