"""Relocation: a module's imports and names, written anew for where Symbols say that things go."""

import ast
import re
from collections.abc import Sequence

from outpost.bundle import scopes
from outpost.bundle.module import Module
from outpost.bundle.symbols import Import, MergeError, Symbols, Thing

# What a late module's name is put together from: "services.ftp." and "services.%s.options".
_PARTIAL = re.compile(r"services\.(\w+\.)+$|services\.[\w.]*%s[\w.]*$")


def relocate(module: Module, symbols: Symbols) -> None:
    """Write down the edits of a module: its imports, names that changed, and dotted texts."""
    relocation = _Relocation(module, symbols)
    relocation.imports()
    relocation.names()
    relocation.texts()


class _Relocation:
    """One module's. home: the module of the bundle that it goes into; None: it is not merged."""

    def __init__(self, module: Module, symbols: Symbols) -> None:
        self._module = module
        self._symbols = symbols
        self._home = symbols.home.get(module.name)
        self._new_names: dict[str, str] = {}  # global of this module -> its new text
        # Name of a module object -> the dotted module that is merged.
        self._objects: dict[str, str] = {}
        # Imports behind whose names stand globals, in functions too.
        self._seen_through: set[ast.AST] = set()

    def imports(self) -> None:
        """Replace the imports of what is merged."""
        statements: dict[Import, list[tuple[str, Thing]]] = {}
        for here, thing, node in self._symbols.imports(self._module):
            statements.setdefault(node, []).append((here, thing))
        for node, names in statements.items():
            if any(self._symbols.is_merged(thing) for _, thing in names):
                self._import(node, names)

    def _import(self, node: Import, names: Sequence[tuple[str, Thing]]) -> None:
        """Replace one statement. names: what it imports, as (name here, the thing)."""
        symbols = self._symbols
        kept: list[str] = []
        taken: dict[str, list[str]] = {}  # module -> what is imported from it
        for here, thing in names:
            dotted = ".".join(thing)
            if dotted in symbols.home:  # a module as an object
                self._objects[here] = dotted
                goal = symbols.home[dotted]
                if self._home != goal:
                    kept.append(_import_of_module(goal, here))
            elif dotted not in symbols.modules and thing[0] in symbols.home:
                place, name = symbols.target(*thing)
                if place == self._home:
                    if here != name:
                        self._new_names[here] = name
                        _require_no_local(self._module, node, here, name)
                else:
                    taken.setdefault(place, []).append(_alias(name, here))
            elif len(thing) == 2:
                taken.setdefault(thing[0], []).append(_alias(thing[1], here))
            else:
                kept.append(f"import {_alias(thing[0], here)}")
        kept += [f"from {place} import {', '.join(found)}" for place, found in taken.items()]
        if not kept or any(here in self._objects for here, _ in names):
            self._seen_through.add(node)
        at_top = node in self._module.tree.body
        self._module.replace_statement(node, "; ".join(kept) or ("" if at_top else "pass"))

    def names(self) -> None:
        """Replace globals by what they are called now, wherever they are used."""
        module = self._module
        for name in module.names:
            new = self._symbols.target(module.name, name)[1]
            if new != name:
                self._new_names[name] = new
        attributes = {
            (node.value.lineno, node.value.col_offset): node
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        wanted = {*self._new_names, *self._objects}
        for use in scopes.uses(module.tree, wanted, self._seen_through):
            if use.name in self._objects:
                self._use_of_module(use, attributes.get((use.line, use.column)))
            else:
                end = use.column + len(use.name)
                module.replace(use.line, use.column, end, self._new_names[use.name])

    def _use_of_module(self, use: scopes.Use, node: ast.Attribute | None) -> None:
        """Replace a merged module's name. node: the attribute of it that is meant there."""
        module, dotted = self._module, self._objects[use.name]
        goal = self._symbols.home[dotted]
        if node is None or node.end_lineno != use.line:
            if self._home == goal:
                end = use.column + len(use.name)
                module.replace(use.line, use.column, end, _itself(goal))
            return  # the result's module object does as well
        behind = scopes.end_of(node)[1]
        _, name = self._symbols.target(dotted, node.attr)
        if self._home == goal:
            module.replace(use.line, use.column, behind, name)
        elif name != node.attr:
            module.replace(use.line, behind - len(node.attr), behind, name)

    def texts(self) -> None:
        """Replace dotted names, and beginnings of them, by which modules are loaded late."""
        for node in ast.walk(self._module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if text in self._symbols.home:
                    text = self._symbols.home[text]
                elif _PARTIAL.match(text):
                    text = text.replace(".", "_")
                if text != node.value:
                    behind = scopes.end_of(node)[1]
                    self._module.replace(node.lineno, node.col_offset, behind, f'"{text}"')


def _import_of_module(dotted: str, here: str) -> str:
    """The statement that imports a module as `here`."""
    parent, _, leaf = dotted.rpartition(".")
    if parent:
        return f"from {parent} import {_alias(leaf, here)}"
    return f"import {_alias(dotted, here)}"


def _alias(name: str, here: str) -> str:
    return name if here == name else f"{name} as {here}"


def _itself(dotted: str) -> str:
    """The text of an expression: the object of the module in which it stands."""
    return f'__import__("{dotted}", None, None, ("*",))'


def _require_no_local(module: Module, statement: ast.stmt, here: str, name: str) -> None:
    """MergeError where a function imports something as `here` that its own `name` would hide."""
    for function in ast.walk(module.tree):
        if isinstance(function, scopes.FUNCTIONS[:2]) and statement in ast.walk(function):
            own = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
            if name in own | scopes.bindings(function.body, (statement,)):
                raise MergeError(
                    f"{module.path}:{statement.lineno}: {here} is {name} where it comes from, "
                    "which has another meaning in this function"
                )
