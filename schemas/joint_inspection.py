"""Findings of joint patrols along the boundary, and what became of them.

RECORDS.md requires no single member, so an empty finding is all that is refused. It names the states; their
order is this project's (`INSPECTION_MOVES`): what is overdue may still be put right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.codes import COLOUR, CodeList
from schemas.fields import Code, Date, Division, Many, Part, Text
from schemas.geometry import Place
from schemas.rules import says_something
from schemas.shape import Shape

DOMAIN: Final = CodeList(
    "domain", ("road", "fire", "flood", "mine", "hazardous_chemicals", "gas", "sanitation", "other")
)
INSPECTION_STATE: Final = CodeList("inspection_state", ("found", "rectifying", "rectified", "overdue"))
INSPECTION_MOVES: Final[Mapping[str, frozenset[str]]] = {
    "found": frozenset({"rectifying", "rectified", "overdue"}),
    "rectifying": frozenset({"rectified", "overdue"}),
    "rectified": frozenset(),
    "overdue": frozenset({"rectifying", "rectified"}),
}


class JointInspection(Shape):
    """A hazard that a joint patrol found."""

    rules = (says_something,)

    domain = Code(DOMAIN)
    division = Division()
    place = Part(Place)
    found_on = Date()
    grade = Code(COLOUR)
    finding = Text(4000)
    measures = Text(4000)
    due_on = Date()
    state = Code(INSPECTION_STATE)
    organisations = Many(Text(200), 32)
