"""The project's documents, as tests read them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]))
_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def named(path: Path) -> str:
    """How a test names a page."""
    return str(path.relative_to(ROOT))


def fenced(text: str, language: str) -> list[tuple[str, str]]:
    """The fenced blocks of a language: what follows it on the fence, and the text."""
    blocks = [(found["info"].partition(" "), found["text"]) for found in _FENCE.finditer(text)]
    return [(info[2], block) for info, block in blocks if info[0] == language]


def marked(path: Path, language: str, mark: str) -> str:
    """The text of the one block that bears `mark`."""
    (found,) = [block for info, block in fenced(read(path), language) if info == mark]
    return found


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text)
