"""Reads the project's Markdown: headings, links, tables, fenced blocks."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import ROOT, tracked

DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Page:
    """One file; ``prose`` is its text without fenced blocks."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its path in the project."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        """The fenced blocks of these languages, in order."""
        return [body for language, body in _FENCE.findall(self.text) if language in languages]

    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        return [str(found) for found in _LINK.findall(self.prose)]

    def anchors(self) -> set[str]:
        """Its headings, as GitHub makes anchors of them."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def section(self, heading: str) -> str:
        """The text below a heading up to the next of the same or a higher level."""
        level, _, words = heading.partition(" ")
        pattern = rf"^{level} {re.escape(words)}$\n(.*?)(?=^#{{1,{len(level)}}} |\Z)"
        found = re.search(pattern, self.text, re.MULTILINE | re.DOTALL)
        assert found is not None, f"{self.name} has no section {heading}"
        return found[1]

    def headings(self, level: str) -> list[str]:
        """The words of all headings of a level such as ``###``."""
        return re.findall(rf"^{level} (.+)$", self.prose, re.MULTILINE)


def page(name: str) -> Page:
    """A page by its path in the project."""
    return Page(ROOT / name, (ROOT / name).read_text("utf-8"))


def pages() -> list[Page]:
    """All Markdown of the project."""
    return [
        Page(path, path.read_text("utf-8"))
        for path in tracked()
        if path.suffix == ".md" and "data" not in path.relative_to(ROOT).parts
    ]


def rows(text: str) -> list[list[str]]:
    """The rows of the first table of a text, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def names(text: str) -> list[str]:
    """What stands in back-ticks."""
    return re.findall(r"`([^`]+)`", text)
