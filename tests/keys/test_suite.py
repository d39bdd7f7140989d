"""Keys: one value has one spelling, nothing private shows, nothing but a Problem escapes."""

from __future__ import annotations

import collections
import copy
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from hub.errors import Code, Problem
from keys import suite

VECTORS = Path(__file__).parents[2] / "../shared/vectors/ed25519/cctv.json"
RFC_8037_JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}

ACCEPTED = {
    (): 1,
    ("low_order_component_A",): 7,
    ("low_order_component_R", "low_order_component_A"): 35,
}
"""Of 914 vectors; a key's low-order component does no harm where the equation holds without the cofactor."""

JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_a_kid_is_the_thumbprint_of_rfc_8037_appendix_a_3() -> None:
    assert suite.verify_key_from_jwk(RFC_8037_JWK).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_joserfc_computes_the_same_thumbprints() -> None:
    for key in (suite.generate_signing().public, suite.generate_unseal().public):
        assert OKPKey.import_key(dict[str, Any](key.jwk)).thumbprint() == key.kid


def test_a_signature_holds_for_its_message_and_key_only() -> None:
    key = suite.generate_signing()
    signature = key.sign(b"message")
    key.public.verify(signature, b"message")
    for other, message in ((key.public, b"massage"), (suite.generate_signing().public, b"message")):
        with pytest.raises(Problem) as refused:
            other.verify(signature, message)
        assert refused.value.code is Code.BAD_SIGNATURE


@given(signature=st.binary(max_size=80), message=st.binary(max_size=20))
@settings(deadline=None)
def test_no_bytes_make_a_signature_and_none_make_another_error(signature: bytes, message: bytes) -> None:
    with pytest.raises(Problem) as refused:
        suite.signing_key_from_raw(bytes(range(32))).public.verify(signature, message)
    assert refused.value.code is Code.BAD_SIGNATURE


def test_edge_cases_of_ed25519_stay_decided_as_they_are() -> None:
    """C2SP's CCTV vectors, on which libraries differ. What is accepted here is accepted by all the others."""
    if not VECTORS.exists():
        pytest.skip("the shared vectors are absent")
    accepted: collections.Counter[tuple[str, ...]] = collections.Counter()
    for vector in json.loads(VECTORS.read_bytes()):
        try:
            key = suite.verify_key_from_raw(bytes.fromhex(vector["key"]))
            key.verify(bytes.fromhex(vector["sig"]), vector["msg"].encode())
        except Problem:
            continue
        accepted[tuple(vector["flags"] or ())] += 1
    assert accepted == ACCEPTED


@pytest.mark.parametrize("make", [suite.verify_key_from_raw, suite.seal_key_from_raw])
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(31),
        bytes(33),
        bytes(32),
        b"\x01" + bytes(31),
        (2**255 - 19).to_bytes(32, "little"),
        (2**255 - 18).to_bytes(32, "little"),
        b"\xff" * 32,
    ],
)
def test_short_small_order_and_second_spellings_of_keys_are_refused(make: Any, raw: bytes) -> None:
    with pytest.raises(Problem) as refused:
        make(raw)
    assert refused.value.code is Code.MALFORMED


def test_the_identity_with_its_sign_bit_set_is_refused_too() -> None:
    for raw in (b"\x01" + bytes(30) + b"\x80", b"\xec" + b"\xff" * 31):
        with pytest.raises(Problem):
            suite.verify_key_from_raw(raw)


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        RFC_8037_JWK | {"d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
        RFC_8037_JWK | {"alg": "Ed25519"},
        RFC_8037_JWK | {"x": RFC_8037_JWK["x"] + "="},
        RFC_8037_JWK | {"x": RFC_8037_JWK["x"][:-1] + "p"},
        RFC_8037_JWK | {"crv": "Ed448"},
        RFC_8037_JWK | {"kty": "EC"},
        RFC_8037_JWK | {"x": None},
        RFC_8037_JWK | {"x": "A" * 2000},
        {"kty": "oct", "k": "AAAA"},
    ],
)
def test_a_jwk_with_more_less_or_laxer_members_is_refused(jwk: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        suite.public_key_from_jwk(jwk)
    assert refused.value.code is Code.MALFORMED


@given(
    st.dictionaries(st.sampled_from(["kty", "crv", "x", "d"]) | st.text(max_size=4), JSON_LIKE, max_size=5)
)
@settings(deadline=None)
def test_any_json_object_is_a_key_or_a_problem(jwk: dict[str, Any]) -> None:
    with pytest.raises(Problem):
        suite.public_key_from_jwk(jwk)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"-----BEGIN PUBLIC KEY-----\n" + b))
@settings(deadline=None)
def test_any_bytes_for_a_pem_are_a_problem(pem: bytes) -> None:
    with pytest.raises(Problem):
        suite.verify_key_from_pem(pem)
    with pytest.raises(Problem):
        suite.signing_key_from_pem(pem, b"passphrase")


def test_keys_survive_their_pem() -> None:
    signing, unseal = suite.generate_signing(), suite.generate_unseal()
    assert suite.verify_key_from_pem(signing.public.pem()) == signing.public
    assert suite.seal_key_from_pem(unseal.public.pem()) == unseal.public
    assert suite.signing_key_from_pem(signing.private_pem(b"p"), b"p").public == signing.public
    assert suite.unseal_key_from_pem(unseal.private_pem(None), None).public == unseal.public


def test_a_key_of_the_wrong_use_is_refused_by_name() -> None:
    signing, unseal = suite.generate_signing(), suite.generate_unseal()
    for wrong in (
        lambda: suite.verify_key_from_pem(unseal.public.pem()),
        lambda: suite.seal_key_from_pem(signing.public.pem()),
        lambda: suite.verify_key_from_jwk(unseal.public.jwk),
        lambda: suite.seal_key_from_jwk(signing.public.jwk),
        lambda: suite.signing_key_from_pem(unseal.private_pem(None), None),
        lambda: suite.unseal_key_from_pem(signing.private_pem(None), None),
    ):
        with pytest.raises(Problem, match="is wanted"):
            wrong()


def test_a_private_key_shows_nothing_and_cannot_be_pickled_or_copied() -> None:
    seed = hashlib.sha256(b"secret").digest()
    for key in (suite.signing_key_from_raw(seed), suite.unseal_key_from_raw(seed)):
        shown = repr(key) + str(key) + f"{key}"
        assert key.kid in shown
        assert not any(secret in shown for secret in (seed.hex(), str(seed), suite.base64url(seed)))
        for copying in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                copying(key)


def test_equal_public_keys_are_one_member_of_a_set() -> None:
    raw = suite.generate_signing().public.raw
    assert len({suite.verify_key_from_raw(raw), suite.verify_key_from_raw(raw)}) == 1


def test_the_jwk_that_is_handed_out_changes_nothing_inside() -> None:
    key = suite.generate_signing().public
    key.jwk["x"] = "other"
    assert suite.verify_key_from_jwk(key.jwk) == key


@given(st.binary(max_size=100))
def test_base64url_comes_back(raw: bytes) -> None:
    assert suite.base64url_decode(suite.base64url(raw)) == raw


@given(st.text(alphabet="ABab01-_=+/ \n\t!é", max_size=12) | st.text(max_size=12))
def test_a_text_is_the_one_spelling_of_its_bytes_or_refused(text: str) -> None:
    try:
        raw = suite.base64url_decode(text)
    except Problem as refused:
        assert refused.code is Code.MALFORMED
    else:
        assert suite.base64url(raw) == text


def test_every_two_and_three_character_ending_is_decided_like_a_re_encoding() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = 0
    for last in alphabet:
        for text in ("A" + last, "AA" + last, "AAAA" + last):
            try:
                accepted += suite.base64url(suite.base64url_decode(text)) == text
            except Problem:
                continue
    assert accepted == 4 + 16
