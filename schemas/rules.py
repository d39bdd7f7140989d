"""Rules across members that more than one kind of record has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from schemas.shape import Breach
from schemas.wording import Wording

NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
"""What a member holds that says nothing."""


def ends_after_it_starts(part: Mapping[str, Any]) -> Iterator[Breach]:
    """Where both times are given, the end comes after the start."""
    starts, ends = part.get("starts_at"), part.get("ends_at")
    if starts and ends and datetime.fromisoformat(ends) <= datetime.fromisoformat(starts):
        yield Breach(("ends_at",), Wording("须晚于 starts_at", "Must be later than starts_at."))


def says_something(body: Mapping[str, Any]) -> Iterator[Breach]:
    """Where no single member is required, one at least must be given: an empty record is a mistake."""
    if all(value in NOTHING for value in body.values()):
        yield Breach((), Wording("至少须填写一项", "Must say something: every member is empty."))
