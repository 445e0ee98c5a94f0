"""Write package.json, from which mip installs Outpost; `python -m outpost.package`."""

import json
import tomllib

from outpost import bundle
from outpost.dependencies import PACKAGES


def package(tree):
    """The text of package.json for the device code of a tree."""
    project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    files = [file.path.lstrip("/") for file in bundle.device_files(tree, source=True)]
    listed = {
        "version": project["version"],
        # Path on the board, path beside package.json: the same, for the tree stands as on a board.
        "urls": [[path, path] for path in files if f"/{path}" not in _library()],
        "deps": [[name, "latest"] for name in PACKAGES],
    }
    # A pair a line: a new file is one line of a diff.
    lines = [f"  {json.dumps(key)}: {_value(value)}" for key, value in listed.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _library():
    return {f"{bundle.LIBRARY}/{file}" for file, _ in PACKAGES.values()}


def _value(value):
    if isinstance(value, str):
        return json.dumps(value)
    return "[\n" + ",\n".join(f"    {json.dumps(pair)}" for pair in value) + "\n  ]"


def main():
    """Write package.json of the repository."""
    tree = bundle.tree_root()
    (tree / "package.json").write_text(package(tree))


if __name__ == "__main__":
    main()
