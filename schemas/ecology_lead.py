"""Leads for public-interest litigation along the river; evidence is named and fingerprinted, never carried.

RECORDS.md requires no single member, so an empty lead is all that is refused. It names the states; their
order is this project's (`LEAD_MOVES`): a lead may be closed at any stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.codes import CodeList
from schemas.fields import Code, Date, Digest, Division, Many, Part, Text
from schemas.geometry import Place
from schemas.rules import says_something
from schemas.shape import Shape

MATTER: Final = CodeList("matter", ("water", "soil", "solid_waste", "ecology", "heritage", "other"))
LEAD_STATE: Final = CodeList("lead_state", ("lead", "accepted", "consulted", "litigated", "closed"))
LEAD_MOVES: Final[Mapping[str, frozenset[str]]] = {
    "lead": frozenset({"accepted", "closed"}),
    "accepted": frozenset({"consulted", "closed"}),
    "consulted": frozenset({"litigated", "closed"}),
    "litigated": frozenset({"closed"}),
    "closed": frozenset(),
}


class Evidence(Shape):
    """A file that is kept elsewhere, by its name and its SHA-256."""

    name = Text(200)
    sha256 = Digest()


class EcologyLead(Shape):
    """Harm to the environment or to heritage that an office should look into."""

    rules = (says_something,)

    matter = Code(MATTER)
    reach = Text(200)
    division = Division()
    place = Part(Place)
    found_on = Date()
    finding = Text(4000)
    evidence = Many(Part(Evidence), 100)
    offices = Many(Text(200), 32)
    state = Code(LEAD_STATE)
