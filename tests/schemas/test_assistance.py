"""Requests for help and the answers to them: what is refused, and where."""

from typing import Any

import pytest
from record_examples import body, payload

from hub.errors import Code, Problem
from schemas import record
from schemas.assistance import NEED

PEOPLE = {"need": "police", "quantity": 40}


@pytest.mark.parametrize(
    "changes, where",
    [
        ({"needs": [PEOPLE, {"need": "helicopter"}]}, "/body/needs/1/need"),
        ({"needs": [{"quantity": -1}]}, "/body/needs/0/quantity"),
        ({"needs": [{"quantity": 1.5}]}, "/body/needs/0/quantity"),
        ({"needs": [{"quantity": 100_001}]}, "/body/needs/0/quantity"),
        ({"needs": [{"commander": "张某"}]}, "/body/needs/0/commander"),
        ({"needs": [{"muster_point": "找张某13912345678"}]}, "/body/needs/0/muster_point"),
        ({"needs": [{"starts_at": "2026-12-12"}]}, "/body/needs/0/starts_at"),
        ({"needs": [{"starts_at": "2026-12-12T14:00:00+08:00", "ends_at": "2026-12-12T06:00:00Z"}]},
         "/body/needs/0/ends_at"),
        ({"needs": [None]}, "/body/needs/0"),
        ({"needs": [PEOPLE] * 33}, "/body/needs"),
        ({"needs": "police"}, "/body/needs"),
        ({"reply_by": "2026-12-10T18:00:00"}, "/body/reply_by"),
        ({"channel": "x" * 201}, "/body/channel"),
        ({"channel": "张某 139-1234-5678"}, "/body/channel"),
        ({"outcome": "accepted"}, "/body/outcome"),
    ],
)  # fmt: skip
def test_a_request_that_is_wrong_is_refused_where_it_is_wrong(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(Problem) as caught:
        record.load(payload("assistance_request", body=body("assistance_request", **changes)))
    assert (caught.value.code, caught.value.where) == (Code.INVALID, where)


@pytest.mark.parametrize(
    "changes, where",
    [
        ({"outcome": "received"}, "/body/outcome"),
        ({"state": "on_the_way"}, "/body/state"),
        ({"provides": [{"need": "tanks"}]}, "/body/provides/0/need"),
        ({"provides": [{"starts_at": "2026-12-12T14:00:00Z", "ends_at": "2026-12-12T14:00:00Z"}]},
         "/body/provides/0/ends_at"),
        ({"reason": "x" * 501}, "/body/reason"),
        ({"reason": "110105 19491231 002X"}, "/body/reason"),
        ({"needs": []}, "/body/needs"),
    ],
)  # fmt: skip
def test_a_reply_that_is_wrong_is_refused_where_it_is_wrong(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(Problem) as caught:
        record.load(payload("assistance_reply", body=body("assistance_reply", **changes)))
    assert (caught.value.code, caught.value.where) == (Code.INVALID, where)


def test_whatever_may_be_asked_for_may_be_provided() -> None:
    forces = [{"need": need, "quantity": 1} for need in NEED.codes]
    record.load(payload("assistance_request", body={"needs": forces}))
    record.load(payload("assistance_reply", body={"outcome": "accepted", "provides": forces}))


def test_a_refusal_needs_neither_forces_nor_a_state() -> None:
    for reason in (None, "同日本市另有勤务"):
        record.load(payload("assistance_reply", body={"outcome": "declined", "reason": reason}))
