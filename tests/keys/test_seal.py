"""Sealed parts: open to their recipients, to nobody else, and in one form only."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import KeySet, OKPKey

from hub.errors import Code, Problem
from keys.seal import SEAL_RECIPIENTS, check_shape, seal, unseal
from keys.suite import SealKey, UnsealKey, base64url, base64url_decode, generate_unseal, unseal_key_from_raw
from schemas.limits import RECORD_BYTES

PLAINTEXT = '{"title":"草场界线纠纷"}'.encode()
KEYS = [unseal_key_from_raw(bytes([n]) * 32) for n in range(1, 4)]
ALGORITHMS = ["ECDH-ES+A256KW", "A256GCM"]
OUTSIDER = unseal_key_from_raw(b"\x09" * 32)
JWE = seal(PLAINTEXT, [key.public for key in KEYS])


def key_encryption_key(
    private: X25519PrivateKey, public: X25519PublicKey, header: Mapping[str, Any]
) -> bytes:
    """RFC 7518 §4.6.2."""
    name = b"ECDH-ES+A256KW"
    parties = [base64url_decode(header.get(party, "")) for party in ("apu", "apv")]
    fields = b"".join(len(field).to_bytes(4, "big") + field for field in (name, *parties))
    return ConcatKDFHash(SHA256(), 32, fields + (256).to_bytes(4, "big")).derive(private.exchange(public))


def opened_by_hand(jwe: dict[str, Any], key: UnsealKey) -> bytes:
    """RFC 7518 §4.6 and RFC 7516 §5.2 straight from their text, on the bare primitives."""
    recipient = next(r for r in jwe["recipients"] if r["header"]["kid"] == key.kid)
    private = X25519PrivateKey.from_private_bytes(base64url_decode(key.private_jwk()["d"]))
    ephemeral = X25519PublicKey.from_public_bytes(base64url_decode(recipient["header"]["epk"]["x"]))
    kek = key_encryption_key(private, ephemeral, recipient["header"])
    cek = aes_key_unwrap(kek, base64url_decode(recipient["encrypted_key"]))
    sealed = base64url_decode(jwe["ciphertext"]) + base64url_decode(jwe["tag"])
    return AESGCM(cek).decrypt(base64url_decode(jwe["iv"]), sealed, jwe["protected"].encode())


def sealed_by_hand(
    protected: str, keys: Sequence[SealKey], more: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """RFC 7516 §5.1 on the bare primitives: `protected` as spelt, `more` in each recipient's header."""
    spelt = json.loads(protected)
    cek, iv = os.urandom(32), os.urandom(12)
    recipients = []
    for key in keys:
        ephemeral = X25519PrivateKey.generate()
        x = base64url(ephemeral.public_key().public_bytes_raw())
        own = {"kid": key.kid, "epk": {"kty": "OKP", "crv": "X25519", "x": x}, **(more or {})}
        if "alg" not in spelt:
            own["alg"] = "ECDH-ES+A256KW"
        public = X25519PublicKey.from_public_bytes(key.raw)
        wrapped = aes_key_wrap(key_encryption_key(ephemeral, public, {**spelt, **own}), cek)
        recipients.append({"header": own, "encrypted_key": base64url(wrapped)})
    sealed = AESGCM(cek).encrypt(iv, PLAINTEXT, header(protected).encode())
    return {
        "protected": header(protected),
        "recipients": recipients,
        "iv": base64url(iv),
        "ciphertext": base64url(sealed[:-16]),
        "tag": base64url(sealed[-16:]),
    }


def header(text: str) -> str:
    return base64url(text.encode())


@pytest.mark.parametrize("key", KEYS)
def test_each_recipient_opens_it(key: UnsealKey) -> None:
    assert unseal(JWE, key) == PLAINTEXT


@pytest.mark.parametrize("key", KEYS)
def test_it_opens_by_the_rfcs_without_the_library_that_sealed_it(key: UnsealKey) -> None:
    assert opened_by_hand(JWE, key) == PLAINTEXT


@pytest.mark.parametrize("key", KEYS)
def test_joserfc_opens_for_each_recipient_what_we_sealed(key: UnsealKey) -> None:
    alone = {**JWE, "recipients": [r for r in JWE["recipients"] if r["header"]["kid"] == key.kid]}
    private = OKPKey.import_key(dict[str, Any](key.private_jwk()))
    assert joserfc_jwe.decrypt_json(alone, private, algorithms=ALGORITHMS).plaintext == PLAINTEXT  # type: ignore[arg-type]


def test_joserfc_opens_for_all_recipients_at_once_what_we_sealed() -> None:
    ring = KeySet([OKPKey.import_key({**key.private_jwk(), "kid": key.kid}) for key in KEYS])
    assert joserfc_jwe.decrypt_json({**JWE}, ring, algorithms=ALGORITHMS).plaintext == PLAINTEXT  # type: ignore[arg-type]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("protected", "own"),
    [
        ({"enc": "A256GCM"}, {"alg": "ECDH-ES+A256KW"}),
        ({"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}, {}),
        ({"enc": "A256GCM", "typ": "JOSE+JSON", "cty": "json"}, {"alg": "ECDH-ES+A256KW"}),
        ({"enc": "A256GCM"}, {"alg": "ECDH-ES+A256KW", "apu": "QWxpY2U", "apv": "Qm9i"}),
        ({"enc": "A256GCM", "apu": "QWxpY2U", "alg": "ECDH-ES+A256KW"}, {"apv": "Qm9i"}),
    ],
)
def test_each_recipient_opens_what_joserfc_sealed(
    protected: dict[str, str], own: dict[str, str], key: UnsealKey
) -> None:
    message = joserfc_jwe.GeneralJSONEncryption({**protected}, PLAINTEXT)
    for each in KEYS:
        public = OKPKey.import_key(dict[str, Any](each.public.jwk))
        message.add_recipient({**own, "kid": each.kid}, public)
    theirs = dict(joserfc_jwe.encrypt_json(message, None, algorithms=ALGORITHMS))
    assert check_shape(theirs) == tuple(each.kid for each in KEYS)
    assert unseal(theirs, key) == PLAINTEXT


SPELLINGS = [
    '{"enc":"A256GCM"}',
    '{"enc": "A256GCM"}',
    '{"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}',
    '{"enc": "A256GCM", "alg": "ECDH-ES+A256KW"}',
    '{"typ":"JOSE+JSON","enc":"A256GCM","cty":"application\\/json","alg":"ECDH-ES+A256KW"}',
    '{"enc":"A256GC\\u004d"}',
    '{"\\u0065nc":"\\u0041256GCM"}',
    '\t{\r\n  "enc" : "A256GCM"\n}\n',
    '{"cty":"草场","enc":"A256GCM"}',
    '{"cty":"\\u8349\\u573a","enc":"A256GCM"}',
    '{"enc":"A256GCM","apu":"QWxpY2U","apv":""}',
]


@pytest.mark.parametrize("protected", SPELLINGS)
def test_a_protected_header_in_any_spelling_passes_and_opens(protected: str) -> None:
    theirs = sealed_by_hand(protected, [key.public for key in KEYS])
    assert check_shape(theirs) == tuple(key.kid for key in KEYS)
    assert [unseal(theirs, key) for key in KEYS] == [PLAINTEXT] * 3


def test_the_protected_header_is_authenticated_in_the_spelling_that_came() -> None:
    for spelling in SPELLINGS[1], SPELLINGS[5], SPELLINGS[7]:
        with pytest.raises(Problem) as refused:
            unseal({**JWE, "protected": header(spelling)}, KEYS[0])
        assert refused.value.code is Code.BAD_SIGNATURE


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """An allowed protected header: its members in any order, with any white space, any characters escaped."""

    def text(value: str) -> str:
        escaped = draw(st.sets(st.sampled_from(range(len(value))), max_size=3)) if value else set()
        spelt = (f"\\u{ord(c):04x}" if place in escaped else c for place, c in enumerate(value))
        return f'"{"".join(spelt)}"'

    gap = st.text("\t\r\n ", max_size=2)
    media_type = st.text("abz/+.-09草", max_size=12)
    party = st.binary(max_size=20).map(base64url)
    members = draw(
        st.fixed_dictionaries(
            {"enc": st.just("A256GCM")},
            optional={
                "alg": st.just("ECDH-ES+A256KW"),
                "typ": media_type,
                "cty": media_type,
                "apu": party,
                "apv": party,
            },
        )
    )
    pairs = (
        f"{draw(gap)}{text(name)}{draw(gap)}:{draw(gap)}{text(members[name])}{draw(gap)}"
        for name in draw(st.permutations(sorted(members)))
    )
    return f"{draw(gap)}{{{','.join(pairs)}}}{draw(gap)}"


@given(spellings())
@settings(deadline=None)
def test_no_spelling_of_an_allowed_protected_header_is_refused(protected: str) -> None:
    assert unseal(sealed_by_hand(protected, [KEYS[0].public]), KEYS[0]) == PLAINTEXT


@pytest.mark.parametrize("party", ["", "QWxpY2U", base64url(bytes(128))])
def test_each_recipient_may_name_the_parties(party: str) -> None:
    theirs = sealed_by_hand('{"enc":"A256GCM"}', [key.public for key in KEYS], {"apu": party, "apv": party})
    assert [unseal(theirs, key) for key in KEYS] == [PLAINTEXT] * 3


def test_the_same_name_in_both_headers_is_malformed() -> None:
    for protected, own in (
        ('{"enc":"A256GCM","apu":"QQ"}', {"apu": "QQ"}),
        ('{"enc":"A256GCM","alg":"ECDH-ES+A256KW"}', {"alg": "ECDH-ES+A256KW"}),
    ):
        with pytest.raises(Problem) as refused:
            check_shape(sealed_by_hand(protected, [KEYS[0].public], own))
        assert refused.value.code is Code.MALFORMED


def test_an_outsider_is_told_that_it_is_not_for_him() -> None:
    with pytest.raises(Problem) as refused:
        unseal(JWE, OUTSIDER)
    assert refused.value.code is Code.NOT_ALLOWED


def test_an_outsider_who_writes_his_own_name_over_a_recipient_opens_nothing() -> None:
    forged = copy.deepcopy(JWE)
    forged["recipients"][0]["header"]["kid"] = OUTSIDER.kid
    with pytest.raises(Problem) as refused:
        unseal(forged, OUTSIDER)
    assert refused.value.code is Code.BAD_SIGNATURE


def test_the_shape_names_the_recipients_in_order() -> None:
    assert check_shape(JWE) == tuple(key.kid for key in KEYS)


def test_sealing_twice_gives_two_texts() -> None:
    assert seal(PLAINTEXT, [KEYS[0].public]) != seal(PLAINTEXT, [KEYS[0].public])


def test_nothing_of_the_plaintext_stands_in_the_sealed_part() -> None:
    assert base64url(PLAINTEXT)[:20] not in json.dumps(JWE)


def test_as_many_recipients_as_a_record_can_have_and_no_more() -> None:
    keys = [generate_unseal() for _ in range(SEAL_RECIPIENTS + 1)]
    jwe = seal(PLAINTEXT, [key.public for key in keys[:SEAL_RECIPIENTS]])
    assert unseal(jwe, keys[SEAL_RECIPIENTS - 1]) == PLAINTEXT
    with pytest.raises(Problem):
        seal(PLAINTEXT, [key.public for key in keys])
    jwe["recipients"].append(copy.deepcopy(JWE["recipients"][0]))
    with pytest.raises(Problem, match="list of 1 to 34"):
        check_shape(jwe)


def test_no_key_and_the_same_key_twice_are_refused() -> None:
    for keys in ([], [KEYS[0].public, KEYS[0].public]):
        with pytest.raises(Problem):
            seal(PLAINTEXT, keys)


def test_more_than_a_record_can_carry_is_too_large() -> None:
    with pytest.raises(Problem) as refused:
        seal(bytes(RECORD_BYTES), [KEYS[0].public])
    assert refused.value.code is Code.TOO_LARGE
    largest = bytes(RECORD_BYTES * 3 // 4)
    assert unseal(seal(largest, [KEYS[0].public]), KEYS[0]) == largest


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    jwe = copy.deepcopy(JWE)
    place: Any = jwe
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return jwe


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("unprotected",), {"jku": "https://attacker.example"}),
        (("aad",), "QQ"),
        (("header",), {}),
        (("protected",), header('{"enc":"A128GCM"}')),
        (("protected",), header('{"enc":"A256GCM","zip":"DEF"}')),
        (("protected",), header('{"enc":"A256GCM","crit":["exp"]}')),
        (("protected",), header('{"enc":"A256GCM","alg":"dir"}')),
        (("protected",), header('{"enc":"A256GCM","alg":"ECDH-ES+A256KW"}')),
        (("protected",), header('{"enc":"A256GCM","\\u007aip":"DEF"}')),
        (("protected",), header('{"enc":"A256GCM","p2c":1}')),
        (("protected",), header('{"enc":"A256GCM","kid":"a"}')),
        (("protected",), header('{"enc":"A256GCM","epk":{}}')),
        (("protected",), header('{"enc":"A256GCM","typ":1}')),
        (("protected",), header('{"enc":"A256GCM","cty":["json"]}')),
        (("protected",), header('{"enc":"A256GCM","typ":"' + "a" * 65 + '"}')),
        (("protected",), header('{"enc":"A256GCM","cty":"\\ud800"}')),
        (("protected",), header('{"enc":"A256GCM","apu":"Q"}')),
        (("protected",), header('{"enc":"A256GCM","apv":null}')),
        (("protected",), header('{"enc":"A256GCM"}' + " " * 1000)),
        (("protected",), header('{"enc":"A256GCM"} {}')),
        (("protected",), header('\ufeff{"enc":"A256GCM"}')),
        (("protected",), header('{"enc":"A128GCM","\\u0065nc":"A256GCM"}')),
        (("protected",), base64url(b'{"enc":"A256GCM","typ":"\xff"}')),
        (("protected",), header('{"enc":"A256GCM","enc":"A256GCM"}')),
        (("protected",), header("[]")),
        (("protected",), header("{}")),
        (("protected",), JWE["protected"] + "="),
        (("protected",), "A" * 5000),
        (("protected",), None),
        (("iv",), "AAAA"),
        (("iv",), JWE["iv"] + "\n"),
        (("tag",), JWE["tag"][:-1] + "B"),
        (("tag",), None),
        (("ciphertext",), ""),
        (("ciphertext",), "A"),
        (("ciphertext",), JWE["ciphertext"] + "="),
        (("ciphertext",), "é" * 4),
        (("ciphertext",), "A" * (RECORD_BYTES + 1)),
        (("ciphertext",), ["A"]),
        (("recipients",), []),
        (("recipients",), {}),
        (("recipients",), [None]),
        (("recipients", 0, "header"), None),
        (("recipients", 0, "more"), 1),
        (("recipients", 0, "encrypted_key"), ""),
        (("recipients", 0, "encrypted_key"), "A" * 2000),
        (("recipients", 0, "header", "alg"), "dir"),
        (("recipients", 0, "header", "alg"), "ECDH-ES"),
        (("recipients", 0, "header", "alg"), ["ECDH-ES+A256KW"]),
        (("recipients", 0, "header", "apu"), "Q"),
        (("recipients", 0, "header", "apu"), "QQ=="),
        (("recipients", 0, "header", "apv"), 1),
        (("recipients", 0, "header", "apv"), base64url(bytes(129))),
        (("recipients", 0, "header", "typ"), "JOSE"),
        (("recipients", 0, "header", "zip"), "DEF"),
        (("recipients", 0, "header", "p2c"), 1),
        (("recipients", 0, "header", "crit"), ["apu"]),
        (("recipients", 0, "header", "kid"), "610800"),
        (("recipients", 0, "header", "kid"), KEYS[1].kid),
        (("recipients", 0, "header", "epk"), "A" * 43),
        (("recipients", 0, "header", "epk", "d"), "A" * 43),
        (("recipients", 0, "header", "epk", "crv"), "P-256"),
        (("recipients", 0, "header", "epk", "x"), "A" * 42),
    ],
)
def test_any_other_shape_is_malformed(path: tuple[str | int, ...], value: Any) -> None:
    for read in (check_shape, lambda jwe: unseal(jwe, KEYS[0])):
        with pytest.raises(Problem) as refused:
            read(changed(path, value))
        assert refused.value.code is Code.MALFORMED


@pytest.mark.parametrize("member", ["protected", "iv", "ciphertext", "tag", "recipients"])
def test_a_missing_member_is_malformed(member: str) -> None:
    with pytest.raises(Problem):
        check_shape({name: value for name, value in JWE.items() if name != member})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("iv",), base64url(bytes(12))),
        (("tag",), base64url(bytes(16))),
        (("ciphertext",), base64url(bytes(len(PLAINTEXT)))),
        (("recipients", 0, "encrypted_key"), base64url(bytes(40))),
        (("recipients", 0, "header", "apu"), "QQ"),
        (("recipients", 0, "encrypted_key"), JWE["recipients"][1]["encrypted_key"]),
        (("recipients", 0, "header", "epk", "x"), base64url(b"\x05" * 32)),
        (("recipients", 0, "header", "epk", "x"), base64url(bytes(32))),
        (("recipients", 0, "header", "epk", "x"), base64url(b"\x01" + bytes(31))),
        (("recipients", 0, "header", "epk", "x"), base64url(b"\xff" * 32)),
    ],
)
def test_what_was_altered_does_not_open(path: tuple[str | int, ...], value: Any) -> None:
    with pytest.raises(Problem) as refused:
        unseal(changed(path, value), KEYS[0])
    assert refused.value.code is Code.BAD_SIGNATURE


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(
        [
            ("protected",),
            ("iv",),
            ("tag",),
            ("ciphertext",),
            ("recipients",),
            ("recipients", 0),
            ("recipients", 0, "encrypted_key"),
            ("recipients", 0, "header"),
            ("recipients", 0, "header", "epk"),
            ("recipients", 0, "header", "epk", "x"),
            ("recipients", 0, "header", "kid"),
            ("other",),
        ]
    ),
    JSON_LIKE | st.binary(max_size=48).map(base64url),
)
@settings(deadline=None, max_examples=300)
def test_any_value_anywhere_is_a_problem_and_nothing_worse(path: tuple[str | int, ...], value: Any) -> None:
    with pytest.raises(Problem):
        unseal(changed(path, value), KEYS[0])


@given(JSON_LIKE)
@settings(deadline=None)
def test_any_json_is_a_problem_and_nothing_worse(value: Any) -> None:
    with pytest.raises(Problem):
        check_shape(value)


@given(st.binary(min_size=1, max_size=500))
@settings(deadline=None, max_examples=30)
def test_any_bytes_come_back(plaintext: bytes) -> None:
    sealed = seal(plaintext, [KEYS[2].public])
    assert unseal(json.loads(json.dumps(sealed)), KEYS[2]) == plaintext


def test_nothing_cannot_be_sealed() -> None:
    with pytest.raises(Problem):
        seal(b"", [KEYS[0].public])
