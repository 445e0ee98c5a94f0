"""A release in build/release: the bundle for mip, its map, what firmware freezes, checksums.

`make package`, or `python -m outpost.package`. All of it lies in one folder without others in it,
as the files of a release on a forge do. What firmware freezes lies in build/firmware, too, where
the repository's manifest.py looks for it. The same tree makes the same bytes.
"""

import hashlib
import io
import json
import shutil
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from outpost import bundle
from outpost.bundle import maps
from outpost.dependencies import PACKAGES, VERSIONS

FOLDER = "build/release"
FIRMWARE = "build/firmware"
SUMS = "SHA256SUMS"
_NO_LIBRARY = Path("/nonexistent")
_DATE = (1980, 1, 1, 0, 0, 0)  # of each file in the archive: a date would make other bytes


def release(tree: Path) -> dict[str, bytes]:
    """What a release of a tree has: name -> bytes. Raises bundle.BundleError."""
    version = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["version"]
    ways = [maps.of_tree(tree), maps.of_tree(tree, frozen=True)]
    # mip brings the packages itself: what is beside this tree may be the stand-ins of the tests.
    files = bundle.device_files(tree, library=_NO_LIBRARY)
    found = {_flat(file.path): file.content for file in files}
    found["package.json"] = _listed(version, files).encode()
    for way in ways:
        found[f"outpost-{version}-{way.bundle}.map.json"] = maps.text(way).encode()
    found[f"outpost-{version}-firmware.zip"] = _zipped(for_firmware(tree))
    sums = [f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in sorted(found)]
    found[SUMS] = "".join(sums).encode()
    return found


def _listed(version: str, files: Iterable[bundle.DeviceFile]) -> str:
    """package.json: what mip puts where, and what it takes from its index."""
    listed = {
        "version": version,
        "urls": [[file.path.lstrip("/"), _flat(file.path)] for file in files],
        "deps": [[name, VERSIONS[name]] for name in PACKAGES],
    }
    return json.dumps(listed, indent=1) + "\n"


def _flat(path: str) -> str:
    """The name of a board's file in a release: folders become a part of it."""
    return path.lstrip("/").replace("/", ".")


def for_firmware(tree: Path) -> dict[str, str]:
    """What is frozen into firmware: path -> text. The bundle's modules as source, a manifest.py.

    MicroPython's build compiles them itself. All line numbers and texts stay: they cost no heap
    there.
    """
    found = {one.place.lstrip("/"): one.text for one in bundle.merged(tree, frozen=True)}
    starts = [f'    module("{name}")' for name in bundle.SOURCE_ONLY]
    folders = sorted({path.partition("/")[0] for path in found if "/" in path})
    alone = sorted(path for path in found if "/" not in path and path not in bundle.SOURCE_ONLY)
    found["manifest.py"] = "\n".join(
        (
            '"""Freezes Outpost\'s bundle into firmware; made by `make package`."""',
            "",
            "options.defaults(start=True)",
            "",
            "if options.start:",
            *starts,
            *(f'module("{path}")' for path in alone),
            *(f'package("{name}")' for name in folders),
            "",
            # No level: from 1 on `assert` goes, with which umqtt.simple checks what is answered.
            *(f'require("{name}")' for name in PACKAGES),
            "",
        )
    )
    return found


def _zipped(texts: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(texts.items()):
            archive.writestr(zipfile.ZipInfo(f"outpost/{name}", _DATE), text, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _put(folder: Path, files: Mapping[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def main() -> None:
    """Write the release of the repository, and say what it is."""
    tree = bundle.tree_root()
    found = release(tree)
    _put(tree / FOLDER, found)
    _put(tree / FIRMWARE, {name: text.encode() for name, text in for_firmware(tree).items()})
    listed = json.loads(found["package.json"])
    size = sum(len(found[asset]) for _, asset in listed["urls"])
    print(
        f"Outpost {listed['version']}, bundle {maps.of_tree(tree).bundle}: "
        f"{len(listed['urls'])} files for a board, {size // 1024} KiB, in {FOLDER}\n"
        f"To try it: mpremote mip install --target / {FOLDER}/package.json"
    )


if __name__ == "__main__":
    main()
