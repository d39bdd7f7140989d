"""The kinds of record that are known, by name and version.

A new kind is a file with its schemas and one line in `KINDS` below (and its words in `labels.toml`);
everything else, the compiled check and the published schemas included, follows from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from marshmallow import ValidationError

from hub.errors import Code, Problem
from schemas import strict_json
from schemas.acknowledgement import Acknowledgement
from schemas.alert import Alert
from schemas.assistance import ASSISTANCE_MOVES, AssistanceReply, AssistanceRequest
from schemas.ecology_lead import LEAD_MOVES, EcologyLead
from schemas.envelope import Envelope, bound_to
from schemas.event_security import EventSecurity, permit_warnings
from schemas.faults import first_fault
from schemas.joint_inspection import INSPECTION_MOVES, JointInspection
from schemas.mediation import (
    STATE_MOVES,
    CaseContribution,
    CaseContributionPrivate,
    MediationCase,
    MediationCasePrivate,
)
from schemas.risk_notice import NOTICE_MOVES, RiskNotice
from schemas.shape import Shape, Warning


@dataclass(frozen=True)
class Kind:
    """What is known of a kind of record.

    `transitions` says which values of `state` may follow which; `advise` what to tell a sender without
    refusing.
    """

    name: str
    version: int
    body: type[Shape]
    private: type[Shape] | None = None
    transitions: Mapping[str, frozenset[str]] | None = None
    subject_required: bool = False
    advise: Callable[[Mapping[str, Any]], Iterable[Warning]] | None = None


_ALL: Final = (
    Kind("mediation_case", 1, MediationCase, MediationCasePrivate, STATE_MOVES),
    Kind("case_contribution", 1, CaseContribution, CaseContributionPrivate, subject_required=True),
    Kind("alert", 1, Alert),
    Kind("event_security", 1, EventSecurity, advise=permit_warnings),
    Kind("assistance_request", 1, AssistanceRequest, subject_required=True),
    Kind("assistance_reply", 1, AssistanceReply, None, ASSISTANCE_MOVES, subject_required=True),
    Kind("joint_inspection", 1, JointInspection, None, INSPECTION_MOVES),
    Kind("ecology_lead", 1, EcologyLead, None, LEAD_MOVES),
    Kind("risk_notice", 1, RiskNotice, None, NOTICE_MOVES),
    Kind("acknowledgement", 1, Acknowledgement, subject_required=True),
)

KINDS: Final[Mapping[tuple[str, int], Kind]] = {(kind.name, kind.version): kind for kind in _ALL}


def kind(name: str, version: int) -> Kind:
    """The kind of that name and version.

    Raises:
        Problem: `unknown-kind`.
    """
    try:
        return KINDS[name, version]
    except KeyError:
        raise Problem(
            Code.UNKNOWN_KIND, "This node has no schema of that kind and version.", where="/kind"
        ) from None


@cache
def payload_schema(name: str, version: int) -> Envelope:
    """The marshmallow schema of a whole payload of that kind and version."""
    known = kind(name, version)
    whole = bound_to(
        name,
        version,
        known.body,
        sealed_allowed=known.private is not None,
        subject_required=known.subject_required,
    )
    return whole()


def check_transition(
    kind: Kind, before_body: Mapping[str, Any] | None, after_body: Mapping[str, Any] | None
) -> None:
    """Whether a revision may follow another by their `state`.

    The same state may always stand again, as follow-ups may be added to a case that is over. A record that
    had no state may take any; one that has a state keeps one. A withdrawn revision has no body and passes.

    Raises:
        Problem: `invalid` at `/body/state`.
    """
    if kind.transitions is None or before_body is None or after_body is None:
        return
    before, after = before_body.get("state"), after_body.get("state")
    if before is None or before == after or after in kind.transitions.get(before, frozenset()):
        return
    if after is None:
        raise Problem(Code.INVALID, f"The state {before} may not be taken away.", where="/body/state")
    raise Problem(Code.INVALID, f"The state may not go from {before} to {after}.", where="/body/state")


def load_private(kind: Kind, plaintext: bytes) -> dict[str, Any]:
    """The private part of a record, after it was opened.

    Raises: Problem: `malformed` or `invalid`, with `where` beginning at `/sealed`; details repeat nothing
        of it.
    """
    if kind.private is None:
        raise Problem(Code.INVALID, "This kind has no sealed part.", where="/sealed")
    value = strict_json.loads(plaintext)
    try:
        kind.private().load(value)
    except ValidationError as error:
        fault = first_fault(error)
        raise Problem(Code.INVALID, fault.detail, where=f"/sealed{fault.where}") from None
    assert isinstance(value, dict)  # a marshmallow schema loads nothing else
    return value


def warnings(kind: Kind, body: Mapping[str, Any]) -> list[Warning]:
    """What a sender should look at in a body that is valid."""
    return list(kind.advise(body)) if kind.advise is not None else []
