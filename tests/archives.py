"""The archive of a board with other modules, or without some: what tests break a board by."""

from outpost import bundle

TREE = bundle.tree_root()


def archive_with(changes=(), remove=()):
    """The content of /outpost.bin. changes: path without its end -> text; remove: paths."""
    modules = {file.path: file.content for file in bundle.modules(TREE)}
    for path in remove:
        del modules[path]
    for path, text in dict(changes).items():
        place = f"{path}.mpy"
        assert place in modules
        modules[place] = bundle.compiled(text.encode(), path, TREE / "build" / "mpy")
    files = [bundle.DeviceFile(path, content) for path, content in modules.items()]
    packed = bundle.packed(files, bundle.bundle_id(bundle.merged(TREE)))
    return next(file.content for file in packed if file.path == bundle.ARCHIVE)
