"""What a push has to do on one board: a version beside what lies there and under /next."""

import hashlib
import json
import os
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from outpost import bundle
from outpost.bundle import DeviceFile, earlier
from outpost.push import bridge
from outpost.push.content import BOOT, Content, is_excluded
from outpost.push.session import Entry, PushError, Session

NEXT = "/next"
MANIFEST = f"{NEXT}/manifest.json"
_RECORD = "/boot.json"  # every boot leaves one
_OURS = tuple(f"/{folder}" for folder in bundle.FOLDERS)
_UNFINISHED = ".upload-"  # what the board calls an upload that isn't whole yet
# What an application's own folder in /lib may share with Outpost.
_PACKAGES = {os.path.splitext(path)[0] for path in earlier.PACKAGE_PATHS}
# From this size on a file goes in pieces, each twice as long as all before it: the board keeps
# what it has of whole pieces, and copies less than the file has bytes to put them together.
_PIECE = 64 * 1024


@dataclass
class Plan:
    """What differs on a board.

    place: DeviceFiles to be brought. same: how many are there already. remove: paths of files to
    go. notes: for the person. folders: how many the board will have to make.
    """

    place: list[DeviceFile]
    same: int
    remove: list[str]
    notes: list[str]
    folders: int = 0

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.place or self.remove)

    def manifest(self, content: Content, trial_s: int | None = None) -> bytes:
        """The text of manifest.json, which tells the board what the update is.

        It names only what changes: the rest was compared just now, and the board would hash it
        twice more. trial_s: seconds of health until it is confirmed; None for the board's own.
        """
        files = {file.path: file.sha256 for file in self.place}
        said: dict[str, object] = {
            "version": content.version,
            "files": files,
            "remove": self.remove,
        }
        if content.outpost:
            said["outpost"] = True
        if any(path in BOOT for path in [*files, *self.remove]):
            said["boot"] = True
        if trial_s:
            said["trial_s"] = trial_s
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Staging:
    """What has to happen under /next.

    send: (DeviceFile, byte to go on from). stale: paths of files that don't belong there.
    folders: to be made, in that order.
    """

    send: list[tuple[DeviceFile, int]]
    stale: list[str]
    folders: list[str]

    @property
    def bytes(self) -> int:
        """How many have to go over the network."""
        return sum(len(file.content) - start for file, start in self.send)


def compare(session: Session, content: Content, *, prune: bool = False) -> Plan:
    """The Plan for a board. prune: remove what else lies in an application's own folders."""
    found = _look(session, content, prune)
    files = list(content.files)
    if content.bridge and bridge.needed(
        [*files, *content.boot], lambda file: _is_there(session, found, file)
    ):
        files.append(content.bridge)
    place = [file for file in files if not _is_there(session, found, file)]
    remove = _to_remove(session, found, content, files, prune)
    if not place and remove == [bridge.PATH]:
        remove = []  # no reason to restart a board
    return Plan(
        place=place,
        same=len(files) - len(place),
        remove=remove,
        notes=[
            f"{file.path} differs and stays: --include-boot brings it"
            for file in content.boot
            if not _is_there(session, found, file)
        ],
        folders=len(_folders_of([*files, *content.boot]) - set(found)),
    )


def staging(session: Session, plan: Plan) -> Staging:
    """The Staging of a Plan: what lies under /next already, be it in part, is not sent again."""
    found = session.tree(NEXT)
    starts = [_staged(session, found.get(NEXT + file.path), file) for file in plan.place]
    wanted = {NEXT + file.path for file in plan.place}
    needed = {NEXT} | {folder for path in wanted for folder in _folders_above(path)}
    there = {path for path, entry in found.items() if entry.is_folder} | {"/"}
    if found:
        there.add(NEXT)
    return Staging(
        send=[
            (file, start)
            for file, start in zip(plan.place, starts, strict=True)
            if start is not None
        ],
        stale=sorted(path for path in found if path not in wanted and path not in there),
        folders=sorted(needed - there),
    )


def pieces(start: int, length: int) -> Iterator[tuple[int, int]]:
    """Yield (first byte, end) of the pieces in which a file goes, from byte start on."""
    while True:
        end = min(length, max(_PIECE, 2 * start))
        if length - end < end // 2:  # for so little the board would copy all that it has
            end = length
        yield start, end
        if end == length:
            return
        start = end


def _look(session: Session, content: Content, prune: bool) -> dict[str, Entry]:
    """Path -> Entry of all that matters on the board."""
    found = session.entries("/")
    if _RECORD not in found:
        raise PushError(
            f"there is no {_RECORD} in the folder that this user sees as /, so it is not the "
            "board's: the user's root in config.json must be /"
        )
    whole = _OURS if content.outpost else content.folders if prune else ()
    for folder in whole:
        found |= session.tree(folder)
    folders = _folders_of([*content.files, *content.boot])
    if content.outpost:
        folders |= {bundle.LIBRARY, *earlier.SHARED}
    for folder in sorted(folders):
        if folder in found and found[folder].is_folder and not _is_below(folder, whole):
            found |= session.entries(folder)
    return found


def _is_there(session: Session, found: Mapping[str, Entry], file: DeviceFile) -> bool:
    """Whether a file lies in its place as it should; PushError where it never can."""
    entry = found.get(file.path)
    if entry is None:
        return False
    if entry.size is None:
        raise PushError(f"{file.path} is a folder on the board: remove it, or rename the file")
    return entry.size == len(file.content) and session.sha256(file.path, entry.size) == file.sha256


def _to_remove(
    session: Session,
    found: Mapping[str, Entry],
    content: Content,
    files: Collection[DeviceFile],
    prune: bool,
) -> list[str]:
    """Sorted paths of what must not be there any more. files: what is to be on the board."""
    wanted = {file.path for file in [*files, *content.boot]}
    # A module's other form, which would run in its place, or lie there for nothing.
    remove = {twin for file in files if (twin := file.twin) is not None and twin in found}
    there = [
        path
        for path, entry in found.items()
        if not (entry.is_folder or path in wanted or is_excluded(path, content.exclude))
    ]
    if content.outpost:

        def hashed(path: str) -> str | None:
            size = found[path].size
            return None if size is None else session.sha256(path, size)

        remove.update(earlier.left(there, files, content.packages, hashed))
    elif prune:
        remove.update(
            path for path in there if _is_below(path, content.folders) and not _is_others(path)
        )
    return sorted(path for path in remove if not found[path].is_folder)


def _is_others(path: str) -> bool:
    """Whether a file in an application's own folder is not the application's."""
    return os.path.splitext(path)[0] in _PACKAGES or posixpath.basename(path).startswith(
        _UNFINISHED
    )


def _staged(session: Session, entry: Entry | None, file: DeviceFile) -> int | None:
    """From which byte on a file has to be sent; None where it lies under /next whole."""
    if entry is None or entry.size is None or entry.size > len(file.content):
        return 0
    there = session.sha256(NEXT + file.path, entry.size)
    if there != hashlib.sha256(file.content[: entry.size]).hexdigest():
        return 0
    return None if entry.size == len(file.content) else entry.size


def _folders_of(files: Iterable[DeviceFile]) -> set[str]:
    """Every folder in which one of the files is to lie, and those above, but the root."""
    return {folder for file in files for folder in _folders_above(file.path)} - {"/"}


def _folders_above(path: str) -> Iterator[str]:
    """The folders of a path, from the innermost to the root."""
    while path != "/":
        path = posixpath.dirname(path)
        yield path


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
