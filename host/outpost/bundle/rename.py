"""Shortens names: a board keeps each name that it has ever seen in its heap, for good.

It renames globals of our modules and attributes of our classes, wherever they are used, but not
names that other code may use (names.py). Two names share a word if no module and no class has
both. Words in the ROM of every MicroPython come first, because they take no heap.
"""

import ast
import string
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from outpost.bundle import names, parameters, scopes
from outpost.bundle.module import Merged, Module

# MicroPython's static names (py/makeqstrdata.py, static_qstr_list): numbers below 128 that every
# firmware has. Without exceptions: the compiler itself uses some, such as BaseException for `async
# with`. Those that a tree uses are left out, see _pool().
# fmt: off
ROM = (
    "abs", "all", "any", "append", "args", "bool", "builtins", "bytearray", "bytecode",
    "callable", "chr", "classmethod", "clear", "close", "copy", "count", "dir", "divmod", "end",
    "endswith", "eval", "exec", "extend", "find", "format", "from_bytes", "get", "globals",
    "hasattr", "hash", "id", "index", "insert", "isalpha", "isdigit", "islower", "isspace",
    "issubclass", "isupper", "items", "iter", "join", "key", "keys", "little", "locals", "lower",
    "lstrip", "map", "next", "object", "open", "ord", "pop", "popitem", "pow", "read", "readinto",
    "readline", "remove", "replace", "repr", "reverse", "rfind", "rindex", "round", "rsplit",
    "rstrip", "send", "sep", "set", "setattr", "setdefault", "sort", "sorted", "split", "start",
    "startswith", "staticmethod", "step", "stop", "strip", "sum", "throw", "to_bytes", "type",
    "update", "upper", "value", "values", "write", "zip",
)
# Words that the ROM has under other numbers, for modules and types that rp2, esp32 and unix all
# build (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES). If a firmware leaves one out, it takes heap.
ROM_TOO = (
    "acos", "addressof", "asin", "atan", "atan2", "BFINT8", "BFUINT8", "bin", "blit", "bytes_at",
    "calcsize", "ceil", "center", "choice", "complex", "copysign", "cos", "cosh", "degrees",
    "ellipse", "exp", "fabs", "fill_rect", "FLOAT32", "FLOAT64", "floor", "fmod", "framebuf",
    "frexp", "frozenset", "getrandbits", "GS8", "heapify", "heappop", "heappush", "hex", "hline",
    "input", "INT16", "INT32", "INT64", "INT8", "isenabled", "isinf", "isnan", "kbd_intr",
    "ldexp", "localtime", "log10", "log2", "maxsize", "mktime", "modf", "namedtuple", "NATIVE",
    "oct", "opt_level", "OrderedDict", "pack_into", "pixel", "polar", "poly", "property", "PTR",
    "qstr_info", "radians", "randint", "randrange", "rect", "schedule", "scroll", "search", "seed",
    "sin", "sinh", "sizeof", "slice", "splitlines", "sqrt", "stack_use", "tan", "tanh", "trunc",
    "UINT16", "UINT32", "UINT64", "UINT8", "unhexlify", "uniform", "union", "viper", "vline",
    "VOID",
)
# fmt: on
_PARAMETERS = 12  # words of the ROM that are reserved for parameters
_WORDS = 36  # the first words of the pool; each name tries one of these first, chosen by its hash
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def rename(merged: Sequence[Merged], plain: Collection[str] = ()) -> list[Merged]:
    """Return the modules with their own names shortened; each keeps its lines.

    plain: paths of modules that stay unchanged, with all names that they use.
    """
    modules = [Module(one.name, one.text, one.place) for one in merged]
    used = set[str]().union(*(names.identifiers(module.tree) for module in modules))
    free = [word for word in ROM if word not in used]
    kept = names.kept(modules, plain)
    more = [word for word in ROM_TOO if word not in used]
    words = _words(modules, plain, kept, _pool(free[_PARAMETERS:] + more, used))
    for module in modules:
        if module.path in plain:
            continue
        for line, column, name in _places(module, words, {one.name for one in modules}):
            module.replace(line, column, column + len(name.encode()), words[name])
        for line, column, name, word in parameters.places(module.tree, kept, free[:_PARAMETERS]):
            module.replace(line, column, column + len(name.encode()), word)
    return [
        Merged(one.name, one.place, "\n".join(module.edited()), one.lines)
        for one, module in zip(merged, modules, strict=True)
    ]


def _words(
    modules: Sequence[Module], plain: Collection[str], kept: set[str], pool: Sequence[str]
) -> dict[str, str]:
    """Return {name: its word} of all our own names: globals, and attributes of our classes."""
    found: set[str] = set()
    forbidden = kept | names.api()
    together: defaultdict[str, set[str]] = defaultdict(set)
    classes: _Classes = {}
    ours = {module.name for module in modules}
    for module in modules:
        found |= module.names
        if module.path in plain:
            forbidden |= module.names
        forbidden |= scopes.constants(module.tree)
        _meet(together, module.names)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    forbidden.update((alias.asname or alias.name).split("."))
            elif isinstance(node, ast.ImportFrom) and node.module not in ours:
                forbidden.update(alias.asname or alias.name for alias in node.names)
            elif isinstance(node, ast.Call) and names.called(node) == "create_task":
                # The name of a task must stay: STAT shows it if the task holds the loop.
                forbidden.update(filter(None, (names.called(part) for part in node.args)))
            elif isinstance(node, ast.ClassDef):
                bases = [base.id if isinstance(base, ast.Name) else "?" for base in node.bases]
                has = _attributes(node)
                known, attributes = classes.get(node.name, (list[str](), set[str]()))
                classes[node.name] = known + bases, attributes | has
                found |= has
            elif isinstance(node, _FUNCTION):
                # An inner function's name is a local one and isn't renamed.
                for inner in ast.walk(node):
                    if inner is not node and isinstance(inner, _FUNCTION):
                        forbidden.add(inner.name)
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, _FUNCTION) and [a.arg for a in node.args.args[:1]] == ["self"]:
                # A method in a module of its own. Only its attributes show which class it belongs
                # to.
                has = _attributes(node)
                for name, (bases, attributes) in classes.items():
                    if has & attributes and _line_of(name, classes):
                        classes[name] = bases, attributes | has
                        found |= has
    for name in classes:
        if _line_of(name, classes) is None:  # a base that isn't ours: keep its names
            forbidden |= classes[name][1]
        else:
            _meet(together, set[str]().union(*(classes[one][1] for one in _above(name, classes))))
    found = {name for name in found if not name.startswith("__")}
    return _worded(found - forbidden, together, pool)


# Class -> (the names of its bases, its attributes).
_Classes = dict[str, tuple[list[str], set[str]]]


def _meet(together: defaultdict[str, set[str]], names: set[str]) -> None:
    for name in names:
        together[name] |= names


def _worded(
    names: set[str], together: Mapping[str, set[str]], pool: Sequence[str]
) -> dict[str, str]:
    """Give each name a word that no name beside it has.

    If possible, the word only depends on the name: a new name in one module must not change the
    words, and so the files, of all other modules.
    """
    words: dict[str, str] = {}
    for name in sorted(names):
        beside = {words.get(other) for other in together[name] if other != name}
        first = zlib.crc32(name.encode()) % _WORDS
        order = (*pool[first:_WORDS], *pool[:first], *pool[_WORDS:])
        words[name] = next(word for word in order if word not in beside)
    return words


def _pool(free: Iterable[str], used: Collection[str]) -> list[str]:
    """Return the words: the free ones of ROM, then short ones."""
    words = list(free)
    letters = string.ascii_lowercase
    short = (f"_{a}{b}" for a in ("", *letters) for b in letters)
    return words + [word for word in short if word not in used]


def _line_of(name: str, classes: _Classes) -> set[str] | None:
    """Return a class, its bases and all classes derived from it; None if one isn't ours."""
    found: set[str] = set()
    rest = [name]
    while rest:
        one = rest.pop()
        if one in found or one in ("object", "Exception", "OSError", "ValueError"):
            continue
        if one not in classes:
            return None
        found.add(one)
        rest.extend(classes[one][0])
        rest.extend(other for other, (bases, _) in classes.items() if one in bases)
    return found


def _above(name: str, classes: _Classes) -> set[str]:
    """Return a class with all its bases, which are ours: the classes of one object.

    Two classes with the same base never meet in one object.
    """
    found: set[str] = set()
    rest = [name]
    while rest:
        one = rest.pop()
        if one in classes and one not in found:
            found.add(one)
            rest.extend(classes[one][0])
    return found


def _attributes(node: ast.AST) -> set[str]:
    """Return the attributes of a class: its methods, its own names, attributes of self."""
    found = scopes.bindings(node.body) if isinstance(node, ast.ClassDef) else set[str]()
    for part in ast.walk(node):
        if (
            isinstance(part, ast.Attribute)
            and isinstance(part.value, ast.Name)
            and part.value.id == "self"
        ):
            found.add(part.attr)
    return found


def _places(
    module: Module, words: Collection[str], ours: Collection[str]
) -> Iterator[tuple[int, int, str]]:
    """Yield (line, column, name) of everything to be renamed in a module."""
    for use in scopes.uses(module.tree, module.names):
        if use.name in words:
            yield use.line, use.column, use.name
    for text in names.borrowed(module.tree):
        if isinstance(text.value, str) and text.value in words:
            yield text.lineno, text.col_offset + 1, text.value  # after the quote
    inside = {
        node
        for function in ast.walk(module.tree)
        if isinstance(function, _FUNCTION)
        for node in ast.walk(function)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in words:
            line, behind = scopes.end_of(node)
            yield line, behind - len(node.attr.encode()), node.attr
        elif isinstance(node, ast.ImportFrom) and node.module in ours:
            at_top = node not in inside
            for alias in node.names:
                line, behind = scopes.end_of(alias)
                if alias.name in words:
                    if not at_top and not alias.asname:
                        # In a function it binds a local name, which is kept.
                        module.replace(line, behind, behind, f" as {alias.name}")
                    yield alias.lineno, alias.col_offset, alias.name
                if at_top and alias.asname and alias.asname in words:
                    yield line, behind - len(alias.asname.encode()), alias.asname
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, _FUNCTION) and part.name in words:
                    yield *scopes.place_of_name(part), part.name
                elif isinstance(part, ast.Assign):
                    for target in part.targets:
                        if isinstance(target, ast.Name) and target.id in words:
                            yield target.lineno, target.col_offset, target.id
