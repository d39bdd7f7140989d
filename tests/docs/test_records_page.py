"""docs/records.md: every kind has a section, and every body that it shows is accepted."""

from __future__ import annotations

import json

import pytest
from pages import ROOT, fenced, read

from schemas.kinds import KINDS, kind

PAGE = ROOT / "docs" / "records.md"
BODIES = {
    info.removeprefix("body="): text for info, text in fenced(read(PAGE), "json") if info.startswith("body=")
}


def test_every_kind_is_shown_with_a_body() -> None:
    assert set(BODIES) == {name for name, _ in KINDS}


@pytest.mark.parametrize("name", BODIES)
def test_the_body_shown_is_accepted(name: str) -> None:
    assert kind(name, 1).body().validate(json.loads(BODIES[name])) == {}


def test_the_table_of_states_is_the_one_that_the_code_has() -> None:
    moves = kind("mediation_case", 1).transitions
    assert moves is not None
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in read(PAGE).splitlines()
        if line.startswith("| ")
    ]
    shown = {
        before: frozenset() if after.startswith("nothing") else frozenset(after.split(", "))
        for befores, after in rows
        for before in befores.split(", ")
        if before in moves
    }
    assert shown == moves
