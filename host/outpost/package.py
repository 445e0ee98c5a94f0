"""Makes a release in build/release: the bundle for mip, its map, firmware modules, checksums.

`make package`, or `python -m outpost.package`. All files are in one folder without subfolders, as
the files of a release on a forge are. The modules for firmware are in build/firmware too, where
the repository's manifest.py expects them. The same tree always gives the same bytes.
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
_DATE = (1980, 1, 1, 0, 0, 0)  # of each file in the archive, for reproducible bytes


def release(tree: Path) -> dict[str, bytes]:
    """Return the files of a tree's release: name -> bytes. Raises bundle.BundleError."""
    version = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["version"]
    ways = [maps.of_tree(tree), maps.of_tree(tree, frozen=True)]
    # Without packages, which mip installs itself: those of this tree may be the tests' stand-ins.
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
    """Return package.json: the files that mip copies, and the packages that it installs."""
    listed = {
        "version": version,
        "urls": [[file.path.lstrip("/"), _flat(file.path)] for file in files],
        "deps": [[name, VERSIONS[name]] for name in PACKAGES],
    }
    return json.dumps(listed, indent=1) + "\n"


def _flat(path: str) -> str:
    """Return the name of a board's file in a release; folders become part of the name."""
    return path.lstrip("/").replace("/", ".")


def for_firmware(tree: Path) -> dict[str, str]:
    """Return what is frozen into firmware: path -> text. The modules as source, and a manifest.py.

    MicroPython's build compiles them itself. All line numbers and texts are kept: in firmware they
    take no heap.
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
            # No optimization level: from 1 on `assert` is removed, with which umqtt.simple checks
            # replies.
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
    """Write the release of the repository, and print a summary."""
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
