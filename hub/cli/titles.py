"""What a record is about, in a line: by its kind, for tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hub.cli.output import listing
from hub.translation import _, language
from schemas.labels import label

TITLE_MEMBERS: Final[Mapping[str, Sequence[str]]] = {
    "mediation_case": ("case_number",),
    "case_contribution": ("what",),
    "alert": ("headline", "event"),
    "event_security": ("name",),
    "assistance_request": ("needs", "channel"),
    "assistance_reply": ("outcome", "provides", "state"),
    "joint_inspection": ("finding", "domain"),
    "ecology_lead": ("finding", "matter", "reach"),
    "risk_notice": ("statement", "field"),
    "acknowledgement": ("outcome",),
}
"""The members of a body that name it, the best first; the first that is there is shown."""

_LISTS: Final = {
    ("case_contribution", "what"): "what",
    ("assistance_reply", "outcome"): "assistance_outcome",
    ("assistance_reply", "state"): "assistance_state",
    ("joint_inspection", "domain"): "domain",
    ("ecology_lead", "matter"): "matter",
    ("acknowledgement", "outcome"): "outcome",
}
"""The code lists of those that are codes."""
_LENGTH: Final = 60


def title(kind: str, body: Mapping[str, Any] | None) -> str:
    """A line for a body; nothing for one that says nothing of this."""
    if body is None:
        return _("(withdrawn)")
    for name in TITLE_MEMBERS.get(kind, ()):
        value = body.get(name)
        if isinstance(value, list):
            needs = [label("need", force["need"], language()) for force in value if force.get("need")]
            if needs:
                return listing(dict.fromkeys(needs))
        elif value:
            return titled(kind, name, str(value))
    return ""


def titled(kind: str, name: str, value: str) -> str:
    """The value of a member in words, where it is a code; a long one is cut."""
    if (kind, name) in _LISTS:
        return label(_LISTS[kind, name], value, language())
    return value if len(value) <= _LENGTH else f"{value[: _LENGTH - 1]}…"
