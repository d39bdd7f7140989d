"""Major events: members, times in order, and the warning about who permits (art. 12)."""

from typing import Any

import pytest
from record_examples import body, payload

from hub.errors import Problem
from schemas import record
from schemas.kinds import kind, warnings

EVENT = kind("event_security", 1)
REQUIRED = {"name", "event_type", "organiser", "venue", "sessions", "state"}


def event(*expected: int | None, authority: str | None) -> dict[str, Any]:
    sessions = [{"starts_at": "2026-12-12T19:30:00+08:00", "expected": each} for each in expected]
    return body("event_security", sessions=sessions, permit={"authority": authority})


@pytest.mark.parametrize("member", sorted(body("event_security")))
def test_what_is_not_required_may_be_null_or_absent(member: str) -> None:
    absent = body("event_security")
    del absent[member]
    for changed in (absent, {**absent, member: None}):
        if member in REQUIRED:
            with pytest.raises(Problem) as caught:
                record.load(payload("event_security", body=changed))
            assert caught.value.where == f"/body/{member}"
        else:
            record.load(payload("event_security", body=changed))


@pytest.mark.parametrize(
    "changes, where",
    [
        ({"venue": {"division": "610802"}}, "/body/venue/name"),
        ({"venue": {"name": "x"}}, "/body/venue/division"),
        ({"sessions": [{"starts_at": "2026-12-12T19:30:00Z", "ends_at": "2026-12-12T19:30:00Z"}]},
         "/body/sessions/0/ends_at"),
        ({"road_control": [{"starts_at": "2026-12-12T19:30:00+08:00", "ends_at": "2026-12-12T11:30:00Z"}]},
         "/body/road_control/0/ends_at"),
        ({"road_control": [{"from_": "x"}]}, "/body/road_control/0/from_"),
        ({"permit": {"authority": "province"}}, "/body/permit/authority"),
        ({"permit": {"state": "GRANTED"}}, "/body/permit/state"),
        ({"screening": "yes"}, "/body/screening"),
        ({"change": "name"}, "/body/change"),
        ({"duty_desks": [{"organisation": "张某13912345678"}]}, "/body/duty_desks/0/organisation"),
    ],
)  # fmt: skip
def test_a_member_that_is_wrong_is_refused_where_it_stands(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(Problem) as caught:
        record.load(payload("event_security", body=body("event_security", **changes)))
    assert caught.value.where == where


@pytest.mark.parametrize("name", ["kind", "permit.state", "role"])
def test_codes_that_have_no_closed_list_may_be_new(name: str) -> None:
    changed = body("event_security")
    changed["road_control"][0]["kind"] = "river_crossing"
    changed["permit"]["state"] = "under_review"
    changed["duty_desks"][0]["role"] = "drones"
    record.load(payload("event_security", body=changed))


def test_a_duty_desk_may_have_a_mobile_phone() -> None:
    record.load(
        payload("event_security", body=body("event_security", duty_desks=[{"phone": "139 1234 5678"}]))
    )


@pytest.mark.parametrize(
    "expected, authority, warned",
    [
        ((999,), "county", False),
        ((999,), "city", False),
        ((1000,), "county", False),
        ((1000,), "city", True),
        ((4999,), "county", False),
        ((4999,), "city", True),
        ((5000,), "county", True),
        ((5000,), "city", False),
        ((100, 5000), "county", True),
        ((22000,), "ministry", False),
        ((2000,), "ministry", False),
        ((None,), "county", False),
        ((5000,), None, False),
        ((), "county", False),
    ],
)
def test_a_permit_from_another_authority_is_a_warning_and_no_refusal(
    expected: tuple[int | None, ...], authority: str | None, warned: bool
) -> None:
    stated = event(*expected, authority=authority)
    record.load(payload("event_security", body=stated))
    told = warnings(EVENT, stated)
    assert bool(told) is warned
    for warning in told:
        assert warning.where == "/body/permit/authority"
        assert warning.zh and warning.en


def test_other_kinds_warn_of_nothing_and_no_permit_is_no_warning() -> None:
    assert warnings(kind("alert", 1), body("alert")) == []
    assert warnings(EVENT, body("event_security")) == []
    assert warnings(EVENT, body("event_security", permit=None)) == []
