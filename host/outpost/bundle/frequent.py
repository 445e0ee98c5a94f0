"""Names that a module uses most get the numbers that take one byte of bytecode.

mpy-cross numbers a module's names as it meets them, from the module's own statements to the last
function; from the 128th on a name takes two bytes wherever it is used. So a statement that does
nothing names the most frequent ones first. Its bytecode goes when the module is imported.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Iterable

from outpost.bundle import scopes
from outpost.bundle.module import Merged, Module

_SHORT = 120  # of 128: the module's file name and __name__ are among them


def numbered(merged: Iterable[Merged]) -> list[Merged]:
    """The modules, those of many names with one line more in front."""
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
