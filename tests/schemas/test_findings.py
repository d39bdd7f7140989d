"""Joint inspections, ecology leads and risk notices: what is refused, and where."""

from typing import Any

import pytest
from record_examples import body, payload

from hub.errors import Code, Problem
from schemas import record
from schemas.ecology_lead import MATTER
from schemas.joint_inspection import DOMAIN


def refused_at(name: str, changes: dict[str, Any]) -> str | None:
    with pytest.raises(Problem) as caught:
        record.load(payload(name, body=body(name, **changes)))
    assert caught.value.code is Code.INVALID
    return caught.value.where


@pytest.mark.parametrize(
    "changes, where",
    [
        ({"domain": "dust"}, "/body/domain"),
        ({"division": "府谷"}, "/body/division"),
        ({"place": {"latitude": 91}}, "/body/place/latitude"),
        ({"place": {"address": "x"}}, "/body/place/address"),
        ({"found_on": "2026-11-03T08:00:00+08:00"}, "/body/found_on"),
        ({"due_on": "2026-02-29"}, "/body/due_on"),
        ({"grade": "green"}, "/body/grade"),
        ({"finding": "负责人电话13912345678"}, "/body/finding"),
        ({"measures": "x" * 4001}, "/body/measures"),
        ({"state": "closed"}, "/body/state"),
        ({"organisations": ["x"] * 33}, "/body/organisations"),
        ({"organisations": ["x", 1]}, "/body/organisations/1"),
        ({"inspector": "张某"}, "/body/inspector"),
    ],
)
def test_an_inspection_that_is_wrong_is_refused_where_it_is_wrong(
    changes: dict[str, Any], where: str
) -> None:
    assert refused_at("joint_inspection", changes) == where


@pytest.mark.parametrize(
    "changes, where",
    [
        ({"matter": "air"}, "/body/matter"),
        ({"reach": "x" * 201}, "/body/reach"),
        ({"evidence": [{"sha256": "0f" * 31}]}, "/body/evidence/0/sha256"),
        ({"evidence": [{"sha256": "0F" * 32}]}, "/body/evidence/0/sha256"),
        ({"evidence": [{"content": "AAAA"}]}, "/body/evidence/0/content"),
        ({"evidence": [{"name": "张某13912345678.jpg"}]}, "/body/evidence/0/name"),
        ({"evidence": [{}] * 101}, "/body/evidence"),
        ({"offices": "府谷县人民检察院"}, "/body/offices"),
        ({"finding": "排污人110105 19491231 002X"}, "/body/finding"),
        ({"state": "ended"}, "/body/state"),
    ],
)
def test_a_lead_that_is_wrong_is_refused_where_it_is_wrong(changes: dict[str, Any], where: str) -> None:
    assert refused_at("ecology_lead", changes) == where


@pytest.mark.parametrize(
    "changes, where",
    [
        ({"field": "x" * 101}, "/body/field"),
        ({"field": 5}, "/body/field"),
        ({"grade": "purple"}, "/body/grade"),
        ({"statement": "张某,手机 139 1234 5678"}, "/body/statement"),
        ({"measures": ["x"]}, "/body/measures"),
        ({"reply_by": "2026-11-30"}, "/body/reply_by"),
        ({"state": "found"}, "/body/state"),
    ],
)
def test_a_notice_that_is_wrong_is_refused_where_it_is_wrong(changes: dict[str, Any], where: str) -> None:
    assert refused_at("risk_notice", changes) == where


def test_every_domain_and_every_matter_may_be_named() -> None:
    for domain in DOMAIN.codes:
        record.load(payload("joint_inspection", body=body("joint_inspection", domain=domain)))
    for matter in MATTER.codes:
        record.load(payload("ecology_lead", body=body("ecology_lead", matter=matter)))
