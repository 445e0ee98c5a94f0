"""Check that device code asks ESP32 and RP2 only for what their MicroPython has, by its stubs.

    python tools/ports.py [TREE]    TREE: a checkout, this one where none is given

What a port lacks, or the stubs get wrong, and is meant all the same stands in ports.toml, with its
reason. An entry there that nothing needs any more is a failure, too.
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# A folder each: the files of two ports have the same names, and would hide modules of the host.
STUBS = ROOT / "build/stubs"
LIBRARY = ROOT / "tests/standins"  # same names as micropython-lib's, and always there
PORTS = ("esp32", "rp2")
FOLDERS = ("services", "hal")
# What no board of these ports runs: the list of frozen modules, and hal of the unix port.
LEFT_OUT = ("manifest.py", "hal/unix.py")
# What a port lacks shows in these: a module, a name, an attribute, a parameter. The others judge
# how code handles None and bytes, of which the code says nothing without annotations.
RULES = (
    "reportAttributeAccessIssue",
    "reportCallIssue",
    "reportIndexIssue",
    "reportMissingImports",
    "reportUndefinedVariable",
)
_OWNER = re.compile(r'for class "(?:type\[)?(\w+)[*\]]*"')


def own_classes(tree):
    """The names of the classes of device code, some of whose attributes other modules set."""
    paths = list(tree.glob("*.py"))
    for folder in FOLDERS:
        paths += tree.glob(f"{folder}/**/*.py")
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text())))
    return {node.name for node in nodes if isinstance(node, ast.ClassDef)}


def findings(tree, port):
    """The set of (file, line, message) that the checker has to say of device code on a port."""
    base = tree / "build"
    base.mkdir(exist_ok=True)
    config = base / f"ports-{port}.json"
    settings = {
        "include": ["../*.py", *(f"../{folder}" for folder in FOLDERS)],
        "exclude": [f"../{name}" for name in LEFT_OUT],
        "typeshedPath": str(STUBS / port),
        "stubPath": str(STUBS / port),
        "executionEnvironments": [{"root": "..", "extraPaths": [str(LIBRARY)]}],
        "pythonVersion": "3.11",
        "typeCheckingMode": "off",
        **dict.fromkeys(RULES, True),
    }
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "-p", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"basedpyright failed: {done.stdout}{done.stderr}")
    if not answer["summary"]["filesAnalyzed"]:
        sys.exit(f"basedpyright has found no device code in {tree}")
    ours = own_classes(tree) | {"None"}
    found = set()
    for item in answer["generalDiagnostics"]:
        message = item["message"].splitlines()[0]
        owner = _OWNER.search(message)
        if item["severity"] == "error" and not (owner and owner[1] in ours):
            file = Path(item["file"]).resolve().relative_to(tree).as_posix()
            found.add((file, item["range"]["start"]["line"] + 1, message))
    return found


def judge(found, exceptions):
    """Lines that say what is wrong: findings ({port: set}) without entry, entries without finding.

    An entry is a dict of ports, files, says and reason.
    """
    expected = {
        (port, file, entry["says"])
        for entry in exceptions
        for port in entry["ports"]
        for file in entry["files"]
    }
    asked = {(port, file, says) for port, items in found.items() for file, _, says in items}
    wrong = [
        f"{file}:{line}: {port}: {says}"
        for port, items in found.items()
        for file, line, says in sorted(items)
        if (port, file, says) not in expected
    ]
    for port, file, says in sorted(expected - asked):
        wrong.append(f"tools/ports.toml: no longer needed for {port} in {file}: {says}")
    return wrong


def main():
    tree = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    exceptions = tomllib.loads((tree / "tools/ports.toml").read_text())["exception"]
    missing = [port for port in PORTS if not (STUBS / port).is_dir()]
    if missing:
        sys.exit(f"No stubs of {' and '.join(missing)} in {STUBS}: make lint fetches them.")
    with ThreadPoolExecutor() as pool:
        found = dict(zip(PORTS, pool.map(lambda port: findings(tree, port), PORTS), strict=True))
    wrong = judge(found, exceptions)
    for line in wrong:
        print(line)
    if wrong:
        sys.exit("Where that is meant, it goes into tools/ports.toml, with the reason.")
    print(f"Device code asks {' and '.join(PORTS)} only for what they have.")


if __name__ == "__main__":
    main()
