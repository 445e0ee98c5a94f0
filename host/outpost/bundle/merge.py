"""Modules that are loaded together become one: many files for people, few for the board.

A module object, its dictionary, its names and its file cost a board some 200 bytes of heap and a
block of flash each. The text of the members is joined as it stands, line by line: only imports of
one another and names that two of them have are written anew. So a line of the result is a line of
one source file, which Merged tells.
"""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from outpost.bundle import scopes
from outpost.bundle.module import Line, Merged, Module

PREFIX = "services_"  # of the names of all of services/ on a board
# What a late module's name is put together from: "services.ftp." and "services.%s.options".
_PARTIAL = re.compile(r"services\.(\w+\.)+$|services\.[\w.]*%s[\w.]*$")


_Thing = tuple[str] | tuple[str, str]  # what is imported: a module, or something of one


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


class Merger:
    """Joins the groups of a tree and writes the imports of all other modules anew."""

    def __init__(self, modules: Iterable[Module], groups: Iterable[Group]) -> None:
        self.modules = {module.name: module for module in modules}
        # A tree may lack some, such as that of a test.
        self.groups = [
            Group(group.name, tuple(name for name in group.members if name in self.modules))
            for group in groups
            if group.name in self.modules
        ]
        joined = {member for group in self.groups for member in group.members}
        # name of a module or group -> that of the result
        self.result_of = {
            name: flat(name, module.path.endswith("/__init__.py"))
            for name, module in self.modules.items()
        }
        self.groups += [
            Group(name, (name,))
            for name, result in self.result_of.items()
            if name not in joined and result != name
        ]
        self.group_of = {member: group for group in self.groups for member in group.members}
        # (member, its global) -> what that is called in the result
        self.called: dict[tuple[str, str], str] = {}
        for group in self.groups:
            self._name(group)

    def _name(self, group: Group) -> None:
        """Give each global of a group a name that no other one has."""
        taken: dict[str, _Thing] = {}  # name -> the thing that has it
        for member in group.members:
            module = self.modules[member]
            imported: dict[str, _Thing] = {}
            for here, thing, node in self._imports(module):
                imported[here] = thing
                if here in module.defined and self._is_merged(thing):
                    raise MergeError(
                        f"{module.path}:{node.lineno}: {here} is imported, and a global besides"
                    )
            for name in sorted(module.names):
                thing: _Thing = imported.get(name, (member, name))
                inside = thing[0] in group.members or ".".join(thing) in group.members
                if name in imported and inside:
                    continue  # there is no such import any more
                new = name
                while taken.setdefault(new, thing) != thing:
                    new = f"{new}_{member.rpartition('.')[2]}"
                self.called[member, name] = new

    def _imports(
        self, module: Module
    ) -> Iterator[tuple[str, _Thing, ast.Import | ast.ImportFrom]]:
        """Yield (name here, (module, attribute) or (module,), the statement)."""
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if "." in alias.name and not alias.asname and alias.name in self.group_of:
                        raise MergeError(
                            f"{module.path}:{node.lineno}: import {alias.name} as something: "
                            "it is merged, and has no name of its own"
                        )
                    top = alias.name.partition(".")[0]
                    yield alias.asname or top, (alias.name,), node
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield alias.asname or alias.name, (node.module or "", alias.name), node

    def result(self) -> list[Merged]:
        """All modules of the bundle as Merged, groups first."""
        found: list[Merged] = []
        for module in self.modules.values():
            self._rewrite(module)
        for group in self.groups:
            if len(group.members) > 1 or not _is_empty_package(self.modules[group.name]):
                found.append(self._join(group))
        for name, module in self.modules.items():
            if name not in self.group_of and not _is_empty_package(module):
                lines = [(module.path, number + 1) for number in range(len(module.lines))]
                found.append(Merged(name, module.path, "\n".join(module.edited()), lines))
        return found

    def target(self, module: str, name: str) -> tuple[str, str]:
        """(module of the bundle, name in it) for a global of a module of ours."""
        group = self.group_of.get(module)
        return (
            (self.result_of[group.name], self.called.get((module, name), name))
            if group
            else (module, name)
        )

    def _rewrite(self, module: Module) -> None:
        """Write down the edits of a module: its imports, and names that changed."""
        group = self.group_of.get(module.name)
        new_names: dict[str, str] = {}  # global of this module -> its new text
        objects: dict[str, str] = {}  # name of a module object -> the dotted module that is merged
        statements: dict[ast.Import | ast.ImportFrom, list[tuple[str, _Thing]]] = {}
        for here, thing, node in self._imports(module):
            statements.setdefault(node, []).append((here, thing))
        # Imports behind whose names stand globals, in functions too.
        seen_through: set[ast.AST] = set()
        for node, names in statements.items():
            if not any(self._is_merged(thing) for _, thing in names):
                continue
            kept: list[str] = []
            taken: dict[str, list[str]] = {}  # module -> what is imported from it
            for here, thing in names:
                dotted = ".".join(thing)
                if dotted in self.group_of:  # a module as an object
                    objects[here] = dotted
                    goal = self.group_of[dotted]
                    if group is not goal:
                        kept.append(self._import_of_module(self.result_of[goal.name], here))
                elif dotted not in self.modules and thing[0] in self.group_of:
                    place, name = self.target(*thing)
                    if group and place == self.result_of[group.name]:
                        if here != name:
                            new_names[here] = name
                            _require_no_local(module, node, here, name)
                    else:
                        taken.setdefault(place, []).append(_alias(name, here))
                elif len(thing) == 2:
                    taken.setdefault(thing[0], []).append(_alias(thing[1], here))
                else:
                    kept.append(f"import {_alias(thing[0], here)}")
            kept += [f"from {place} import {', '.join(names)}" for place, names in taken.items()]
            if not kept or any(here in objects for here, _ in names):
                seen_through.add(node)
            at_top = node in module.tree.body
            module.replace_statement(node, "; ".join(kept) or ("" if at_top else "pass"))
        for name in module.names:
            new = self.called.get((module.name, name), name)
            if group and new != name:
                new_names[name] = new
        self._rename(module, new_names, objects, seen_through)
        self._strings(module)

    def _is_merged(self, thing: _Thing) -> bool:
        """Whether an import is of a merged module, or of something in one."""
        dotted = ".".join(thing)
        return (dotted if dotted in self.modules else thing[0]) in self.group_of

    def _import_of_module(self, dotted: str, here: str) -> str:
        parent, _, leaf = dotted.rpartition(".")
        return (
            f"from {parent} import {_alias(leaf, here)}"
            if parent
            else f"import {_alias(dotted, here)}"
        )

    def _rename(
        self,
        module: Module,
        new_names: dict[str, str],
        objects: dict[str, str],
        seen_through: Collection[ast.AST],
    ) -> None:
        group = self.group_of.get(module.name)
        attributes = {
            (node.value.lineno, node.value.col_offset): node
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        for use in scopes.uses(module.tree, {*new_names, *objects}, seen_through):
            if use.name in objects:
                node = attributes.get((use.line, use.column))
                if node is None or node.end_lineno != use.line:
                    if group and group is self.group_of[objects[use.name]]:
                        end = use.column + len(use.name)
                        text = _itself(self.result_of[group.name])
                        module.replace(use.line, use.column, end, text)
                    continue  # the result's module object does as well
                behind = scopes.end_of(node)[1]
                place, name = self.target(objects[use.name], node.attr)
                if group and place == self.result_of[group.name]:
                    module.replace(use.line, use.column, behind, name)
                elif name != node.attr:
                    module.replace(use.line, behind - len(node.attr), behind, name)
            else:
                end = use.column + len(use.name)
                module.replace(use.line, use.column, end, new_names[use.name])

    def _strings(self, module: Module) -> None:
        """Dotted names in texts, by which modules are loaded late, and their beginnings."""
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if text in self.group_of:
                    text = self.result_of[self.group_of[text].name]
                elif _PARTIAL.match(text):
                    text = text.replace(".", "_")
                if text != node.value:
                    behind = scopes.end_of(node)[1]
                    module.replace(node.lineno, node.col_offset, behind, f'"{text}"')

    def _join(self, group: Group) -> Merged:
        text: list[str] = []
        lines: list[Line] = []
        seen: set[str] = set()
        for member in self._ordered(group):
            module = self.modules[member]
            docstring = _docstring_lines(module.tree)
            within = _lines_within_texts(module.tree)
            for number, line in enumerate(module.edited(), 1):
                idle = not line.strip() or line.lstrip().startswith("#")
                if number in docstring or (idle and number not in within):
                    continue
                if line.startswith(("import ", "from ")):
                    if line in seen:
                        continue
                    seen.add(line)
                text.append(line)
                lines.append((module.path, number))
        place = self.modules[group.name].path
        if self.result_of[group.name] != group.name:
            place = f"/{self.result_of[group.name].replace('.', '/')}.py"
        return Merged(self.result_of[group.name], place, "\n".join(text) + "\n", lines)

    def _ordered(self, group: Group) -> list[str]:
        """The members, each behind those that it imports at its top level."""
        result: list[str] = []
        under_way: list[str] = []

        def add(name: str) -> None:
            if name in result:
                return
            if name in under_way:
                raise MergeError(f"a circle of imports: {' -> '.join([*under_way, name])}")
            under_way.append(name)
            for _, thing, node in self._imports(self.modules[name]):
                if node in self.modules[name].tree.body:
                    whole = ".".join(thing)
                    dotted = whole if whole in self.modules else thing[0]
                    if dotted in group.members and dotted != name:
                        add(dotted)
            under_way.pop()
            result.append(name)

        for member in group.members:
            add(member)
        return result


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


def _itself(dotted: str) -> str:
    """The text of an expression: the object of the module in which it stands."""
    return f'__import__("{dotted}", None, None, ("*",))'


def _is_empty_package(module: Module) -> bool:
    """Whether a package's own module only says what it is: imports of its folder do without it."""
    empty = all(isinstance(node, ast.Expr) for node in module.tree.body)
    return empty and module.path.endswith("/__init__.py")


def _alias(name: str, here: str) -> str:
    return name if here == name else f"{name} as {here}"


def _docstring_lines(tree: ast.Module) -> Sequence[int]:
    """The lines of the module's own docstring."""
    first = tree.body[0] if tree.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return range(first.lineno, scopes.end_of(first)[0] + 1)
    return ()


def _lines_within_texts(tree: ast.Module) -> set[int]:
    """The lines that a text of several lines covers: there a blank or a # is a part of it.

    Docstrings don't count: no board has them.
    """
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node not in docstrings
        for last in (scopes.end_of(node)[0],)
        if last > node.lineno
        for line in range(node.lineno, last + 1)
    }
