"""Faults: all of them, in the order of their pointers, in both languages, and repeating no value."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError
from record_examples import KIND_NAMES, body, members, private
from record_strategies import spoiled

from schemas.faults import Fault, faults, first_fault
from schemas.kinds import kind, payload_schema

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def errors_of(schema: Any, value: Any) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        schema.load(value)
    return caught.value


def told(name: str, value: Any) -> list[Fault]:
    return faults(errors_of(kind(name, 1).body(), value))


def test_all_faults_are_told_in_the_order_of_their_pointers() -> None:
    broken = body(
        "alert",
        urgency="now",
        areas=[{"geocodes": ["610822"]}] * 2 + [{"geocodes": ["61"]}] * 10,
        colour="pink",
        xyz=1,
    )
    del broken["event"]
    assert [fault.where for fault in told("alert", broken)] == [
        *(f"/areas/{number}/geocodes/0" for number in range(2, 12)),
        "/colour",
        "/event",
        "/urgency",
        "/xyz",
    ]


def test_the_rules_across_members_are_told_like_any_other() -> None:
    late = body("alert", message_type="update", expires="2026-11-20T08:30:00+08:00")
    assert told("alert", late) == [
        Fault("/expires", "Must be later than effective.", "须晚于 effective"),
        Fault(
            "/references", "An update or a cancel must name what it changes.", "更新或解除须引用所变更的预警"
        ),
    ]
    assert told("risk_notice", {}) == [
        Fault("", "Must say something: every member is empty.", "至少须填写一项")
    ]


def test_a_member_that_the_sender_made_up_is_named_only_if_its_name_is_plain_and_told_once() -> None:
    broken = body("alert", **{"13912345678": 1, "张某 13812345678": 2, "xyz": 3, "a/b~c": 4})
    assert told("alert", broken) == [
        Fault("", "Holds a member that the schema does not have.", "含有模式中没有的项"),
        Fault("/xyz", "The schema has no such member.", "模式中没有这一项"),
    ]


def test_the_first_fault_says_how_many_more_there_are() -> None:
    error = errors_of(kind("alert", 1).body(), body("alert", status=None, colour="pink"))
    first = first_fault(error)
    assert first == Fault("/status", "Must not be null. (1 more)", "不得为 null（另有 1 处）")
    assert faults(error)[1] == Fault("/status", "Must not be null.", "不得为 null")


@pytest.mark.parametrize(
    "member, value, detail, zh",
    [
        ("headline", 5, "Must be text.", "须为文字"),
        ("headline", "", "Must not be empty.", "不得为空"),
        ("headline", "x" * 301, "Must have at most 300 characters.", "最多 300 个字符"),
        ("headline", "拨打13912345678", "Holds what looks like a mobile phone number.", "疑似含有手机号码"),
        ("acknowledge_within", 0, "Must be a whole number from 1 to 10080.", "须为 1 至 10080 的整数"),
        ("urgency", None, "Must not be null.", "不得为 null"),
        ("category", [], "Must have at least 1 items.", "最少 1 项"),
        ("category", ["fire", "fire"], "Must not name anything twice.", "不得重复"),
        (
            "message_type",
            "x",
            "Must be one of: alert, update, cancel.",
            "须为下列代码之一:alert, update, cancel",
        ),
    ],
)
def test_a_fault_is_told_in_both_languages(member: str, value: Any, detail: str, zh: str) -> None:
    assert told("alert", body("alert", **{member: value})) == [Fault(f"/{member}", detail, zh)]


def test_what_is_no_object_is_told_at_the_whole() -> None:
    assert told("alert", []) == [Fault("", "Must be an object.", "须为对象")]


def test_faults_of_a_sealed_part_are_told_too() -> None:
    case = kind("mediation_case", 1)
    assert case.private is not None
    error = errors_of(case.private(), {**private(), "minutes": "110105 19491231 002X"})
    assert faults(error) == [
        Fault("/minutes", "Holds what looks like an identity-document number.", "疑似含有身份证件号码")
    ]


@pytest.mark.parametrize("name", KIND_NAMES)
@given(st.data())
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
def test_whatever_is_wrong_has_words_of_its_own_in_both_languages(name: str, data: st.DataObject) -> None:
    try:
        payload_schema(name, 1).load(data.draw(spoiled(name, type(payload_schema(name, 1)))))
    except ValidationError as error:
        found = faults(error)
        assert found
        assert len(set(found)) == len(found)
        for fault in [*found, first_fault(error)]:
            assert CHINESE.search(fault.zh) and fault.zh != "不符合模式"
            assert fault.detail and not CHINESE.search(fault.detail)


def test_a_good_record_has_no_faults() -> None:
    for name in KIND_NAMES:
        assert payload_schema(name, 1).validate(members(name)) == {}
