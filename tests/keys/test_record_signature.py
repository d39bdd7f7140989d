"""A record's JWS: one form is read, everything else is refused by name, and only `verify` makes it verified."""

from __future__ import annotations

import base64
import copy
import dataclasses
import hashlib
import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import OKPKey

from hub.errors import Code, Problem
from keys import record_signature
from keys.record_signature import SignedRecord, VerifiedRecord, parse, sign, verify
from keys.suite import base64url, signing_key_from_raw
from schemas.limits import RECORD_BYTES

KEY = signing_key_from_raw(bytes(range(32)))
OTHER = signing_key_from_raw(bytes(range(1, 33)))
HEADER = {"alg": "Ed25519", "typ": "record+jws", "kid": KEY.kid}
PAYLOAD = b'{"id":"018f"}'


def made(header: Any, payload: bytes = PAYLOAD) -> str:
    """A JWS with any header, rightly signed."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = f"{base64url(text)}.{base64url(payload)}"
    return f"{signing_input}.{base64url(KEY.sign(signing_input.encode()))}"


def refusal(jws: str) -> Problem:
    with pytest.raises(Problem) as refused:
        parse(jws)
    return refused.value


def test_what_is_signed_is_verified_with_its_bytes_and_digest() -> None:
    jws = sign(PAYLOAD, KEY)
    record = verify(parse(jws), KEY.public)
    assert (record.payload, record.kid, record.jws) == (PAYLOAD, KEY.kid, jws)
    assert record.digest == hashlib.sha256(jws.encode()).hexdigest()


def test_the_signature_is_deterministic_so_a_retry_is_identical() -> None:
    assert sign(PAYLOAD, KEY) == sign(PAYLOAD, KEY)


def test_any_order_and_spacing_of_the_header_is_accepted() -> None:
    spaced = json.dumps(dict(reversed(HEADER.items())), indent=1).encode()
    assert verify(parse(made(spaced)), KEY.public).payload == PAYLOAD


def test_joserfc_verifies_ours() -> None:
    key = OKPKey.import_key(dict[str, Any](KEY.public.jwk))
    assert joserfc_jws.deserialize_compact(sign(PAYLOAD, KEY), key, algorithms=["Ed25519"]).payload == PAYLOAD


def test_we_verify_what_joserfc_signs() -> None:
    theirs = OKPKey.import_key(KEY.private_pem(None))
    jws = joserfc_jws.serialize_compact(HEADER, PAYLOAD, theirs, algorithms=["Ed25519"])
    assert verify(parse(jws), KEY.public).payload == PAYLOAD


def test_another_key_is_refused_even_before_its_signature_is_checked() -> None:
    with pytest.raises(Problem) as refused:
        verify(parse(sign(PAYLOAD, KEY)), OTHER.public)
    assert refused.value.code is Code.UNKNOWN_KEY


@pytest.mark.parametrize("segment", [1, 2])
def test_a_changed_payload_or_signature_is_refused(segment: int) -> None:
    segments = sign(PAYLOAD, KEY).split(".")
    raw = bytearray(base64.urlsafe_b64decode(segments[segment] + "=="))
    raw[3] ^= 1
    segments[segment] = base64url(bytes(raw))
    with pytest.raises(Problem) as refused:
        verify(parse(".".join(segments)), KEY.public)
    assert refused.value.code is Code.BAD_SIGNATURE


def test_a_respelt_header_does_not_keep_its_signature() -> None:
    header, payload, signature = sign(PAYLOAD, KEY).split(".")
    respelt = base64url(json.dumps(HEADER, indent=2).encode())
    assert respelt != header
    with pytest.raises(Problem) as refused:
        verify(parse(f"{respelt}.{payload}.{signature}"), KEY.public)
    assert refused.value.code is Code.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (HEADER | {"alg": "none"}, "none is refused"),
        (HEADER | {"alg": "EdDSA"}, "EdDSA is refused"),
        (HEADER | {"alg": "HS256"}, "HS256 is refused"),
        (HEADER | {"alg": "ed25519"}, "alg is Ed25519"),
        (HEADER | {"alg": ["Ed25519"]}, "alg is Ed25519"),
        (HEADER | {"alg": None}, "alg is Ed25519"),
        (HEADER | {"jwk": KEY.public.jwk}, "holds jwk"),
        (HEADER | {"x5u": "https://attacker.example"}, "holds x5u"),
        (HEADER | {"jku": "https://attacker.example"}, "holds jku"),
        (HEADER | {"crit": ["b64"], "b64": False}, "holds crit"),
        (HEADER | {"b64": False}, "holds b64"),
        (HEADER | {"张某": "13900000000"}, "holds an unknown parameter"),
        (HEADER | {"typ": "JWT"}, "typ is record"),
        (HEADER | {"typ": "RECORD+JWS"}, "typ is record"),
        (HEADER | {"kid": "610800"}, "kid is an RFC 7638"),
        (HEADER | {"kid": KEY.kid[:-1] + "B"}, "kid is an RFC 7638"),
        (HEADER | {"kid": 1}, "kid is an RFC 7638"),
        ({"alg": "Ed25519", "typ": "record+jws"}, "has no kid"),
        ({"alg": "Ed25519", "kid": KEY.kid}, "has no typ"),
        ({"typ": "record+jws", "kid": KEY.kid}, "has no alg"),
        ({}, "has no alg"),
        ([], "is a JSON object"),
        (b"", "JWS header"),
        (b"\xff", "JWS header"),
        (b'{"alg":"Ed25519","alg":"none","typ":"record+jws","kid":"k"}', "stands twice"),
        (json.dumps(HEADER).encode() + b" x", "JWS header"),
        (b"[" * 200, "JWS header"),
        (HEADER | {"kid": "A" * 1000}, "longer than"),
    ],
)
def test_any_header_but_the_one_is_refused_by_name(header: Any, detail: str) -> None:
    refused = refusal(made(header))
    assert refused.code is Code.MALFORMED
    assert detail in refused.detail
    assert "13900000000" not in refused.detail and "张某" not in refused.detail


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda h, p, s: f"{h}.{p}", "not 2"),
        (lambda h, p, s: f"{h}.{p}.{s}.{s}", "not 4"),
        (lambda h, p, s: f"{h}..{p}.{s}", "not 4"),
        (lambda h, p, s: h, "not 1"),
        (lambda h, p, s: "", "not 1"),
        (lambda h, p, s: f"{h}..{s}", "no payload"),
        (lambda h, p, s: f"{h}.{p}.", "no signature"),
        (lambda h, p, s: f".{p}.{s}", "JWS header"),
        (lambda h, p, s: f"{h}.{p}.{s}==", "padding"),
        (lambda h, p, s: f"{h}=.{p}.{s}", "padding"),
        (lambda h, p, s: f"{h}.{p}=.{s}", "padding"),
        (lambda h, p, s: f"{h}.{p}.{s}\n", "white space"),
        (lambda h, p, s: f" {h}.{p}.{s}", "white space"),
        (lambda h, p, s: f"{h}.{p[:4]}\r\n{p[4:]}.{s}", "white space"),
        (lambda h, p, s: f"{h}.{p[:-2]}+/.{s}", "alphabet"),
        (lambda h, p, s: f"{h}.{p}.{s[:-1]}B", "stray bits"),
        (lambda h, p, s: f"{h}.{p}.{s[:-1]}", ""),
        (lambda h, p, s: f"{h}.{p}.{'A' * 2000}", "signature segment"),
        (lambda h, p, s: f"{h}.{p}.{s[:-1]}é", "ASCII"),
        (lambda h, p, s: f"{h}.{p}.{s[:-1]}\ud800", "ASCII"),
        (lambda h, p, s: f"{h}.{p}.{s}\x00", "alphabet"),
    ],
)
def test_any_form_but_the_one_is_refused_by_name(change: Any, detail: str) -> None:
    jws = change(*sign(PAYLOAD, KEY).split("."))
    refused = refusal(jws)
    assert refused.code is Code.MALFORMED
    assert detail in refused.detail


def test_a_refused_header_is_not_remembered_as_a_good_one() -> None:
    jws = made(HEADER | {"alg": "none"})
    assert refusal(jws).detail == refusal(jws).detail


def test_a_record_above_the_limit_is_too_large_at_both_ends() -> None:
    assert refusal("A" * (RECORD_BYTES + 1)).code is Code.TOO_LARGE
    with pytest.raises(Problem) as refused:
        sign(bytes(RECORD_BYTES), KEY)
    assert refused.value.code is Code.TOO_LARGE
    largest = sign(bytes((RECORD_BYTES - 300) * 3 // 4), KEY)
    assert verify(parse(largest), KEY.public).jws == largest


def test_an_empty_payload_cannot_be_signed() -> None:
    with pytest.raises(Problem):
        sign(b"", KEY)


def test_nobody_but_verify_makes_a_verified_record() -> None:
    record = verify(parse(sign(PAYLOAD, KEY)), KEY.public)
    for forging in (
        lambda: VerifiedRecord("jws", KEY.kid, PAYLOAD, "digest"),  # type: ignore[call-arg]
        lambda: VerifiedRecord("jws", KEY.kid, PAYLOAD, "digest", None),  # type: ignore[arg-type]
        lambda: VerifiedRecord("jws", KEY.kid, PAYLOAD, "digest", record_signature._Token()),
        lambda: dataclasses.replace(record, payload=b"other"),  # type: ignore[call-arg]
        lambda: pickle.dumps(record),
        lambda: copy.copy(record),
    ):
        with pytest.raises((TypeError, ValueError)):
            forging()
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.payload = b"other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        type("Forged", (VerifiedRecord,), {})("jws", KEY.kid, PAYLOAD, "digest", None)


def test_neither_record_shows_its_contents_in_a_log_line() -> None:
    signed = parse(sign(b'{"name":"secret"}', KEY))
    for shown in (repr(signed), repr(verify(signed, KEY.public))):
        assert "secret" not in shown and base64url(b'{"name":"secret"}') not in shown
        assert signed.digest in shown


@given(st.text(max_size=300) | st.text(alphabet="eyJhbGciOiAB01._-=", max_size=300))
@settings(deadline=None)
def test_any_text_is_malformed_and_nothing_worse(text: str) -> None:
    assert refusal(text).code is Code.MALFORMED


@given(payload=st.binary(min_size=1, max_size=200), position=st.integers(0, 399), other=st.characters())
@settings(deadline=None, max_examples=300)
def test_no_single_change_survives(payload: bytes, position: int, other: str) -> None:
    jws = sign(payload, KEY)
    position %= len(jws)
    changed = jws[:position] + other + jws[position + 1 :]
    if changed == jws:
        assert verify(parse(changed), KEY.public).payload == payload
        return
    with pytest.raises(Problem):
        verify(parse(changed), KEY.public)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "crit"]) | st.text(max_size=3), st.none() | st.text()
    )
)
@settings(deadline=None)
def test_any_header_object_is_malformed_and_nothing_worse(header: dict[str, Any]) -> None:
    assert refusal(made(header)).code is Code.MALFORMED


def test_signed_and_verified_are_two_types() -> None:
    signed = parse(sign(PAYLOAD, KEY))
    assert type(signed) is SignedRecord
    assert not issubclass(SignedRecord, VerifiedRecord) and not issubclass(VerifiedRecord, SignedRecord)
    assert not hasattr(signed, "payload")
