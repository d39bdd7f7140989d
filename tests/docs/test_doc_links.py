"""Every relative link of the documents leads somewhere, to the heading that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import PAGES, ROOT, named, prose, read

LINK = re.compile(r"\[[^\]]*\]\((?!https?://)(?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<words>.+)$", re.M)
WRITTEN_ELSEWHERE = {"docs/performance.md"}
"""A page that another room writes: a link to it may stand before it does."""


def anchors(path: Path) -> set[str]:
    """The anchors that a forge makes of headings."""
    headings = HEADING.findall(prose(read(path)))
    return {re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-") for words in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading_that_is_there(page: Path) -> None:
    for found in LINK.finditer(prose(read(page))):
        file, _, anchor = found["target"].partition("#")
        target = (page.parent / file).resolve() if file else page
        if named(target) in WRITTEN_ELSEWHERE and not target.exists():
            continue
        assert target.exists(), f"{named(page)} links to {found['target']}"
        assert target.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(target), f"{named(page)} links to {found['target']}"


def test_no_page_names_a_place_of_one_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(work|tmp|root|home)/", read(page)), named(page)


def test_every_decision_is_listed_and_says_what_was_given_up() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = read(folder / "README.md")
    decisions = sorted(folder.glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        assert path.name in listed
        for part in ("**Context.**", "**Choice.**", "**Given up.**"):
            assert part in read(path), f"{path.name} has no {part}"


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        ("README.zh.md", "README.md"),
        ("docs/zh/operations.md", "docs/operations.md"),
        ("docs/zh/audit.md", "docs/audit.md"),
        ("docs/zh/adapters.md", "docs/adapters.md"),
        ("docs/zh/trust.md", "docs/trust.md"),
    ],
)
def test_a_page_in_two_languages_has_the_same_parts_in_both(chinese: str, english: str) -> None:
    def levels(name: str) -> list[int]:
        return [len(line.split(" ")[0]) for line in prose(read(ROOT / name)).splitlines() if line[:1] == "#"]

    assert levels(chinese) == levels(english)
