"""Help between cities: what one asks for, and what another sends.

`assistance_request` stands on an event or an alert, whose id is its `subject`; `assistance_reply` answers
the request. RECORDS.md requires no single member of either, so an empty one is all that is refused. The
order of a reply's states is this project's (`ASSISTANCE_MOVES`): forces may be withdrawn at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.codes import CodeList
from schemas.fields import Code, Count, DateTime, Many, Part, Text
from schemas.rules import ends_after_it_starts, says_something
from schemas.shape import Shape

NEED: Final = CodeList("need", ("police", "screening", "traffic", "checkpoint", "medical", "fire"))
ASSISTANCE_OUTCOME: Final = CodeList("assistance_outcome", ("accepted", "partly", "declined"))
ASSISTANCE_STATE: Final = CodeList("assistance_state", ("preparing", "mustered", "in_place", "withdrawn"))
ASSISTANCE_MOVES: Final[Mapping[str, frozenset[str]]] = {
    "preparing": frozenset({"mustered", "withdrawn"}),
    "mustered": frozenset({"in_place", "withdrawn"}),
    "in_place": frozenset({"withdrawn"}),
    "withdrawn": frozenset(),
}
MOST_FORCES: Final = 100_000


class Force(Shape):
    """What is needed or provided: how many of which, where they gather, and for how long."""

    rules = (ends_after_it_starts,)

    need = Code(NEED)
    quantity = Count(MOST_FORCES)
    muster_point = Text(300)
    starts_at = DateTime()
    ends_at = DateTime()


class AssistanceRequest(Shape):
    """What a city asks its neighbours for."""

    rules = (says_something,)

    needs = Many(Part(Force), 32)
    reply_by = DateTime()
    channel = Text(200)


class AssistanceReply(Shape):
    """What a neighbour answers, and how far its forces have come."""

    rules = (says_something,)

    outcome = Code(ASSISTANCE_OUTCOME)
    provides = Many(Part(Force), 32)
    state = Code(ASSISTANCE_STATE)
    reason = Text(500)
