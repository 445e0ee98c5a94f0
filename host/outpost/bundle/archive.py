"""The archive /outpost.bin: most modules of a board in one file; archive.py reads it there.

Single files would take whole blocks of flash, with half of each last block empty. The archive has
these parts, in this order; all numbers are little-endian:

    head    24 bytes: magic; length of the archive, 4; CRC-32 of index and names, 4; version of
            the .mpy files, 1; length of the names, 1; the bundle's id, 4; zeros; number of the
            index's pieces, 1
    index   8 bytes for each file, sorted: CRC-32 of its path, 4; twice the offset of the file,
            plus 1 if it is deflated, 4; padded with zeros to pieces of 128 bytes
    names   text: folders and the files that imports find without reading the index
    files   one after the other; an .mpy contains its length; the only other file comes last

The board finds a file only by its path's CRC-32, and uses the first four equal bytes in the index.
So packed() checks that no other four bytes are equal.
"""

import posixpath
import struct
import zlib
from collections.abc import Iterable, Mapping

from outpost.bundle.symbols import PREFIX

PATH = "/outpost.bin"
MAGIC = b"OPA1"
_HEAD = struct.Struct("<4sIIBB4s5xB")
_RECORD = struct.Struct("<II")
_PIECE = 128
_NAMES = 255  # bytes at most
_OURS = (f"/{PREFIX}", "/hal/")  # modules that archive.py finds only by the index
_WINDOW = 10  # bits: reading such a module takes 1 KiB of heap
LIBRARY = "/lib"
# Deflated: modules that are loaded only at boot, when the heap has enough room, ...
_AT_BOOT = (
    *("/assemble", "/config", "/daemon", "/joining", "/jsontext", "/proven", "/sections"),
    *("/hal/__init__", "/hal/link", "/hal/unix", "/lib/logging"),
    *("/services_ftp_server", "/services_ftp_options", "/services_ftp_access_setup"),
    *("/services_ftp_start", "/services_ftp_tls", "/services_log_logger", "/services_log_crash"),
    *("/services_log_options", "/services_log_start", "/services_log_syslog"),
    *("/services_network_options", "/services_network_service", "/services_time_service"),
    *("/services_telemetry_service", "/services_telemetry_start", "/services_telemetry_options"),
    *("/services_app_service", "/services_app_values", "/services_app_memory"),
    *("/services_app_hung", "/services_update_trial", "/trial"),
    *("/services_app_interface", "/services_update_start", "/services_update_service"),
    *("/hal/identity", "/hal/board", "/hal/opening", "/hal/fat"),
)
# ... or late and long ones, which may fail for lack of memory without much harm. All other late
# modules are stored, because they must be loaded into what is left of a heap.
_LATE = (
    *("/lifecommands", "/services_ftp_commands_manual", "/services_ftp_commands_operator"),
    *("/services_ftp_commands_walk", "/services_telemetry_discovery"),
    *("/services_telemetry_opening", "/services_telemetry_refusal", "/services_time_setting"),
    *("/services_telemetry_greeting", "/services_telemetry_session", "/hal/reasons"),
    *("/services_app_tasks", "/services_network_fallback", "/services_network_first"),
    "/hal/access_point",
)
_DEFLATED = (*_AT_BOOT, *_LATE)


class ArchiveError(Exception):
    """Files can't be put into an archive; the text says which and why."""


def packed(files: Mapping[str, bytes], bundle_id: str | None) -> bytes:
    """Return the archive with files, path -> bytes; bundle_id: eight hex digits, or None.

    Raises ArchiveError.
    """
    paths = sorted(files, key=lambda path: (not path.endswith(".mpy"), path))
    others = [path for path in paths if not path.endswith(".mpy")]
    if len(others) > 1:
        raise ArchiveError(f"{' and '.join(others)}: only the last one in an archive has an end")
    versions = {files[path][1] for path in paths if path not in others}
    if len(versions) != 1:
        raise ArchiveError(f"modules of .mpy versions {sorted(versions)} in one archive")
    names = _names(paths).encode()
    if len(names) > _NAMES:
        raise ArchiveError(f"{len(names)} bytes of names: too many modules outside of folders")
    pieces = -(-_RECORD.size * len(paths) // _PIECE)
    begin = _HEAD.size + pieces * _PIECE + len(names)
    records: dict[str, bytes] = {}
    body = bytearray()
    for path in paths:
        deflated = path.removesuffix(".mpy") in _DEFLATED
        records[path] = _RECORD.pack(zlib.crc32(path.encode()), 2 * (begin + len(body)) + deflated)
        body += _deflated(files[path]) if deflated else files[path]
    index = b"".join(sorted(records.values())).ljust(pieces * _PIECE, b"\0")
    for path, record in records.items():
        if index[_found(index, record[:4]) :][: len(record)] != record:
            raise ArchiveError(f"{path}: something else has its CRC-32; rename the module")
    head = _HEAD.pack(
        MAGIC,
        begin + len(body),
        zlib.crc32(index + names),
        versions.pop(),
        len(names),
        bytes.fromhex(bundle_id or "00000000"),
        pieces,
    )
    return head + index + names + bytes(body)


def mpy_version(content: bytes) -> int | None:
    """The version of the .mpy files in an archive; None where it is no archive."""
    if len(content) < _HEAD.size or not content.startswith(MAGIC):
        return None
    return _HEAD.unpack_from(content)[3]


def unpacked(content: bytes) -> dict[int, bytes]:
    """path's CRC-32 -> bytes from where the file begins (an .mpy has its end in itself)."""
    end = _HEAD.size + _PIECE * _HEAD.unpack_from(content)[-1]
    found: dict[int, bytes] = {}
    for at in range(_HEAD.size, end, _RECORD.size):
        key, place = _RECORD.unpack_from(content, at)
        if not place:
            break
        rest = content[place >> 1 :]
        found[key] = zlib.decompressobj(-_WINDOW).decompress(rest) if place & 1 else rest
    return found


def _found(index: bytes, key: bytes) -> int:
    """Where the board finds a key: it looks through the index piece by piece."""
    pieces = range(0, len(index), _PIECE)
    return next(at for piece in pieces if (at := index.find(key, piece, piece + _PIECE)) >= 0)


def _names(paths: Iterable[str]) -> str:
    """The text of names: each between blanks, a folder's with a slash at its end."""
    folders = {"/"}
    for path in paths:
        folder = posixpath.dirname(path)
        while folder != "/":
            folders.add(folder)
            folder = posixpath.dirname(folder)
    searched = [path for path in paths if not (path.endswith(".mpy") and path.startswith(_OURS))]
    return " ".join(("", *(f"{folder}/" for folder in sorted(folders)), *searched, ""))


def _deflated(content: bytes) -> bytes:
    """The shortest that zlib makes of it: how much memory it has decides where blocks end."""
    packers = (zlib.compressobj(9, zlib.DEFLATED, -_WINDOW, memory) for memory in range(3, 10))
    return min((packer.compress(content) + packer.flush() for packer in packers), key=len)
