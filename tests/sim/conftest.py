"""What the tests of the simulator share: boards that run a few lines of their own."""

import textwrap

import pytest

IDLE = """
try:
    while True:
        __import__("time").sleep(1)
except KeyboardInterrupt:
    pass
"""


@pytest.fixture
def tree(tmp_path):
    """Write a device tree: (main, boot="", **other modules by name) -> its folder."""
    made = []

    def write(main, boot="", **modules):
        folder = tmp_path / f"tree{len(made)}"
        made.append(folder)
        folder.mkdir()
        for name, text in {"main": main, "boot": boot, **modules}.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(text))
        return folder

    return write


@pytest.fixture
def run(start_board, tree):
    """Start a board that runs these lines: (main, boot="", idle=True, **options of Board).

    idle: after main's lines wait for Ctrl-C. modules: others than main and boot, by name.
    """

    boards = []

    def start(main, boot="", idle=True, modules=None, **options):
        main = textwrap.dedent(main) + (IDLE if idle else "")
        board = start_board(tree(main, boot, **(modules or {})), ftp=False, **options)
        boards.append(board)
        return board

    yield start
    for board in boards:
        board.kill()  # Ctrl-C might come before the lines that catch it
