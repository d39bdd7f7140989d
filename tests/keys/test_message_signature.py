"""Signed requests and answers: both ways of reading them agree, and what is altered is refused."""

from __future__ import annotations

import base64
import hashlib
import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from keys import plain_form
from keys.message_signature import (
    VerifiedRequest,
    check_digest,
    content_digest,
    sign_request,
    sign_response,
    verify_by_library,
    verify_request,
    verify_response,
)
from keys.suite import VerifyKey, generate_signing

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
ADDRESS = "http://127.0.0.1:8080/v1/records?after=-1&limit=10"
BODY = b'{"records": []}'
KEY = generate_signing()


def resolve(kid: str) -> VerifyKey:
    if kid != KEY.kid:
        raise Problem(Code.UNKNOWN_KEY, "another key")
    return KEY.public


def signed(body: bytes | None = BODY, method: str = "POST", address: str = ADDRESS) -> dict[str, str]:
    return sign_request(method, address, body, KEY, now=NOW, nonce=os.urandom(16))


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def outcome(way: object, headers: dict[str, str], has_body: bool) -> VerifiedRequest | Code:
    try:
        return way("POST", ADDRESS, lower(headers), resolve, now=NOW, has_body=has_body)  # type: ignore[operator]
    except Problem as problem:
        return problem.code


@pytest.mark.parametrize("body", [BODY, None])
def test_what_is_signed_is_plain_and_means_the_same_to_the_library(body: bytes | None) -> None:
    headers = signed(body)
    assert plain_form.read_request("POST", ADDRESS, lower(headers)) is not None
    quick = outcome(verify_request, headers, body is not None)
    assert isinstance(quick, VerifiedRequest)
    assert quick == outcome(verify_by_library, headers, body is not None)


SPOILING = [
    ("created=", "created=1"),
    ('tag="exchange"', 'tag="other"'),
    ('alg="ed25519"', 'alg="hmac-sha256"'),
    (';alg="ed25519"', ""),
    (';tag="exchange"', ""),
    (';nonce="', ';n="'),
    ('nonce="', 'nonce="\\"'),
    ('"@method" ', ""),
    (' "content-digest"', ""),
    ('("@method"', '( "@method"'),
    ('"@method" "@target-uri"', '"@target-uri" "@method"'),
    ("sig1=", "sig2="),
    ("sig1=", "sig1 ="),
    (";created", "; created"),
    (";created", ";created=1;created"),
    ('keyid="', 'keyid="x'),
    ('"@method"', '"@METHOD"'),
    ('"@method"', '"@method";req'),
]


@pytest.mark.parametrize(("old", "new"), SPOILING)
def test_a_spoilt_signature_input_ends_alike_in_both_ways(old: str, new: str) -> None:
    headers = signed()
    assert old in headers["Signature-Input"]
    headers["Signature-Input"] = headers["Signature-Input"].replace(old, new, 1)
    assert outcome(verify_request, headers, True) == outcome(verify_by_library, headers, True)


@settings(deadline=None)
@given(st.data())
def test_changing_any_character_of_any_field_ends_alike_in_both_ways(data: st.DataObject) -> None:
    headers = signed()
    name = data.draw(st.sampled_from(sorted(headers)))
    place = data.draw(st.integers(0, len(headers[name]) - 1))
    put = data.draw(st.sampled_from([*'"();:=, aA0+/-_\\é\t', "", '""', "  "]))
    headers[name] = headers[name][:place] + put + headers[name][place + 1 :]
    assert outcome(verify_request, headers, True) == outcome(verify_by_library, headers, True)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["signature", "signature-input", "content-digest"]), st.text(max_size=80))
)
def test_any_fields_end_in_one_of_our_problems(headers: dict[str, str]) -> None:
    assert isinstance(outcome(verify_request, headers, True), Code)


@pytest.mark.parametrize("off", [-301, 301])
def test_a_clock_too_far_off_is_stale(off: int) -> None:
    with pytest.raises(Problem) as refused:
        verify_request("POST", ADDRESS, signed(), resolve, now=NOW + timedelta(seconds=off), has_body=True)
    assert refused.value.code is Code.STALE


def test_a_signature_over_another_path_or_method_does_not_hold() -> None:
    for method, address in (("GET", ADDRESS), ("POST", ADDRESS + "0")):
        with pytest.raises(Problem) as refused:
            verify_request(method, address, signed(), resolve, now=NOW, has_body=True)
        assert refused.value.code is Code.BAD_SIGNATURE


def test_another_body_than_the_signed_one_is_refused() -> None:
    headers = signed()
    check_digest(headers, BODY)
    with pytest.raises(Problem) as refused:
        check_digest(headers, BODY + b" ")
    assert refused.value.code is Code.BAD_SIGNATURE


def other_digest(body: bytes) -> str:
    return f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:"


def test_a_digest_by_another_algorithm_alone_is_none_though_it_fits() -> None:
    with pytest.raises(Problem) as refused:
        check_digest({"Content-Digest": other_digest(BODY)}, BODY)
    assert refused.value.code is Code.UNSIGNED


def test_beside_another_digest_it_is_ours_that_must_fit() -> None:
    both = f"{other_digest(BODY)}, {content_digest(BODY)}"
    check_digest({"Content-Digest": both}, BODY)
    for body, field in ((BODY + b" ", both), (BODY, f"{other_digest(BODY)}, {content_digest(b'other')}")):
        with pytest.raises(Problem) as refused:
            check_digest({"Content-Digest": field}, body)
        assert refused.value.code is Code.BAD_SIGNATURE


@pytest.mark.parametrize("name", ["signature", "signature-input", "content-digest"])
def test_a_refusal_repeats_nothing_of_what_was_sent(name: str) -> None:
    headers = lower(signed()) | {name: 'sig1=("13912345678";x=13912345678'}
    for way in (verify_request, verify_by_library):
        with pytest.raises(Problem) as refused:
            way("POST", ADDRESS, headers, resolve, now=NOW, has_body=True)
        assert "13912345678" not in refused.value.detail


@pytest.mark.parametrize("spelling", ["{}", "other=1, {}"])
def test_an_answer_is_bound_to_its_request_however_that_is_spelt(spelling: str) -> None:
    asked = signed()
    asked["Signature"] = spelling.format(asked["Signature"])
    answer = sign_response(200, b"{}", asked, KEY, now=NOW)
    verify_response(200, answer, b"{}", asked, resolve)
    for status, body, request in ((201, b"{}", asked), (200, b"{ }", asked), (200, b"{}", signed())):
        with pytest.raises(Problem):
            verify_response(status, answer, body, request, resolve)


def test_an_answer_to_an_unsigned_request_is_signed_unbound_and_does_not_pass_for_a_bound_one() -> None:
    answer = sign_response(200, b"{}", {}, KEY, now=NOW)
    verify_response(200, answer, b"{}", {}, resolve)
    with pytest.raises(Problem) as refused:
        verify_response(200, answer, b"{}", signed(), resolve)
    assert refused.value.code is Code.UNSIGNED
