"""Properties of the pure parts, checked in the real interpreter: paths, globs, lines."""

import fnmatch
import json
from itertools import pairwise

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

# A batch is one run of the interpreter: starting it costs more than what it checks.
BATCH = 150
in_batches = settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # shrinking a batch would take a run for each step
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.large_base_example,
        HealthCheck.data_too_large,
        HealthCheck.too_slow,
    ],
)

NAMES = st.text(st.sampled_from("ab.*?/é☃ \\"), max_size=6)
PARTS = st.sampled_from(["..", ".", "", "/", "//", "a", "...", ".. ", "a/..", "☃", "..a", "~"])
ARGUMENTS = st.lists(PARTS, max_size=9).map("/".join)
ROOTS = st.sampled_from(["/", "/jail", "/a/b", "/a"])


def answers(micropython, expression, questions, prelude=""):
    """What the expression of q gives for each question, as the interpreter says."""
    script = (
        "import json, sys\n"
        f"{prelude}\n"
        "with open(sys.argv[1]) as file:\n"
        "    questions = json.load(file)\n"
        f"print(json.dumps([{expression} for q in questions]))\n"
    )
    answers.number += 1
    path = answers.folder / f"questions{answers.number}"
    path.write_text(json.dumps(questions))
    return json.loads(micropython(script, path, heap="2m"))


answers.number = 0


@given(st.lists(st.tuples(ROOTS, ARGUMENTS, ARGUMENTS), min_size=BATCH, max_size=BATCH))
@in_batches
def test_no_path_leaves_its_root(micropython, tmp_path, cases):
    answers.folder = tmp_path
    prelude = (
        "from services.ftp.paths import inside, resolve, seen\n"
        "def check(root, cwd, arg):\n"
        "    mine = resolve(resolve('/', cwd), arg)\n"
        "    path = inside(root, mine)\n"
        "    return mine, path, seen(root, path)"
    )
    for (root, _, _), (mine, path, seen) in zip(
        cases, answers(micropython, "check(*q)", cases, prelude), strict=True
    ):
        parts = mine.split("/")[1:]
        assert mine.startswith("/")
        assert not {".", ".."} & set(parts), mine
        assert mine == "/" or "" not in parts, mine
        assert path == root or path.startswith(root.rstrip("/") + "/"), (root, path)
        assert seen == mine


@given(st.lists(st.tuples(NAMES, NAMES), min_size=BATCH, max_size=BATCH))
@in_batches
def test_globs_match_what_fnmatch_matches(micropython, tmp_path, cases):
    answers.folder = tmp_path
    found = answers(micropython, "matches(*q)", cases, "from services.ftp.paths import matches")
    for (pattern, name), matched in zip(cases, found, strict=True):
        # fnmatch knows [sets] too: the letters above have none
        assert matched == fnmatch.fnmatchcase(name, pattern), (pattern, name)


def test_a_glob_of_stars_takes_no_exponential_time(micropython):
    script = "from services.ftp.paths import matches\nprint(matches('*a' * 80 + 'b', 'a' * 250))"
    assert micropython(script, timeout=10) == "False\n"


LINES = """
import asyncio, sys
from services.ftp.lines import Lines


class Packets:
    '''A socket that gives one packet a read, however small.'''

    def __init__(self, packets):
        self.packets = packets

    def readinto(self, buffer):
        if not self.packets:
            return 0
        packet = self.packets.pop(0)
        now, later = packet[: len(buffer)], packet[len(buffer) :]
        if later:
            self.packets.insert(0, later)
        buffer[: len(now)] = now
        return len(now)


async def read(packets):
    lines = Lines(Packets([bytes(packet) for packet in packets if packet]), bytearray(64))
    found = []
    while True:
        try:
            line = await lines.next()
        except ValueError:
            found.append(-1)
            continue
        if line is None:
            return found
        found.append(list(line))


def check(packets):
    return asyncio.run(read(packets))
"""

LINE = st.one_of(
    st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"").replace(b"\xff", b"")),
    st.integers(500, 530).map(lambda size: b"x" * size),
).map(lambda line: line.lstrip(b"\xf2").rstrip(b"\r"))


@given(st.data())
@in_batches
def test_lines_come_out_as_they_were_however_the_packets_are_cut(micropython, tmp_path, data):
    answers.folder = tmp_path
    batches, questions = [], []
    for _ in range(20):
        lines = data.draw(st.lists(LINE, max_size=5))
        stream = b"".join(line + b"\r\n" for line in lines)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        edges = [0, *cuts, len(stream)]
        packets = [list(stream[a:b]) for a, b in pairwise(edges)]
        batches.append(lines)
        questions.append(packets)

    for lines, found in zip(
        batches, answers(micropython, "check(q)", questions, LINES), strict=True
    ):
        # With its CR a line has 512 bytes at most.
        assert found == [list(line) if len(line) < 512 else -1 for line in lines]
