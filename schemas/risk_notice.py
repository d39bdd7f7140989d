"""Letters that warn another city of a risk to stability or safety, and ask for an answer.

RECORDS.md requires no single member, so an empty letter is all that is refused. It names the states; their
order is this project's (`NOTICE_MOVES`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.codes import COLOUR, CodeList
from schemas.fields import Code, DateTime, Text
from schemas.rules import says_something
from schemas.shape import Shape

NOTICE_STATE: Final = CodeList("notice_state", ("issued", "answered", "cleared"))
NOTICE_MOVES: Final[Mapping[str, frozenset[str]]] = {
    "issued": frozenset({"answered", "cleared"}),
    "answered": frozenset({"cleared"}),
    "cleared": frozenset(),
}


class RiskNotice(Shape):
    """A warning of a risk, by field and grade."""

    rules = (says_something,)

    field = Text(100)
    grade = Code(COLOUR)
    statement = Text(4000)
    measures = Text(4000)
    reply_by = DateTime()
    state = Code(NOTICE_STATE)
