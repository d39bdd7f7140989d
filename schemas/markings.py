"""The markings of TLP 2.0 (FIRST), from the widest to the narrowest circle of readers."""

from __future__ import annotations

from typing import Final

from schemas.codes import CodeList

MARKINGS: Final = ("clear", "green", "amber", "amber+strict", "red")
MARKING: Final = CodeList("marking", MARKINGS)

_RANK: Final = {marking: rank for rank, marking in enumerate(MARKINGS)}


def allows(highest: str, marking: str) -> bool:
    """Whether `marking` is not above `highest`; what is not a marking is allowed by nothing and allows nothing."""
    return highest in _RANK and marking in _RANK and _RANK[marking] <= _RANK[highest]
