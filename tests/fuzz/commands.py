"""Commands of an FTP client, good and hostile, and what it does with their data connections."""

from typing import NamedTuple

from fuzz.model import LISTINGS, without_telnet
from hypothesis import strategies as st

LONGEST = 512

NAMES = st.sampled_from(
    ["a", "a", "b", "dir", "dir", "é☃", "a b", "-x", " lead", '"q"', "upload", "[a]", "x" * 60]
)
ODD_NAMES = st.one_of(
    st.sampled_from(["..", "..", ".", "", " ", "*", "?", "~", "\\", "...", "[", "a]", "%s%d"]),
    st.sampled_from(["a\tb", "\x7f", "\x1b[2J", "😀", "x" * 255, "x" * 256]),
    st.sampled_from([".upload-1", "config.json", "outside", "jailed"]),
)
PATHS = st.lists(st.one_of(NAMES, NAMES, NAMES, ODD_NAMES), min_size=1, max_size=3).map("/".join)
PATHS = st.one_of(NAMES, NAMES, PATHS, PATHS.map("/{}".format))
HOSTILE = st.one_of(
    st.sampled_from(
        [b"", b" ", b"\0", b"a\0b", b"a\rb", b"\xc3", b"\xed\xa0\x80", b"%n%s", b"-9"]
    ),
    st.sampled_from([b"\xff\xf4\xff\xf2", b"\xff", b"../" * 120 + b"outside/file", b"1" * 100]),
    st.sampled_from([b"/" * 400, b"x" * 600, b"*" * 99]),
)
TEXT = st.text(max_size=8).filter(lambda text: "\n" not in text)
WORDS = {
    "USER": ["fuzz", "fuzz", "fuzz", "nobody", "é", "fuzz "],
    "PASS": ["fuzz"],  # a wrong one costs a second and, after some, a lock-out
    "TYPE": ["A", "I", "I", "A N", "L 8", "E", "L 7", "i", "A T", "X"],
    "MODE": ["S", "B", "C", "Z", "s"],
    "STRU": ["F", "R", "P", "f", "FF"],
    "REST": ["0", "1", "5", "17", "4096", "99999999999999999999", "-1", "x", "1 "],
    "ALLO": ["1", "100 R 10", "99999999999", "x", "0", "-1"],
    "PORT": ["@", "@", "127,0,0,1,0,21", "127,0,0,2,200,1", "1,2,3", "127,0,0,1,300,1", "@,1"],
    "EPRT": ["@", "@", "|1|127.0.0.1|21|", "|2|::1|5000|", "|1|10.0.0.1|5000|", "|", "||||"],
    "EPSV": ["", "", "", "1", "2", "x", "ALL"],
    "PASV": ["", "", "x"],
    "OPTS": ["UTF8 ON", "UTF8", "MLST type;size;", "MLST", "HASH", "HASH SHA-1", "HASH X", " "],
    "SITE": [
        "help",
        "df",
        "df /",
        "free",
        "gc",
        "who",
        "status",
        "chmod 644 a",
        "umask",
        "kick 1",
        "x",
        " ",
    ],
    "HELP": ["", "STOR", "SITE", "x", "stor"],
    "AUTH": ["TLS", "SSL", "X"],
    "PBSZ": ["0", "x"],
    "PROT": ["P", "C", "E", "x"],
    "RANG": ["0 5", "3 3", "1 0", "5 1", "x", "0 99999999999"],
    "LIST": ["", "-la", "-a", "*", "-R", "-t", "-d", "--", "-la dir"],
    "NLST": ["", "*", "-1", "dir/*"],
    "STAT": ["", "", "*", "-la", "dir"],
    "CLNT": ["x", "é" * 50],
    "ACCT": ["x"],
    "MFMT": ["20200101000000 a", "20200101000000 dir", "2020 a", "20209999999999 a", "x"],
    "MDTM": ["a", "dir/b", "20200101000000 a"],
    "STOU": ["", "", "a", "dir/a"],
}

NO_ARGUMENT = (
    "CDUP",
    "XCUP",
    "PWD",
    "XPWD",
    "REIN",
    "QUIT",
    "ABOR",
    "SYST",
    "FEAT",
    "NOOP",
    "CCC",
)
CONTENTS = st.one_of(
    st.sampled_from([b"", b"a", b"line\r\nline\n\r\r\n", b"\r", b"\r\n" * 300]),
    st.binary(max_size=50),
    st.integers(1000, 20_000).map(lambda size: bytes(range(251)) * (size // 251 + 1)),
)
ENDINGS = ["whole"] * 6 + ["reset", "abort", "never", "early"]


class Plan(NamedTuple):
    """What the client does with a data connection: what it sends, and how it ends."""

    content: bytes = b""
    ending: str = "whole"  # or: reset, abort, never (connects), early (closes while it is sent to)
    eager: bool = False  # connects as soon as it has a port, before any transfer

    def __repr__(self):
        content = self.content if len(self.content) < 60 else f"{len(self.content)} bytes"
        return f"<{content!r}, {self.ending}{', eager' if self.eager else ''}>"


class Command(NamedTuple):
    """A command line: argument None for a line that is not UTF-8 or has a CR or NUL."""

    verb: str
    argument: str
    line: bytes
    plan: Plan

    @property
    def is_plain(self):
        """True where the line is text that the session hands to a handler."""
        return self.argument is not None and len(self.line) < LONGEST


@st.composite
def commands(draw, verbs, known):
    """A Command of one of these verbs; known: the paths that there are."""
    verb = draw(st.sampled_from(verbs))
    plan = Plan(draw(CONTENTS), draw(st.sampled_from(ENDINGS)), draw(st.booleans()))
    kind = draw(st.integers(0, 9))
    if verb in NO_ARGUMENT and kind:
        argument = ""
    elif verb in WORDS and (kind or verb in ("PASS", "SITE")):
        words = st.sampled_from(WORDS[verb])
        argument = draw(words if verb not in (*LISTINGS, "STAT") else st.one_of(words, PATHS))
    elif kind > 3:
        argument = draw(st.sampled_from(known))
    elif kind:
        argument = draw(PATHS)
    elif draw(st.booleans()):
        argument = draw(TEXT)
    else:
        return hostile(verb, draw(HOSTILE), plan)
    written = verb if draw(st.integers(0, 5)) else verb.lower()
    line = f"{written} {argument}" if argument else written
    return (
        hostile(verb, line.encode().partition(b" ")[2], plan, written)
        if argument
        else Command(verb, "", line.encode(), plan)
    )


def hostile(verb, raw, plan, written=None):
    """A Command with these bytes for its argument."""
    line = (written or verb).encode() + b" " + raw
    try:
        argument = without_telnet(line).decode().partition(" ")[2]
    except UnicodeError:
        argument = None
    if b"\0" in raw or b"\r" in raw:
        argument = None
    return Command(verb, argument, line, plan)


def told(verb, argument="", plan=None):
    """A Command without surprises."""
    line = f"{verb} {argument}" if argument else verb
    return Command(verb, argument, line.encode(), plan or Plan())
