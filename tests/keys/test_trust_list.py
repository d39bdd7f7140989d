"""Trust list and agreements: strictly read, each key once, validity and revocation as the contract has them."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trust_region import NOW, Region, listed, signing_key, unseal_key, verifier_key

from hub.errors import Code, Problem
from keys.suite import generate_signing
from keys.trust_list import Target, Trust, TrustedKey, combine
from keys.trust_schema import TARGET_BYTES, parse_agreements, parse_trust_list

TARGETS = (Target("trust-list.json", 1, "00"), Target("agreements.json", 1, "00"))


def written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def trust(region: Region) -> Trust:
    return combine(
        parse_trust_list(written(region.trust_list)),
        parse_agreements(written(region.agreements)),
        TARGETS,
        NOW,
    )


def test_it_reads_what_the_contract_lists(region: Region) -> None:
    read = trust(region)
    yulin = read.cities["610800"]
    assert (yulin.name, yulin.province, yulin.node) == ("榆林市", "陕西省", "610800.exchange")
    assert read.nodes["610800.exchange"].log.startswith("610800.exchange+")
    assert read.auditors["shaanxi.audit"].scope == {"610800"}
    assert read.agreements["border-2026"].parties == {"610800", "150600"}
    assert read.agreements["border-2026"].valid_until == datetime(2028, 12, 31, 16, 0, tzinfo=UTC)
    assert read.quorum == 1


def test_a_kid_leads_to_its_key_owner_and_use(region: Region) -> None:
    read = trust(region)
    key = read.key(signing_key("610800/mediation").public.kid)
    assert key is not None
    assert (key.owner, key.owner_kind, key.use, key.system) == ("610800", "city", "sign", "610800/mediation")
    assert key.may_sign("alert") and not key.may_sign("risk_notice")
    assert key.verify_key == signing_key("610800/mediation").public
    assert read.key("unknown") is None


def test_seal_node_and_audit_keys_sign_no_records(region: Region) -> None:
    read = trust(region)
    for kid in (unseal_key("610800").public.kid, *(signing_key(n).public.kid for n in ("610800.exchange",))):
        key = read.key(kid)
        assert key is not None and not key.may_sign("alert")


def test_a_seal_key_checks_no_signatures(region: Region) -> None:
    key = trust(region).key(unseal_key("610800").public.kid)
    assert key is not None
    with pytest.raises(Problem):
        _ = key.verify_key


def test_a_sign_key_without_kinds_signs_nothing(region: Region) -> None:
    region.trust_list["cities"][0]["keys"][0]["kinds"] = None
    key = trust(region).key(signing_key("610800/mediation").public.kid)
    assert key is not None and not key.may_sign("alert")


def test_the_witness_of_a_node_counts_until_the_last_of_its_keys_is_revoked(region: Region) -> None:
    own, other = (each["name"] for each in region.trust_list["nodes"])
    keys = region.trust_list["nodes"][1]["keys"]
    keys.append(listed(signing_key("another key of the node").public, "node"))

    def witnesses() -> list[str]:
        return [each.name for each in trust(region).witnesses_for(own)]

    assert witnesses() == [other]
    keys[0]["revoked_at"] = "2026-11-21T00:00:00Z"
    assert witnesses() == [other]
    keys[1]["revoked_at"] = "2026-11-21T00:00:00Z"
    assert witnesses() == []
    assert [each.name for each in trust(region).witnesses_for(other)] == [own]


def test_a_node_hosts_the_cities_that_name_it(region: Region) -> None:
    region.trust_list["cities"][1]["node"] = "610800.exchange"
    read = trust(region)
    assert read.hosted_by("610800.exchange") == {"610800", "150600"}
    assert read.hosted_by("150600.exchange") == frozenset()
    assert read.hosted_by("nobody") == frozenset()


def test_a_part_is_sealed_to_the_newest_valid_key(region: Region) -> None:
    newer = listed(unseal_key("newer").public, "seal", not_before="2026-11-01T00:00:00+08:00")
    future = listed(unseal_key("future").public, "seal", not_before="2027-01-01T00:00:00+08:00")
    revoked = listed(
        unseal_key("revoked").public,
        "seal",
        not_before="2026-11-10T00:00:00+08:00",
        revoked_at="2026-11-15T00:00:00+08:00",
    )
    region.trust_list["cities"][0]["keys"] += [newer, future, revoked]
    read = trust(region)
    assert read.seal_key("610800", NOW) == unseal_key("newer").public
    assert read.seal_key("610800", NOW - timedelta(days=60)) == unseal_key("610800").public
    assert read.seal_key("610800", NOW + timedelta(days=3650)) is None
    assert read.seal_key("999999", NOW) is None


def key_with(not_before: datetime, not_after: datetime, revoked_at: datetime | None) -> TrustedKey:
    key = signing_key("window").public
    kinds = frozenset({"alert"})
    return TrustedKey(
        key, key.kid, "sign", "610800", "city", "610800/x", kinds, not_before, not_after, revoked_at
    )


SECOND = timedelta(seconds=1)
FROM, UNTIL, REVOKED = NOW, NOW + timedelta(days=100), NOW + timedelta(days=50)


@pytest.mark.parametrize(
    ("issued_at", "accepted_at", "revoked_at", "valid"),
    [
        (FROM, FROM, None, True),
        (FROM - SECOND, FROM, None, False),
        (UNTIL - SECOND, UNTIL + timedelta(days=9), None, True),
        (UNTIL, UNTIL, None, False),
        (FROM, REVOKED - SECOND, REVOKED, True),
        (FROM, REVOKED, REVOKED, False),
        (FROM, REVOKED + SECOND, REVOKED, False),
        (REVOKED + SECOND, REVOKED - SECOND, REVOKED, True),
    ],
)
def test_a_signature_is_valid_inside_its_window_and_before_revocation(
    issued_at: datetime, accepted_at: datetime, revoked_at: datetime | None, valid: bool
) -> None:
    assert key_with(FROM, UNTIL, revoked_at).valid_at(issued_at, accepted_at) is valid


def test_an_agreement_is_in_force_from_its_first_moment_to_before_its_last(region: Region) -> None:
    agreement = trust(region).agreements["border-2026"]
    assert agreement.in_force(agreement.valid_from)
    assert not agreement.in_force(agreement.valid_from - SECOND)
    assert not agreement.in_force(agreement.valid_until)


def test_times_in_other_offsets_are_the_same_moment(region: Region) -> None:
    region.trust_list["cities"][0]["keys"][0]["not_before"] = "2025-12-31T16:00:00Z"
    key = trust(region).key(signing_key("610800/mediation").public.kid)
    assert key is not None and key.not_before == datetime.fromisoformat("2026-01-01T00:00:00+08:00")


def at(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


CITY_KEY = ("cities", 0, "keys", 0)
OTHER_KEY = generate_signing().public
FIRST = Region().trust_list["cities"][0]["keys"][0]
FIRST_NODE = Region().trust_list["nodes"][0]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("more",), 1),
        (("version",), 0),
        (("version",), True),
        (("version",), 1.0),
        (("version",), "1"),
        (("version",), ...),
        (("quorum",), -1),
        (("quorum",), 3),
        (("cities",), []),
        (("cities",), {}),
        (("cities", 0), None),
        (("cities", 0, "more"), 1),
        (("cities", 0, "code"), "61080"),
        (("cities", 0, "code"), 610800),
        (("cities", 0, "code"), "150600"),
        (("cities", 0, "code"), "６１０８００"),
        (("cities", 0, "name"), ""),
        (("cities", 0, "name"), "榆林\n市"),
        (("cities", 0, "name"), "市" * 101),
        (("cities", 0, "node"), "absent.exchange"),
        ((*CITY_KEY, "kid"), OTHER_KEY.kid),
        ((*CITY_KEY, "jwk"), OTHER_KEY.jwk),
        ((*CITY_KEY, "jwk", "x"), "A" * 43),
        ((*CITY_KEY, "jwk", "d"), "A" * 43),
        ((*CITY_KEY, "jwk"), None),
        ((*CITY_KEY, "use"), "seal"),
        ((*CITY_KEY, "use"), "node"),
        ((*CITY_KEY, "use"), "audit"),
        ((*CITY_KEY, "use"), "log"),
        ((*CITY_KEY, "use"), ...),
        ((*CITY_KEY, "system"), None),
        ((*CITY_KEY, "system"), "150600/mediation"),
        ((*CITY_KEY, "system"), "610800"),
        ((*CITY_KEY, "kinds"), ["*"]),
        ((*CITY_KEY, "kinds"), "*"),
        ((*CITY_KEY, "kinds"), []),
        ((*CITY_KEY, "kinds"), ["alert", "alert"]),
        ((*CITY_KEY, "not_before"), "2026-01-01"),
        ((*CITY_KEY, "not_before"), "2026-01-01T00:00:00"),
        ((*CITY_KEY, "not_before"), "2026-13-01T00:00:00Z"),
        ((*CITY_KEY, "not_before"), 1),
        ((*CITY_KEY, "not_before"), ...),
        ((*CITY_KEY, "not_after"), None),
        ((*CITY_KEY, "not_after"), FIRST["not_before"]),
        ((*CITY_KEY, "revoked_at"), "soon"),
        (("cities", 0, "keys", 1, "use"), "sign"),
        (("cities", 0, "keys", 1, "kinds"), ["alert"]),
        (("cities", 0, "keys", 1, "system"), "610800/mediation"),
        (("cities", 1, "keys", 0), FIRST),
        (("nodes", 0, "keys", 0), FIRST),
        (("nodes", 0, "keys", 0, "use"), "sign"),
        (("nodes", 0, "keys", 0), listed(signing_key("610800.exchange log").public, "node")),
        (("nodes", 0, "name"), "150600.exchange"),
        (("nodes", 0, "name"), "610800 exchange"),
        (("nodes", 0, "url"), "ftp://610800.example"),
        (("nodes", 0, "url"), "https://user@610800.example"),
        (("nodes", 0, "url"), "https://610800.example/?a"),
        (("nodes", 0, "url"), "javascript:alert(1)"),
        (("nodes", 0, "log"), "610800.exchange"),
        (("nodes", 0, "log"), FIRST_NODE["witness"]),
        (("nodes", 0, "log"), verifier_key("other", OTHER_KEY, 1)),
        (("nodes", 0, "log"), FIRST_NODE["log"].replace("+", "+0", 1)),
        (("nodes", 0, "log"), verifier_key("610800.exchange", OTHER_KEY, 1).replace("+", "+00000000", 1)),
        (("nodes", 0, "witness"), FIRST_NODE["log"]),
        (
            ("nodes", 0, "witness"),
            verifier_key("610800.exchange", signing_key("610800.exchange log").public, 4),
        ),
        (("auditors", 0, "scope"), ["640300"]),
        (("auditors", 0, "scope"), []),
        (("auditors", 0, "keys", 0, "use"), "node"),
    ],
)
def test_a_trust_list_that_is_wrong_in_one_thing_is_refused(
    region: Region, path: tuple[str | int, ...], value: Any
) -> None:
    with pytest.raises(Problem) as refused:
        parse_trust_list(written(at(region.trust_list, path, value)))
    assert refused.value.code is Code.INVALID
    assert refused.value.where is not None


def test_a_refusal_points_to_the_member(region: Region) -> None:
    with pytest.raises(Problem) as refused:
        parse_trust_list(written(at(region.trust_list, ("cities", 1, "keys", 0, "not_after"), "x")))
    assert refused.value.where == "/cities/1/keys/0/not_after"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("more",), 1),
        (("agreements", 0, "more"), 1),
        (("agreements", 0, "id"), "a b"),
        (("agreements", 0, "parties"), ["610800"]),
        (("agreements", 0, "parties"), ["610800", "610800"]),
        (("agreements", 0, "kinds"), []),
        (("agreements", 0, "kinds"), ["*"]),
        (("agreements", 0, "highest_marking"), "amber-strict"),
        (("agreements", 0, "highest_marking"), None),
        (("agreements", 0, "retention_days"), 0),
        (("agreements", 0, "retention_days"), True),
        (("agreements", 0, "valid_until"), "2025-01-01T00:00:00+08:00"),
        (("agreements", 0, "legal_basis"), ...),
    ],
)
def test_agreements_that_are_wrong_in_one_thing_are_refused(
    region: Region, path: tuple[str | int, ...], value: Any
) -> None:
    with pytest.raises(Problem) as refused:
        parse_agreements(written(at(region.agreements, path, value)))
    assert refused.value.code is Code.INVALID


def test_two_agreements_of_one_id_are_refused(region: Region) -> None:
    region.agreements["agreements"] *= 2
    with pytest.raises(Problem, match="twice"):
        parse_agreements(written(region.agreements))


def test_an_agreement_with_a_stranger_is_refused_when_the_two_are_combined(region: Region) -> None:
    region.agreements["agreements"][0]["parties"].append("640300")
    with pytest.raises(Problem) as refused:
        trust(region)
    assert refused.value.code is Code.INVALID and refused.value.where == "/agreements/0/parties"


@pytest.mark.parametrize("marking", ["clear", "green", "amber", "amber+strict", "red"])
def test_every_marking_can_be_the_highest(region: Region, marking: str) -> None:
    region.agreements["agreements"][0]["highest_marking"] = marking
    assert trust(region).agreements["border-2026"].highest_marking == marking


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"null", b'{"version":1,"version":1}', b"\xff", b"[" * 10**6, b"{"]
)
def test_what_is_not_one_json_object_is_malformed(text: bytes) -> None:
    for parse in (parse_trust_list, parse_agreements):
        with pytest.raises(Problem) as refused:
            parse(text)
        assert refused.value.code is Code.MALFORMED


def test_an_overlong_target_is_not_even_parsed() -> None:
    with pytest.raises(Problem) as refused:
        parse_trust_list(b" " * (TARGET_BYTES + 1))
    assert refused.value.code is Code.TOO_LARGE


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def paths(document: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    steps: Any = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for step, inner in steps:
        found.append((*path, step))
        if isinstance(inner, dict | list):
            found += paths(inner, (*path, step))
    return found


@given(data=st.data(), value=JSON_LIKE)
@settings(deadline=None, max_examples=300)
def test_any_value_at_any_place_of_a_trust_list_is_read_or_a_problem(data: st.DataObject, value: Any) -> None:
    document = Region().trust_list
    path = data.draw(st.sampled_from(paths(document)))
    try:
        parse_trust_list(written(at(document, path, value)))
    except Problem as refused:
        assert refused.code in (Code.INVALID, Code.MALFORMED)


@given(data=st.data(), value=JSON_LIKE)
@settings(deadline=None, max_examples=200)
def test_any_value_at_any_place_of_the_agreements_is_read_or_a_problem(
    data: st.DataObject, value: Any
) -> None:
    document = Region().agreements
    path = data.draw(st.sampled_from(paths(document)))
    try:
        parse_agreements(written(at(document, path, value)))
    except Problem as refused:
        assert refused.code in (Code.INVALID, Code.MALFORMED)


@given(st.binary(max_size=200) | JSON_LIKE.map(lambda value: json.dumps(value).encode()))
@settings(deadline=None)
def test_any_bytes_are_a_problem(target: bytes) -> None:
    for parse in (parse_trust_list, parse_agreements):
        with pytest.raises(Problem):
            parse(target)
