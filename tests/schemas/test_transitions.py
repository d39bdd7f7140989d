"""Which state may follow which, in every kind that has states with an order."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from record_examples import body, payload

from hub.errors import Code, Problem
from schemas import record
from schemas.codes import CodeList
from schemas.fields import Code as CodeMember
from schemas.kinds import KINDS, Kind, check_transition, kind

ORDERED = [known for known in KINDS.values() if known.transitions is not None]

ALLOWED = {
    "assistance_reply": {
        ("preparing", "mustered"),
        ("mustered", "in_place"),
        ("preparing", "withdrawn"),
        ("mustered", "withdrawn"),
        ("in_place", "withdrawn"),
    },
    "joint_inspection": {
        ("found", "rectifying"),
        ("found", "rectified"),
        ("found", "overdue"),
        ("rectifying", "rectified"),
        ("rectifying", "overdue"),
        ("overdue", "rectifying"),
        ("overdue", "rectified"),
    },
    "ecology_lead": {
        ("lead", "accepted"),
        ("accepted", "consulted"),
        ("consulted", "litigated"),
        ("lead", "closed"),
        ("accepted", "closed"),
        ("consulted", "closed"),
        ("litigated", "closed"),
    },
    "risk_notice": {("issued", "answered"), ("issued", "cleared"), ("answered", "cleared")},
}


def states(known: Kind) -> CodeList:
    field = known.body().fields["state"]
    assert isinstance(field, CodeMember)
    return field.codes


def moves(known: Kind) -> Mapping[str, frozenset[str]]:
    assert known.transitions is not None
    return known.transitions


def refused(known: Kind, before: Any, after: Any) -> str:
    with pytest.raises(Problem) as caught:
        check_transition(known, {"state": before}, {"state": after})
    assert (caught.value.code, caught.value.where) == (Code.INVALID, "/body/state")
    return str(caught.value)


@pytest.mark.parametrize("name", ALLOWED)
def test_moves_are_these_and_no_others(name: str) -> None:
    known = kind(name, 1)
    for before, after in itertools.permutations(states(known).codes, 2):
        if (before, after) in ALLOWED[name]:
            check_transition(known, {"state": before}, {"state": after})
        else:
            refused(known, before, after)


@pytest.mark.parametrize("known", ORDERED, ids=lambda known: known.name)
def test_the_moves_name_every_state_and_only_states(known: Kind) -> None:
    assert set(moves(known)) == set(states(known).codes)
    assert set().union(*moves(known).values()) <= set(states(known).codes)


@pytest.mark.parametrize("known", ORDERED, ids=lambda known: known.name)
def test_every_state_can_come_to_an_end_and_every_end_stays(known: Kind) -> None:
    ends = {state for state, after in moves(known).items() if not after}
    assert ends
    for state in states(known).codes:
        reached, ahead = {state}, set(moves(known)[state])
        while ahead:
            reached |= ahead
            ahead = set().union(*(moves(known)[each] for each in ahead)) - reached
        assert reached & ends
        check_transition(known, {"state": state}, {"state": state})


@pytest.mark.parametrize("name", ALLOWED)
def test_a_state_may_come_late_but_is_never_taken_away(name: str) -> None:
    """Else an end could be left by a revision that says nothing of the state."""
    known = kind(name, 1)
    for state in states(known).codes:
        check_transition(known, {}, {"state": state})
        check_transition(known, {"state": None}, {"state": state})
        assert "taken away" in refused(known, state, None)
    check_transition(known, {"state": None}, {})


@pytest.mark.parametrize("known", ORDERED, ids=lambda known: known.name)
def test_a_record_may_begin_in_any_state(known: Kind) -> None:
    for state in states(known).codes:
        record.load(payload(known.name, body=body(known.name, state=state)))
