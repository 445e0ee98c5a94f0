"""What the tests of MFMT share: a file with a time of the client's, and all that shows it."""

import re
import time

import pytest

TIMES = "/.times"
MOST = 200  # files whose times are kept
RECORD = 20  # bytes of each
WHEN = "20020717210715"


def shown(control, path):
    """The times that MDTM, MLST and MLSD show, which must be one; LIST's day must be theirs."""
    folder, _, name = path.rpartition("/")
    mdtm = control.ask(f"MDTM {path}").text.removeprefix("213 ")
    mlst = re.search(r"modify=(\d+);", control.ask(f"MLST {path}").text)[1]
    lines = control.fetch(f"MLSD {folder or '/'}").decode().split("\r\n")
    mlsd = [re.search(r"modify=(\d+);", line)[1] for line in lines if line.endswith(f" {name}")]
    assert [mdtm] == [mlst] == mlsd
    parsed = time.strptime(mdtm, "%Y%m%d%H%M%S")
    day = time.strftime("%b ", parsed) + f"{parsed.tm_mday:2} "
    rows = control.fetch(f"LIST {folder or '/'}").decode().split("\r\n")
    assert [day in row for row in rows if row.endswith(f" {name}")] == [True], rows
    assert day in control.fetch(f"LIST {path}").decode()
    assert day in control.ask(f"STAT {path}").text
    return mdtm


def keep(control, path, when=WHEN):
    reply = control.ask(f"MFMT {when} {path}")
    assert reply.lines == [f"213 Modify={when}; {path}"]


@pytest.fixture
def path(control, folder):
    """A file that has the time WHEN."""
    control.ask("TYPE I")
    control.put(f"{folder}/file", b"content")
    keep(control, f"{folder}/file")
    return f"{folder}/file"


@pytest.fixture(scope="session")
def board(power_up):
    """The board that these files share; each test works in a folder of its own."""
    return power_up(lasting=True)
