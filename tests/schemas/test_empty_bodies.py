"""Kinds of which no single member is required: any one is enough, and none is a mistake."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_examples import LENIENT, body, payload

from hub.errors import Code, Problem
from schemas import record


def refused(name: str, value: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        record.load(payload(name, body=value))
    assert caught.value.code is Code.INVALID
    return caught.value


@pytest.mark.parametrize("name", LENIENT)
def test_every_member_may_be_null_or_absent(name: str) -> None:
    for member in body(name):
        absent = body(name)
        del absent[member]
        assert record.load(payload(name, body=absent)).body == absent
        record.load(payload(name, body={**absent, member: None}))


@pytest.mark.parametrize("name", LENIENT)
def test_any_one_member_makes_a_record(name: str) -> None:
    for member, value in body(name).items():
        record.load(payload(name, body={member: value}))


@pytest.mark.parametrize("name", LENIENT)
@given(st.data())
@settings(deadline=None, max_examples=25)
def test_a_body_that_says_nothing_is_refused_as_a_whole(name: str, data: st.DataObject) -> None:
    nulls = data.draw(st.dictionaries(st.sampled_from(sorted(body(name))), st.none()))
    problem = refused(name, nulls)
    assert (problem.where, problem.detail) == ("/body", "Must say something: every member is empty.")


@pytest.mark.parametrize(
    "name, nothing",
    [
        ("assistance_request", {"needs": []}),
        ("assistance_request", {"channel": ""}),
        ("joint_inspection", {"place": {}, "organisations": []}),
        ("ecology_lead", {"evidence": [], "state": None}),
        ("risk_notice", {"statement": "", "measures": ""}),
    ],
)
def test_what_is_empty_says_nothing(name: str, nothing: dict[str, Any]) -> None:
    assert refused(name, nothing).where == "/body"


@pytest.mark.parametrize("name", LENIENT)
def test_a_member_that_is_unknown_says_nothing(name: str) -> None:
    assert refused(name, {"remark": "x"}).where == "/body/remark"
    assert refused(name, {**body(name), "remark": "x"}).where == "/body/remark"
