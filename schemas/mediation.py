"""Border disputes in mediation: the case, which its leading city alone revises, and what others add to it.

`mediation_case` (RECORDS.md) carries no personal data in its body; parties, mediators and minutes travel
sealed. `case_contribution` answers a case, whose id is its `subject`. Deadlines are each city's data and
not checked here; states are, see `STATE_MOVES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.codes import COLOUR, FORM, CodeList
from schemas.fields import (
    Code,
    Count,
    Date,
    DateTime,
    Division,
    Flag,
    Many,
    Money,
    OpenCode,
    Part,
    RecordId,
    Text,
)
from schemas.geometry import Place
from schemas.shape import Shape

DISPUTE_TYPE: Final = CodeList(
    "dispute_type",
    (
        "family",
        "neighbours",
        "housing_land",
        "contract",
        "production",
        "damages",
        "mountain_forest_land",
        "grassland",
        "water",
        "mining",
        "expropriation",
        "environment",
        "labour",
        "consumer",
        "medical",
        "traffic",
        "property_management",
        "tourism",
        "intellectual_property",
        "internet",
        "other",
    ),
)
SOURCE: Final = CodeList(
    "source",
    (
        "party_application",
        "on_own_initiative",
        "police_transfer",
        "court_entrustment",
        "government_assignment",
        "hotline",
        "grid_report",
        "other_city",
    ),
)
LEVEL: Final = CodeList("level", ("village", "township", "county", "city"))
MODE: Final = CodeList("mode", ("local", "entrusted", "transferred", "invited", "joint"))
END_REASON: Final = CodeList(
    "end_reason",
    (
        "agreed",
        "settled_withdrawn",
        "unreachable",
        "party_unwilling",
        "too_far_apart",
        "expired",
        "refused_to_sign",
        "other",
    ),
)
"""Online mediation rules of the Supreme People's Court, art. 25."""
CASE_STATE: Final = CodeList(
    "case_state",
    ("registered", "investigating", "mediating", "agreed", "performing", "ended", "closed", "handed_over"),
)
STATE_MOVES: Final[Mapping[str, frozenset[str]]] = {
    "registered": frozenset({"investigating", "mediating", "ended", "handed_over"}),
    "investigating": frozenset({"mediating", "ended", "handed_over"}),
    "mediating": frozenset({"agreed", "ended", "handed_over"}),
    "agreed": frozenset({"performing", "closed"}),
    "performing": frozenset({"closed", "mediating"}),
    "ended": frozenset(),
    "closed": frozenset(),
    "handed_over": frozenset(),
}
AGREEMENT_FORM: Final = CodeList("agreement_form", ("oral", "written"))
CONFIRMATION_STATE: Final = CodeList(
    "confirmation_state", ("applied", "accepted", "confirmed", "rejected", "withdrawn"), open=True
)
PARTY_ROLE: Final = CodeList("party_role", ("applicant", "respondent", "third_party"), open=True)
PARTY_TYPE: Final = CodeList("party_type", ("natural_person", "organisation"))
WHAT: Final = CodeList(
    "what",
    (
        "join",
        "decline",
        "mediator_assigned",
        "session_proposed",
        "session_minutes",
        "evidence",
        "opinion",
        "hand_over_accepted",
        "hand_over_declined",
        "level_escalation_proposed",
    ),
)


class Partner(Shape):
    """A city that takes part, and through whom."""

    city = Division()
    organisation = Text(200)
    joined_at = DateTime()


class Extension(Shape):
    """A longer time to mediate, with its reason."""

    until = DateTime()
    reason = Text(500)


class Session(Shape):
    """A meeting of the parties."""

    at = DateTime()
    form = Code(FORM)
    organisations = Many(Text(200), 32)
    outcome = Text(1000)


class Escalation(Shape):
    """A case that went up a level."""

    from_level = Code(LEVEL)
    to_level = Code(LEVEL)
    at = DateTime()
    reason = Text(500)


class MediationAgreement(Shape):
    """What the parties agreed on, by form and dates; its words travel sealed."""

    form = Code(AGREEMENT_FORM)
    concluded_on = Date()
    effective_on = Date()
    performance_due = Date()
    performed_on = Date()


class JudicialConfirmation(Shape):
    """The court's confirmation, applied for jointly (Mediation Law art. 33)."""

    applied_on = Date()
    court = Text(200)
    state = OpenCode(CONFIRMATION_STATE)
    decided_on = Date()


class FollowUp(Shape):
    """A visit after closing."""

    on = Date()
    result = Text(1000)


class MediationCase(Shape):
    """A dispute in mediation, issued by the leading city."""

    case_number = Text(100, official=True, required=True)
    dispute_type = Code(DISPUTE_TYPE, required=True)
    source = Code(SOURCE, required=True)
    level = Code(LEVEL, required=True)
    division = Division(required=True)
    place = Part(Place)
    occurred_on = Date()
    accepted_at = DateTime(required=True)
    state = Code(CASE_STATE, required=True)
    mode = Code(MODE)
    risk = Code(COLOUR)
    parties_count = Count(100_000)
    amount = Money()
    lead = Text(200, required=True)
    partners = Many(Part(Partner), 32)
    due_at = DateTime()
    extensions = Many(Part(Extension), 32)
    sessions = Many(Part(Session), 100)
    escalations = Many(Part(Escalation), 16)
    end_reason = Code(END_REASON)
    agreement = Part(MediationAgreement)
    judicial_confirmation = Part(JudicialConfirmation)
    follow_ups = Many(Part(FollowUp), 100)
    police_referral = Flag()
    handed_over_to = Division()
    continues = RecordId()


class Party(Shape):
    """A party to the dispute."""

    role = OpenCode(PARTY_ROLE)
    type = Code(PARTY_TYPE)
    name = Text(100, phone=True, personal=True)
    phone = Text(64, phone=True, personal=True)
    address = Text(300, phone=True, personal=True)
    representative = Text(100, phone=True, personal=True)


class Mediator(Shape):
    """A mediator."""

    name = Text(100, phone=True, personal=True)
    phone = Text(64, phone=True, personal=True)


class MediationCasePrivate(Shape):
    """What of a case travels sealed."""

    title = Text(300, phone=True, personal=True)
    summary = Text(4000, phone=True, personal=True)
    parties = Many(Part(Party), 200)
    mediators = Many(Part(Mediator), 32)
    minutes = Text(50_000, phone=True, personal=True)
    agreement_text = Text(50_000, phone=True, personal=True)


class CaseContribution(Shape):
    """What a party city adds to a case that another leads."""

    what = Code(WHAT, required=True)
    organisation = Text(200)
    at = DateTime()
    proposed_at = DateTime()
    form = Code(FORM)


class CaseContributionPrivate(Shape):
    """What of a contribution travels sealed."""

    text = Text(50_000, phone=True, personal=True)
    mediators = Many(Part(Mediator), 32)
