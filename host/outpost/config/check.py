"""Checks a config.json on this computer, with the board's own rules."""

import ast
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from outpost import bundle
from outpost.config.places import Place, place_of, place_of_mistake
from outpost.sim.interpreters import interpreter

_S = 60  # the rules take a second
_FOUND = "FOUND "
# Users' folders are not checked here: only the board knows them, and checks them at the upload.
_SCRIPT = """
import json, sys

import jsontext, sections
from services.ftp.access import setup


class AnyFolder:
    stat = staticmethod(lambda path: (0x4000,))


setup.os = AnyFolder
problems = []
with open(sys.argv[1], "rb") as file:
    content = file.read()
try:
    settings = jsontext.parse(content.decode())
    why = sections.no_way_in(settings, json.load(open(sys.argv[2])), problems)
    if why:
        problems.append("ftp.users: no admin could log in with it")
except UnicodeError:
    problems.append("not UTF-8 text")
except ValueError as error:
    problems.append(str(error))
print("FOUND " + json.dumps(problems))
"""


class CheckError(Exception):
    """The rules could not be run; the text says why."""


@dataclass(frozen=True)
class Problem:
    """A problem, and its Place in the file, or None."""

    text: str
    place: Place | None

    def shown(self, path: Path) -> str:
        """Return it as compilers do: FILE:LINE:COLUMN: text."""
        where = f":{self.place.line}:{self.place.column}" if self.place else ""
        return f"{path}{where}: {self.text}"


def check(content: bytes, tree: Path | None = None) -> list[Problem]:
    """Return the Problems of a config.json's bytes. Raises CheckError."""
    tree = tree or bundle.tree_root()
    lines = _asked(content, tree)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return [Problem(line, _place_of_byte(content, error.start)) for line in lines]
    try:
        json.loads(text)
    except ValueError:
        return [Problem(line, place_of_mistake(text, line)) for line in lines]
    return [Problem(line, place_of(text, line.partition(": ")[0])) for line in lines]


def _place_of_byte(content: bytes, at: int) -> Place:
    before = content[:at].decode()
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _asked(content: bytes, tree: Path) -> list[str]:
    """Run the device code in MicroPython; return its lines about a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config.json")
        file.write_bytes(content)
        script = Path(folder, "check.py")
        script.write_text(_SCRIPT)
        rows = Path(folder, "rows.json")  # MicroPython's arguments have 255 characters at most
        rows.write_text(json.dumps(_rows(tree)))
        search = [tree, bundle.library_folder(tree), ".frozen"]
        try:
            done = subprocess.run(
                [*interpreter().plain, script, file, rows],
                env=os.environ | {"MICROPYPATH": ":".join(map(str, search))},
                cwd=folder, capture_output=True, text=True, timeout=_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise CheckError(f"MicroPython can't be run here: {error}") from None
    _, found, told = done.stdout.partition(_FOUND)
    if not found:
        raise CheckError(
            f"the rules in {tree} can't be run: {(done.stderr or done.stdout)[-500:]}"
        )
    return json.loads(told)


def _rows(tree: Path) -> object:
    """Return the table of services in main.py."""
    try:
        module = ast.parse((tree / "main.py").read_text(encoding="utf-8"))
    except (OSError, SyntaxError) as error:
        raise CheckError(f"no device code in {tree}: {error}") from None
    for node in module.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SERVICES":
            return ast.literal_eval(node.value)
    raise CheckError(f"{tree / 'main.py'} names no SERVICES")
