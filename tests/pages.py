"""What stands in the pages: their links, their anchors and their examples."""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]

_PROGRAMS = (
    "outpost", ".venv/bin/outpost", ".venv/bin/pytest", "make", "curl", "ftp", "mpremote",
    "mosquitto_pub", "mosquitto_sub", "git", "pip", "for",
)  # fmt: skip
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")


@dataclass
class Block:
    """An example: where it stands, its text, why it can't run (or None)."""

    page: Path
    line: int
    text: str
    language: str
    not_run: str | None

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self):
        """Its lines without comments, where a shell reads it; else none."""
        lines = [line for line in self.text.splitlines() if line and not line.startswith("#")]
        if self.language not in ("", "sh") or not lines:
            return []
        return lines if lines[0].split()[0] in _PROGRAMS else []


def blocks():
    """Every example of every page."""
    found = []
    for page in PAGES:
        reason = None
        for token in MarkdownIt().parse(page.read_text()):
            if token.type == "html_block":
                match = _NOT_RUN.search(token.content)
                reason = match and match[1]
            elif token.type in ("fence", "code_block"):
                line = token.map[0] + 1
                found.append(Block(page, line, token.content, token.info, reason))
                reason = None
    return found


def links(page):
    """The targets of a page's links and pictures."""
    tokens = [token for token in MarkdownIt().parse(page.read_text()) if token.type == "inline"]
    # Cells of tables are text to this parser, as CommonMark has no tables.
    text = "\n".join(token.content for token in tokens)
    text = re.sub(r"`[^`]*`", "", text)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    tokens = MarkdownIt().parse(page.read_text())
    headings = [after.content for token, after in itertools.pairwise(tokens)
                if token.type == "heading_open"]  # fmt: skip
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
