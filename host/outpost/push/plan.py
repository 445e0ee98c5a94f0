"""The plan of a push for one board: compares a version with the board's files and with /next."""

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
_RECORD = "/boot.json"  # every boot writes it
_OURS = tuple(f"/{folder}" for folder in bundle.FOLDERS)
_UNFINISHED = ".upload-"  # prefix of an unfinished upload on the board
# Packages that Outpost may have in an application's own folder in /lib.
_PACKAGES = {os.path.splitext(path)[0] for path in earlier.PACKAGE_PATHS}
# Larger files are sent in pieces, each twice as long as all before it. After an interruption the
# board keeps the complete pieces, and joining them copies less than the file's size.
_PIECE = 64 * 1024


@dataclass
class Plan:
    """What differs on a board.

    place: DeviceFiles to send. same: how many are already there. remove: paths of files to delete.
    notes: messages for the user. folders: how many the board must create.
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
        """Return the text of manifest.json, which describes the update to the board.

        It only lists changed files: the others were just compared, and the board would hash them
        twice more. trial_s: seconds of health until it is confirmed; None for the board's default.
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
    """The work under /next.

    send: (DeviceFile, first byte to send). stale: paths of files that don't belong there. folders:
    to create, in that order.
    """

    send: list[tuple[DeviceFile, int]]
    stale: list[str]
    folders: list[str]

    @property
    def bytes(self) -> int:
        """How many bytes have to be sent."""
        return sum(len(file.content) - start for file, start in self.send)


def compare(session: Session, content: Content, *, prune: bool = False) -> Plan:
    """Return the Plan for a board. prune: remove other files in an application's own folders."""
    found = _look(session, content, prune)
    files = list(content.files)
    if content.bridge and bridge.needed(
        [*files, *content.boot], lambda file: _is_there(session, found, file)
    ):
        files.append(content.bridge)
    place = [file for file in files if not _is_there(session, found, file)]
    remove = _to_remove(session, found, content, files, prune)
    if not place and remove == [bridge.PATH]:
        remove = []  # not worth a restart of the board
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
    """Return the Staging of a Plan: what is under /next, even in part, is not sent again."""
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
    """Yield (first byte, end) of the pieces in which a file is sent, from byte start on."""
    while True:
        end = min(length, max(_PIECE, 2 * start))
        if length - end < end // 2:  # for so few bytes the board would copy all that it has
            end = length
        yield start, end
        if end == length:
            return
        start = end


def _look(session: Session, content: Content, prune: bool) -> dict[str, Entry]:
    """Return path -> Entry of all relevant files on the board."""
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
    """Whether a file is in place and unchanged. Raises PushError if that is impossible."""
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
    """Return sorted paths of files to delete. files: what the board shall have."""
    wanted = {file.path for file in [*files, *content.boot]}
    # A module's other form, which would run instead of it, or is useless.
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
    """Whether a file in an application's own folder isn't the application's."""
    return os.path.splitext(path)[0] in _PACKAGES or posixpath.basename(path).startswith(
        _UNFINISHED
    )


def _staged(session: Session, entry: Entry | None, file: DeviceFile) -> int | None:
    """Return from which byte on a file must be sent; None if it is complete under /next."""
    if entry is None or entry.size is None or entry.size > len(file.content):
        return 0
    there = session.sha256(NEXT + file.path, entry.size)
    if there != hashlib.sha256(file.content[: entry.size]).hexdigest():
        return 0
    return None if entry.size == len(file.content) else entry.size


def _folders_of(files: Iterable[DeviceFile]) -> set[str]:
    """Return all folders of the files, and those above, except the root."""
    return {folder for file in files for folder in _folders_above(file.path)} - {"/"}


def _folders_above(path: str) -> Iterator[str]:
    """Yield the folders of a path, from the innermost to the root."""
    while path != "/":
        path = posixpath.dirname(path)
        yield path


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
