"""Symbols: which module of the bundle a module goes into, and what its globals are called."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from outpost.bundle.module import Module

PREFIX = "services_"  # of the names of all of services/ on a board
Thing = tuple[str] | tuple[str, str]  # what is imported: a module, or something of one
Import = ast.Import | ast.ImportFrom


class MergeError(Exception):
    """The modules can't be joined; the text says where and why."""


@dataclass(frozen=True)
class Group:
    """Modules that become one. name: of the member by which others come to it."""

    name: str
    members: tuple[str, ...]


def flat(dotted: str, package: bool = False) -> str:
    """The name of a module on a board, where services/ is no folder but the beginning of names.

    A package takes some 200 bytes of heap, and gives each of its modules a second name. package:
    whether it is one's own module. That must not have the package's name: where a folder of that
    name was, and is empty, imports would find the folder.
    """
    first, _, rest = dotted.partition(".")
    if first != "services" or not rest:
        return dotted
    return f"{PREFIX}{rest.replace('.', '_')}{'_service' if package else ''}"


class Symbols:
    """The names of a tree whose groups are merged.

    modules: by their names. groups: those of the tree, and one for each other module that gets
    another name. home: name of a merged module -> name of the module that it goes into.
    """

    def __init__(self, modules: Iterable[Module], groups: Iterable[Group]) -> None:
        self.modules = {module.name: module for module in modules}
        # A tree may lack some, such as that of a test.
        self.groups = [
            Group(group.name, tuple(name for name in group.members if name in self.modules))
            for group in groups
            if group.name in self.modules
        ]
        joined = {member for group in self.groups for member in group.members}
        flat_names = {
            name: flat(name, module.path.endswith("/__init__.py"))
            for name, module in self.modules.items()
        }
        self.groups += [
            Group(name, (name,))
            for name, result in flat_names.items()
            if name not in joined and result != name
        ]
        self.home = {
            member: flat_names[group.name] for group in self.groups for member in group.members
        }
        # (member, its global) -> what that is called in the result
        self._called: dict[tuple[str, str], str] = {}
        for group in self.groups:
            self._name(group)

    def target(self, module: str, name: str) -> tuple[str, str]:
        """(module of the bundle, name in it) for a global of a module of ours."""
        return self.home.get(module, module), self._called.get((module, name), name)

    def is_merged(self, thing: Thing) -> bool:
        """Whether an import is of a merged module, or of something in one."""
        dotted = ".".join(thing)
        return (dotted if dotted in self.modules else thing[0]) in self.home

    def imports(self, module: Module) -> Iterator[tuple[str, Thing, Import]]:
        """Yield (name here, (module, attribute) or (module,), the statement)."""
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if "." in alias.name and not alias.asname and alias.name in self.home:
                        raise MergeError(
                            f"{module.path}:{node.lineno}: import {alias.name} as something: "
                            "it is merged, and has no name of its own"
                        )
                    top = alias.name.partition(".")[0]
                    yield alias.asname or top, (alias.name,), node
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield alias.asname or alias.name, (node.module or "", alias.name), node

    def _name(self, group: Group) -> None:
        """Give each global of a group a name that no other one has."""
        taken: dict[str, Thing] = {}  # name -> the thing that has it
        for member in group.members:
            module = self.modules[member]
            imported: dict[str, Thing] = {}
            for here, thing, node in self.imports(module):
                imported[here] = thing
                if here in module.defined and self.is_merged(thing):
                    raise MergeError(
                        f"{module.path}:{node.lineno}: {here} is imported, and a global besides"
                    )
            for name in sorted(module.names):
                thing: Thing = imported.get(name, (member, name))
                inside = thing[0] in group.members or ".".join(thing) in group.members
                if name in imported and inside:
                    continue  # there is no such import any more
                new = name
                while taken.setdefault(new, thing) != thing:
                    new = f"{new}_{member.rpartition('.')[2]}"
                self._called[member, name] = new
