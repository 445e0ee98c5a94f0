"""What boots a board is the same joined and plain: an update leaves it as it is."""

from outpost import bundle

TREE = bundle.tree_root()


def test_boot_files_are_their_source():
    texts = {one.place: one.text for one in bundle.merged(TREE)}
    for name in (*bundle.BOOT, *bundle.READERS):
        assert texts[f"/{name}.py"] == (TREE / f"{name}.py").read_text(), name


def test_what_boot_py_imports_is_there_by_its_name():
    """An old boot.py boots a new bundle."""
    places = {one.place for one in bundle.merged(TREE)}
    assert {"/hal/__init__.py", "/hal/files.py", "/hal/fat.py", "/hal/identity.py"} <= places
