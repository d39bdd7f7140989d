"""Mediation cases and contributions: members, states and moves, what may be left out."""

from typing import Any

import pytest
from marshmallow import fields
from record_examples import body, payload

from hub.errors import Code, Problem
from schemas import record
from schemas.fields import Many, Part
from schemas.kinds import KINDS, check_transition, kind
from schemas.mediation import CASE_STATE, STATE_MOVES
from schemas.shape import Shape

CASE = kind("mediation_case", 1)
REQUIRED = {"case_number", "dispute_type", "source", "level", "division", "accepted_at", "state", "lead"}


@pytest.mark.parametrize("member", sorted(body("mediation_case")))
def test_what_is_not_required_may_be_null_or_absent(member: str) -> None:
    absent = body("mediation_case")
    del absent[member]
    for changed in (absent, {**absent, member: None}):
        if member in REQUIRED:
            with pytest.raises(Problem) as caught:
                record.load(payload("mediation_case", body=changed))
            assert caught.value.where == f"/body/{member}"
        else:
            record.load(payload("mediation_case", body=changed))


@pytest.mark.parametrize(
    "changes, where",
    [
        ({"amount": 12000.5}, "/body/amount"),
        ({"amount": "12000.505"}, "/body/amount"),
        ({"amount": "-1"}, "/body/amount"),
        ({"amount": "1e3"}, "/body/amount"),
        ({"parties_count": -1}, "/body/parties_count"),
        ({"parties_count": "7"}, "/body/parties_count"),
        ({"parties_count": True}, "/body/parties_count"),
        ({"police_referral": 1}, "/body/police_referral"),
        ({"occurred_on": "2026-10-32"}, "/body/occurred_on"),
        ({"occurred_on": "2026-10-30T00:00:00Z"}, "/body/occurred_on"),
        ({"place": {"longitude": 200}}, "/body/place/longitude"),
        ({"place": {"description": "联系 139 1234 5678"}}, "/body/place/description"),
        ({"place": {"datum": "GCJ-02"}}, "/body/place/datum"),
        ({"sessions": [{"form": "letter"}]}, "/body/sessions/0/form"),
        ({"sessions": [{}, {"organisations": ["x", 5]}]}, "/body/sessions/1/organisations/1"),
        ({"sessions": [{}] * 101}, "/body/sessions"),
        ({"escalations": [{"to_level": "province"}]}, "/body/escalations/0/to_level"),
        ({"agreement": {"form": "tacit"}}, "/body/agreement/form"),
        ({"agreement": {"text": "x"}}, "/body/agreement/text"),
        ({"partners": [{"city": "1506"}]}, "/body/partners/0/city"),
        ({"partners": [None]}, "/body/partners/0"),
        ({"handed_over_to": "榆林"}, "/body/handed_over_to"),
        ({"continues": "12"}, "/body/continues"),
        ({"dispute_type": "feud"}, "/body/dispute_type"),
        ({"end_reason": "bored"}, "/body/end_reason"),
        ({"case_number": "x" * 101}, "/body/case_number"),
        ({"lead": "委员会\x07"}, "/body/lead"),
        ({"parties": []}, "/body/parties"),
        ({"title": "x"}, "/body/title"),
    ],
)
def test_a_member_that_is_wrong_is_refused_where_it_stands(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(Problem) as caught:
        record.load(payload("mediation_case", body=body("mediation_case", **changes)))
    assert (caught.value.code, caught.value.where) == (Code.INVALID, where)


def test_later_stages_of_a_case_are_accepted() -> None:
    record.load(
        payload(
            "mediation_case",
            body=body(
                "mediation_case",
                state="closed",
                end_reason="agreed",
                extensions=[{"until": "2027-01-02T09:00:00+08:00", "reason": "当事人外出"}],
                escalations=[{"from_level": "township", "to_level": "county"}],
                agreement={"form": "written", "concluded_on": "2026-12-01", "performed_on": None},
                judicial_confirmation={
                    "applied_on": "2026-12-20",
                    "court": "府谷县人民法院",
                    "state": "confirmed",
                },
                follow_ups=[{"on": "2027-03-01", "result": "履行完毕"}],
                handed_over_to="150600",
                continues="019aa4f0-7c11-7def-8123-4567890abcde",
            ),
        )
    )


def test_moves_are_those_of_the_table_and_no_others() -> None:
    allowed = {
        ("registered", "investigating"),
        ("registered", "mediating"),
        ("registered", "ended"),
        ("registered", "handed_over"),
        ("investigating", "mediating"),
        ("investigating", "ended"),
        ("investigating", "handed_over"),
        ("mediating", "agreed"),
        ("mediating", "ended"),
        ("mediating", "handed_over"),
        ("agreed", "performing"),
        ("agreed", "closed"),
        ("performing", "closed"),
        ("performing", "mediating"),
    }
    for before in CASE_STATE.codes:
        for after in CASE_STATE.codes:
            if before == after or (before, after) in allowed:
                check_transition(CASE, {"state": before}, {"state": after})
            else:
                with pytest.raises(Problem) as caught:
                    check_transition(CASE, {"state": before}, {"state": after})
                assert (caught.value.code, caught.value.where) == (Code.INVALID, "/body/state")


def test_the_table_names_every_state_and_only_states() -> None:
    assert set(STATE_MOVES) == set(CASE_STATE.codes)
    assert set().union(*STATE_MOVES.values()) <= set(CASE_STATE.codes)


def test_a_withdrawal_and_kinds_without_moves_pass() -> None:
    check_transition(CASE, {"state": "mediating"}, None)
    check_transition(CASE, None, {"state": "mediating"})
    check_transition(kind("event_security", 1), {"state": "concluded"}, {"state": "planned"})


def test_a_contribution_needs_only_what_it_is() -> None:
    record.load(payload("case_contribution", body={"what": "join"}))
    for broken in ({}, {"what": "shrug"}, {"what": None}):
        with pytest.raises(Problem) as caught:
            record.load(payload("case_contribution", body=broken))
        assert caught.value.where == "/body/what"


def members_of(shape: type[Shape]) -> list[tuple[str, fields.Field[Any]]]:
    found: list[tuple[str, fields.Field[Any]]] = []
    for name, field in shape().fields.items():
        inner = field.item if isinstance(field, Many) else field
        found += members_of(inner.shape) if isinstance(inner, Part) else [(name, inner)]
    return found


@pytest.mark.parametrize("known", KINDS.values(), ids=lambda known: known.name)
def test_personal_data_stands_in_private_schemas_only_and_is_marked(known: Any) -> None:
    assert not any(field.metadata.get("personal") for _, field in members_of(known.body))
    if known.private is not None:
        unmarked = {name for name, field in members_of(known.private) if not field.metadata.get("personal")}
        assert unmarked <= {"role", "type"}
