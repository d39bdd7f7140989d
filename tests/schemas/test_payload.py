"""A record's payload: what is accepted, and what is refused where (wire contract, section 2)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_examples import (
    ALERT_ID,
    KIND_NAMES,
    SEALED,
    STANDS_ON_ANOTHER,
    body,
    members,
    payload,
    private,
    write,
)

from hub.errors import Code, Problem
from schemas import record
from schemas.kinds import kind, load_private
from schemas.limits import RECORD_BYTES


def refused(raw: bytes, code: Code = Code.INVALID) -> Problem:
    with pytest.raises(Problem) as caught:
        record.load(raw)
    assert caught.value.code is code
    return caught.value


@pytest.mark.parametrize("name", KIND_NAMES)
def test_worked_examples_are_accepted_exactly_as_shown(name: str) -> None:
    accepted = record.load(payload(name))
    assert accepted.body == body(name)
    assert (accepted.kind, accepted.version, accepted.sender) == (name, 1, "610800")
    assert accepted.recipients == ("150600", "640300")
    assert accepted.issued_at == datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
    assert accepted.issued_at.utcoffset() is not None
    assert accepted.expires_at is not None


@pytest.mark.parametrize("name", KIND_NAMES)
def test_spaced_and_escaped_payloads_are_the_same_record(name: str) -> None:
    assert record.load(json.dumps(members(name), indent=2).encode()) == record.load(payload(name))


@pytest.mark.parametrize("name", KIND_NAMES)
def test_the_quick_and_the_slow_way_give_the_same_record(name: str) -> None:
    assert record.explain(payload(name)) == record.load(payload(name))


@pytest.mark.parametrize("name", KIND_NAMES)
@pytest.mark.parametrize("member", sorted(members("alert")))
def test_every_member_of_the_envelope_must_be_there(name: str, member: str) -> None:
    without = members(name)
    del without[member]
    assert refused(write(without)).where == f"/{member}"


@pytest.mark.parametrize(
    "changes, where",
    [
        ({"id": ALERT_ID.upper()}, "/id"),
        ({"id": "019aa4f0-7c11-4def-8123-4567890abcde"}, "/id"),
        ({"id": "019aa4f0-7c11-7def-c123-4567890abcde"}, "/id"),
        ({"id": ALERT_ID + "\n"}, "/id"),
        ({"id": None}, "/id"),
        ({"kind": 5}, "/kind"),
        ({"kind": None}, "/kind"),
        ({"version": "1"}, "/version"),
        ({"version": True}, "/version"),
        ({"version": 0}, "/version"),
        ({"revision": 0}, "/revision"),
        ({"revision": True}, "/revision"),
        ({"revision": 2}, "/previous"),
        ({"previous": "ab" * 32}, "/previous"),
        ({"revision": 2, "previous": "AB" * 32}, "/previous"),
        ({"from": "61080"}, "/from"),
        ({"from": 610800}, "/from"),
        ({"to": []}, "/to"),
        ({"to": "150600"}, "/to"),
        ({"to": {"150600": 1}}, "/to"),
        ({"to": ["150600", "150600"]}, "/to"),
        ({"to": ["150600", "610800"]}, "/to/1"),
        ({"to": ["150600", None]}, "/to/1"),
        ({"to": [str(150000 + n) for n in range(33)]}, "/to"),
        ({"issued_at": "2026-11-21T08:30:00"}, "/issued_at"),
        ({"issued_at": "2026-11-21 08:30:00+08:00"}, "/issued_at"),
        ({"issued_at": "2026-11-21t08:30:00z"}, "/issued_at"),
        ({"issued_at": "2026-11-21T08:30:00+0800"}, "/issued_at"),
        ({"issued_at": "2026-02-30T08:30:00Z"}, "/issued_at"),
        ({"issued_at": "2026-11-21T08:30:60Z"}, "/issued_at"),
        ({"issued_at": "0001-01-01T00:00:00+08:00"}, "/issued_at"),
        ({"issued_at": 1763685000}, "/issued_at"),
        ({"expires_at": "2026-11-21T08:30:00+08:00"}, "/expires_at"),
        ({"expires_at": "2026-11-21T00:29:59Z"}, "/expires_at"),
        ({"marking": "TLP:RED"}, "/marking"),
        ({"marking": "white"}, "/marking"),
        ({"agreement": ""}, "/agreement"),
        ({"agreement": "x" * 129}, "/agreement"),
        ({"agreement": "联系13912345678"}, "/agreement"),
        ({"subject": "x"}, "/subject"),
        ({"withdrawn": "录入错误"}, "/body"),
        ({"withdrawn": ""}, "/withdrawn"),
        ({"withdrawn": 1}, "/withdrawn"),
        ({"withdrawn": "张某13912345678", "body": None}, "/withdrawn"),
        ({"salt": "AAECAwQFBgcICQoLDA0OD"}, "/salt"),
        ({"salt": "AAECAwQFBgcICQoLDA0ODw=="}, "/salt"),
        ({"salt": "AAECAwQFBgcICQoLDA0ODx"}, "/salt"),
        ({"salt": "AAECAwQFBgcICQoLDA0OD+"}, "/salt"),
        ({"body": None}, "/body"),
        ({"body": []}, "/body"),
        ({"body": "x"}, "/body"),
        ({"sealed": SEALED}, "/sealed"),
        ({"extra": 1}, "/extra"),
        ({"_schema": 1}, ""),
    ],
)
def test_an_envelope_that_breaks_a_rule_is_refused_where_it_breaks(
    changes: dict[str, Any], where: str
) -> None:
    assert refused(payload("alert", **changes)).where == where


@pytest.mark.parametrize("name", KIND_NAMES)
def test_what_stands_on_another_record_names_its_subject(name: str) -> None:
    unnamed = payload(name, subject=None)
    if name in STANDS_ON_ANOTHER:
        assert refused(unnamed).where == "/subject"
    else:
        assert record.load(unnamed).subject is None


@pytest.mark.parametrize("name", KIND_NAMES)
def test_only_kinds_with_a_private_schema_carry_a_sealed_part(name: str) -> None:
    sealed = payload(name, sealed=SEALED)
    if name in ("mediation_case", "case_contribution"):
        assert record.load(sealed).sealed == SEALED
    else:
        assert refused(sealed).where == "/sealed"


def test_a_later_revision_names_the_one_before() -> None:
    assert record.load(payload("alert", revision=2, previous="0f" * 32)).previous == "0f" * 32


def test_a_withdrawn_record_has_neither_body_nor_sealed_part() -> None:
    accepted = record.load(payload("mediation_case", withdrawn="重复录入", body=None))
    assert accepted.body is None
    withdrawn = payload("mediation_case", withdrawn="重复录入", body=None, sealed=SEALED)
    assert refused(withdrawn).where == "/sealed"


@pytest.mark.parametrize(
    "sealed, where",
    [
        ("x", "/sealed"),
        ({}, "/sealed"),
        ({**SEALED, "header": {}}, "/sealed"),
        ({**SEALED, "recipients": {}}, "/sealed"),
        ({**SEALED, "recipients": [{"encrypted_key": "AA", "x": 1}]}, "/sealed/recipients/0"),
        ({**SEALED, "ciphertext": 1}, "/sealed"),
    ],
)
def test_a_sealed_part_that_is_no_jwe_is_refused(sealed: Any, where: str) -> None:
    assert refused(payload("mediation_case", sealed=sealed)).where == where


def test_a_sealed_part_nested_too_deep_is_refused() -> None:
    header: Any = "x"
    for _ in range(20):
        header = {"a": header}
    sealed = {**SEALED, "recipients": [{"header": header}]}
    refused(payload("mediation_case", sealed=sealed), Code.MALFORMED)


@pytest.mark.parametrize(
    "changes", [{"kind": "horoscope"}, {"version": 2}, {"kind": "sports_day", "body": 5}]
)
def test_an_unknown_kind_or_version_is_named_as_such(changes: dict[str, Any]) -> None:
    refused(payload("alert", **changes), Code.UNKNOWN_KIND)


@pytest.mark.parametrize("raw", [b"[]", b"1", b"null", b'"x"', b"", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_object_is_malformed(raw: bytes) -> None:
    refused(raw, Code.MALFORMED)


def test_a_name_given_twice_is_malformed_even_deep_inside() -> None:
    raw = payload("alert").replace(b'"circle":null', b'"circle":null,"circle":null')
    refused(raw, Code.MALFORMED)
    refused(payload("alert").replace(b'"version":1', b'"version":1,"version":1'), Code.MALFORMED)


def test_a_record_beyond_the_limit_is_too_large() -> None:
    refused(b" " * (RECORD_BYTES + 1), Code.TOO_LARGE)


def test_a_made_up_member_is_pointed_to_only_if_its_name_is_plain() -> None:
    assert refused(payload("alert", body=body("alert", xyz=1))).where == "/body/xyz"
    told = refused(payload("alert", body=body("alert", **{"张某 13912345678": 1})))
    assert told.where == "/body"
    assert "139" not in str(told)
    told = refused(payload("alert", body=body("alert", **{"13912345678": 1})))
    assert told.where == "/body"


def test_details_never_repeat_a_value() -> None:
    secret = "13912345678"
    for changes in (
        {"body": body("alert", headline=f"请拨打{secret}")},
        {"body": body("alert", status=secret)},
        {"body": body("alert", expires=secret)},
        {"marking": secret},
        {"id": secret},
    ):
        assert secret not in str(refused(payload("alert", **changes)))


def test_a_record_is_written_only_if_it_would_be_accepted() -> None:
    raw = record.dump(members("alert"))
    assert record.load(raw) == record.load(payload("alert"))
    assert list(json.loads(raw)) == sorted(members("alert"))
    with pytest.raises(Problem):
        record.dump(members("alert", salt="x"))
    with pytest.raises(Problem):
        record.dump(members("alert", salt=object()))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_json_would_turn_to_null_is_not_written(number: float) -> None:
    venue = {**body("event_security")["venue"], "longitude": number}
    with pytest.raises(Problem) as caught:
        record.dump(members("event_security", body=body("event_security", venue=venue)))
    assert caught.value.where == "/body/venue/longitude"


def test_an_adapted_id_is_the_same_for_the_same_number_and_another_for_any_other() -> None:
    one = record.adapted_id("610800", "mediation", "2026/府/12")
    assert one == record.adapted_id("610800", "610800/mediation", "2026/府/12")
    assert one == "4e6b5562-109e-5953-905b-ee5c919b7a01"
    assert record.load(payload("alert", id=one)).id == one
    others = {
        record.adapted_id("150600", "mediation", "2026/府/12"),
        record.adapted_id("610800", "hotline", "2026/府/12"),
        record.adapted_id("610800", "mediation", "2026/府/13"),
    }
    assert len(others | {one}) == 4


@pytest.mark.parametrize(
    "parts", [("", "a", "1"), ("610800", "a/b", "1"), ("610800", "a", ""), ("6", "a", "\ud800")]
)
def test_an_adapted_id_is_not_made_of_what_could_be_read_in_two_ways(parts: tuple[str, str, str]) -> None:
    with pytest.raises(Problem):
        record.adapted_id(*parts)


@given(st.integers(0, 2**42), st.binary(min_size=10, max_size=10))
@settings(deadline=None, max_examples=50)
def test_a_new_id_is_a_version_7_uuid_of_its_time(milliseconds: int, random: bytes) -> None:
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    made = record.new_id(now, random)
    assert record.load(payload("alert", id=made)).id == made
    assert int(made.replace("-", "")[:12], 16) == milliseconds


def test_the_private_part_is_read_strictly() -> None:
    case = kind("mediation_case", 1)
    assert load_private(case, write(private())) == private()
    for broken, where in (
        ({**private(), "x": 1}, "/sealed/x"),
        ({**private(), "parties": [{"ethnicity": "x"}]}, "/sealed/parties/0/ethnicity"),
        ({**private(), "minutes": "身份证610821199003071234"}, "/sealed/minutes"),
        ([], "/sealed"),
    ):
        with pytest.raises(Problem) as caught:
            load_private(case, write(broken))
        assert (caught.value.code, caught.value.where) == (Code.INVALID, where)
    with pytest.raises(Problem):
        load_private(kind("alert", 1), b"{}")


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=300)
def test_random_bytes_end_in_a_named_refusal(raw: bytes) -> None:
    with pytest.raises(Problem):
        record.load(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*members("alert"), "x"]), inner, max_size=6)
        ),
        max_leaves=20,
    )
)
@settings(deadline=None, max_examples=300)
def test_random_json_ends_in_a_named_refusal(value: Any) -> None:
    with pytest.raises(Problem):
        record.load(json.dumps(value).encode())
