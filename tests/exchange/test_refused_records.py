"""What a record may be refused for: each fault has its code, stores nothing, and stands in the log as refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import wire
from partner import ALERT, CASE_PRIVATE, EVENT, ORDOS, WUZHONG, XINZHOU, YULIN, Partner, World, new_id
from wire import Key, base64url, compact, jws

from hub.clock import utc_now
from hub.log.entry import Refused
from keys.seal import seal
from schemas.limits import RECORD_BYTES

Make = Callable[[Partner], Any]


def header(**changed: Any) -> Make:
    """A record whose protected header has members changed; None leaves one out."""

    def make(partner: Partner) -> str:
        members = {"alg": "Ed25519", "typ": "record+jws", "kid": partner.key.kid, **changed}
        present = {name: value for name, value in members.items() if value is not None}
        return jws(partner.key, compact(partner.members()), present)

    return make


def text(change: Callable[[str], str]) -> Make:
    """A record whose payload's text is changed, and then signed."""
    return lambda partner: jws(partner.key, change(compact(partner.members()).decode()).encode())


def members(**changed: Any) -> Make:
    return lambda partner: partner.record(**changed)


def body(**changed: Any) -> Make:
    return lambda partner: partner.record(body={**ALERT, **changed})


def at(**offset: float) -> Make:
    return lambda partner: partner.record(
        issued_at=(partner.clock() + timedelta(**offset)).isoformat(timespec="seconds")
    )


def without(name: str) -> Make:
    def make(partner: Partner) -> str:
        held = partner.members()
        del held[name]
        return jws(partner.key, compact(held))

    return make


def tampered(partner: Partner) -> str:
    before, _, signature = partner.record().rpartition(".")
    return f"{before}.{base64url(bytes(64))}" if signature else ""


def other_payload(partner: Partner) -> str:
    ours, theirs = partner.record().split("."), partner.record().split(".")
    return ".".join((ours[0], theirs[1], ours[2]))


def padded(partner: Partner) -> str:
    first, second, third = partner.record().split(".")
    return f"{first}.{second}.{third}=="


def unsigned(partner: Partner) -> str:
    first, second, _ = partner.record().split(".")
    return f"{first}.{second}."


def twice_named_header(partner: Partner) -> str:
    kid = partner.key.kid
    octets = f'{{"alg":"none","alg":"Ed25519","typ":"record+jws","kid":"{kid}"}}'.encode()
    return jws(partner.key, compact(partner.members()), octets)


def hmac_with_the_public_key(partner: Partner) -> str:
    """The classic: the public key taken as a shared secret."""
    import hashlib
    import hmac

    first = base64url(compact({"alg": "HS256", "typ": "record+jws", "kid": partner.key.kid}))
    signed = f"{first}.{base64url(compact(partner.members()))}"
    public = partner.key.private.public_key().public_bytes_raw()
    return f"{signed}.{base64url(hmac.new(public, signed.encode(), hashlib.sha256).digest())}"


MALFORMED: dict[str, Make] = {
    "a number": lambda _: 7,
    "null": lambda _: None,
    "a list": lambda partner: [partner.record()],
    "an object": lambda partner: {"record": partner.record()},
    "an empty text": lambda _: "",
    "no JWS": lambda _: "not a jws",
    "two segments": lambda partner: partner.record().rpartition(".")[0],
    "four segments": lambda partner: partner.record() + ".AAAA",
    "text outside of ASCII": lambda partner: partner.record() + "麻",
    "padding": padded,
    "white space": lambda partner: partner.record().replace(".", ". ", 1),
    "no signature": unsigned,
    "alg none": header(alg="none"),
    "alg EdDSA": header(alg="EdDSA"),
    "alg HS256": hmac_with_the_public_key,
    "alg null": header(alg=[None]),
    "no alg": header(alg=None),
    "no kid": header(kid=None),
    "another typ": header(typ="JWT"),
    "a jwk": header(jwk={"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}),
    "an x5u": header(x5u="https://example.invalid/key"),
    "crit": header(crit=["exp"]),
    "b64 false": header(b64=False, crit=["b64"]),
    "a kid that is a path": header(kid="../../keys/other"),
    "a header that names alg twice": twice_named_header,
    "a payload that is no object": lambda partner: jws(partner.key, b'["record"]'),
    "a payload that is no JSON": lambda partner: jws(partner.key, b"{"),
    "a name twice": text(lambda payload: payload.replace('"id":', f'"id":"{new_id()}","id":', 1)),
    "a name twice, deep inside": text(
        lambda payload: payload.replace('"status":', '"status":"test","status":', 1)
    ),
    "NaN": text(lambda payload: payload.replace('"revision":1', '"revision":NaN')),
    "Infinity": text(lambda payload: payload.replace('"revision":1', '"revision":-Infinity')),
    "1e400": text(lambda payload: payload.replace('"revision":1', '"revision":1e400')),
    "a lone surrogate": text(lambda payload: payload.replace("演练:", "\\ud800")),
    "bytes that are not UTF-8": lambda partner: jws(
        partner.key, compact(partner.members()).replace("演".encode(), b"\xff")
    ),
    "a byte order mark": text(lambda payload: "\ufeff" + payload),
    "something behind the object": text(lambda payload: payload + "{}"),
    "depth 17": text(lambda payload: payload.replace('"body":{', f'"deep":{"[" * 16}{"]" * 16},"body":{{')),
    "depth 90,000": lambda partner: jws(partner.key, b"[" * 90_000),
    "a sealed part with another algorithm": lambda partner: partner.record(
        "mediation_case",
        sealed={
            "protected": base64url(b'{"enc":"A128CBC-HS256"}'),
            "iv": "A" * 16,
            "ciphertext": "AAAA",
            "tag": "A" * 22,
            "recipients": [{"header": {"alg": "dir", "kid": "k"}, "encrypted_key": ""}],
        },
    ),
}

IDENTITY_NUMBER = "11010519491231002X"

REFUSED: dict[str, tuple[str, str | None, Make]] = {
    **{name: ("malformed", None, make) for name, make in MALFORMED.items()},
    "longer than a record may be": (
        "too-large",
        None,
        lambda partner: partner.record(body={**ALERT, "description": "长" * RECORD_BYTES}),
    ),
    "signed by a key that nobody listed": (
        "unknown-key",
        None,
        lambda partner: jws(Key.new(), compact(partner.members())),
    ),
    "issued before the key was valid": ("unknown-key", "/issued_at", at(days=-400)),
    "a signature that does not hold": ("bad-signature", None, tampered),
    "the signature of another payload": ("bad-signature", None, other_payload),
    "issued ahead of the clock": ("stale", "/issued_at", at(seconds=330)),
    "to be forgotten before it came": (
        "stale",
        "/expires_at",
        lambda partner: partner.record(
            issued_at=(partner.clock() - timedelta(hours=2)).isoformat(timespec="seconds"),
            expires_at=(partner.clock() - timedelta(hours=1)).isoformat(timespec="seconds"),
        ),
    ),
    "under no agreement that there is": ("no-agreement", "/agreement", members(agreement="none-2026")),
    "to a city that is not listed": ("no-agreement", "/to/1", members(to=[ORDOS, "620400"])),
    "to a city outside of the agreement": (
        "no-agreement",
        "/to/1",
        lambda partner: partner.record(
            to=[ORDOS, XINZHOU], agreement=partner.agreement.replace("all", "pair")
        ),
    ),
    "of a kind that the agreement does not list": (
        "no-agreement",
        "/kind",
        lambda partner: partner.record("mediation_case", agreement=partner.agreement.replace("all", "pair")),
    ),
    "marked above the agreement": ("no-agreement", "/marking", members(marking="amber+strict")),
    "marked red": ("no-agreement", "/marking", members(marking="red")),
    "of no known kind": ("unknown-kind", None, members(kind="gossip")),
    "of a later version": ("unknown-kind", None, members(version=99)),
    "without a salt": ("invalid", "/salt", without("salt")),
    "with a member that there is not": ("invalid", "/priority", members(priority=1)),
    "with a body's member that there is not": ("invalid", "/body/ethnicity", body(ethnicity="汉")),
    "without what routing needs": ("invalid", "/body/areas", body(areas=None)),
    "an identity number in public text": (
        "invalid",
        "/body/headline",
        body(headline=f"查 {IDENTITY_NUMBER}"),
    ),
    "a mobile number in public text": ("invalid", "/body/description", body(description="电话13912345678")),
    "to itself": ("invalid", "/to/0", members(to=[YULIN, ORDOS])),
    "to nobody": ("invalid", "/to", members(to=[])),
    "revision 0": ("invalid", "/revision", members(revision=0)),
    "revision 2 of nothing": ("wrong-revision", "/revision", members(revision=2, previous="0" * 64)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_record_is_refused_by_its_code_and_stored_nowhere(world: World, name: str) -> None:
    code, where, make = REFUSED[name]
    yulin = world.partner(YULIN)
    bad = make(yulin)
    before = world.types()
    for _ in range(2):
        found = yulin.refusal(bad)
        assert found[0] == code
        if where is not None:
            assert found[1] == where
    assert world.types() - before == {"refused": 1}, "a retry of the same makes no second entry"
    (entry,) = world.entries(Refused)
    assert (entry.by, entry.code) == (yulin.key.kid, code)
    if isinstance(bad, str):
        assert entry.digest == wire.digest(bad)
    assert world.partner(ORDOS).pull()["items"] == []
    assert world.verify().streams == {}


@pytest.mark.parametrize("name", ["alg none", "NaN", "an identity number in public text", "marked red"])
def test_a_bad_record_spoils_no_neighbour(world: World, name: str) -> None:
    yulin = world.partner(YULIN)
    good = [yulin.record() for _ in range(4)]
    outcomes = yulin.push(good[0], REFUSED[name][2](yulin), good[1], None, *good[2:])
    assert [each["status"] for each in outcomes] == [
        *("accepted", "refused", "accepted", "refused", "accepted", "accepted")
    ]
    assert [item["record"] for item in world.partner(ORDOS).pull()["items"]] == good
    assert world.verify().streams == {ORDOS: 4}


def test_a_thousand_records_with_every_fault_among_them_are_judged_one_by_one(world: World) -> None:
    yulin = world.partner(YULIN)
    faults = [make(yulin) for name, (_, _, make) in REFUSED.items() if "longer" not in name]
    records = [each for fault in faults for each in (yulin.record(), fault)]
    records += [yulin.record() for _ in range(200 - len(records) % 2)]
    outcomes = yulin.push(*records)
    wanted = ["accepted", "refused"] * len(faults) + ["accepted"] * (len(records) - 2 * len(faults))
    assert [each["status"] for each in outcomes] == wanted
    assert world.verify().types["accepted"] == wanted.count("accepted")


def test_of_one_push_a_hundred_refusals_at_most_become_entries(world: World) -> None:
    """The log is for ever: it must cost more to lengthen it than to send a text."""
    yulin = world.partner(YULIN)
    good = yulin.record()
    outcomes = yulin.push(*(f"nonsense {n}" for n in range(250)), good, *(f"more {n}" for n in range(250)))
    assert [each["status"] for each in outcomes] == [*["refused"] * 250, "accepted", *["refused"] * 250]
    assert len({entry.digest for entry in world.entries(Refused)}) == world.types()["refused"] == 100
    yulin.push("a later push has its own hundred")
    assert world.types()["refused"] == 101


def test_a_record_that_is_accepted_with_a_doubt_says_so_in_its_outcome(world: World) -> None:
    yulin = world.partner(YULIN)
    doubtful = {**EVENT, "permit": {**EVENT["permit"], "authority": "county"}}
    outcomes = yulin.push(yulin.record("event_security", body=doubtful), yulin.record("event_security"))
    assert [each["status"] for each in outcomes] == ["accepted", "accepted"]
    (warning,) = outcomes[0]["warnings"]
    assert (warning["code"], warning["where"]) == ("permit-authority", "/body/permit/authority")
    assert warning["zh"]
    assert warning["en"]
    assert "warnings" not in outcomes[1]


def test_details_repeat_no_value_that_was_sent(world: World) -> None:
    yulin = world.partner(YULIN)
    outcomes = yulin.push(
        yulin.record(body={**ALERT, "headline": f"查 {IDENTITY_NUMBER}"}),
        yulin.record(body={**ALERT, "status": "13912345678"}),
        yulin.record(to=["张某某"]),
        yulin.record(agreement="13912345678"),
        yulin.record(marking="张某某"),
    )
    told = json.dumps(outcomes, ensure_ascii=False)
    assert {each["status"] for each in outcomes} == {"refused"}
    assert not any(value in told for value in (IDENTITY_NUMBER, "13912345678", "张某某"))


# -- rights --------------------------------------------------------------------------------------------


def test_a_system_pushes_its_own_citys_records_only(world: World) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    assert yulin.refusal(xinzhou.record()) == ("not-allowed", "/from")


def test_a_key_of_another_city_does_not_sign_for_this_one(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    assert yulin.refusal(jws(ordos.key, compact(yulin.members()))) == ("not-allowed", "/from")


@pytest.mark.parametrize("whose", ["auditor", "peer"])
def test_a_key_for_another_use_signs_no_record(world: World, whose: str) -> None:
    yulin = world.partner(YULIN)
    other: Partner = getattr(world, whose)()
    assert yulin.refusal(jws(other.key, compact(yulin.members())))[0] == "not-allowed"


def test_a_seal_key_named_as_signer_is_refused(world: World) -> None:
    yulin = world.partner(YULIN)
    kid = next(each["kid"] for each in world.lab.seals if each["city"] == YULIN)
    assert yulin.refusal(header(kid=kid)(yulin))[0] == "not-allowed"


def test_a_kind_that_the_key_may_not_sign_is_refused(open_a_world: Callable[..., World]) -> None:
    def narrow(trust_list: dict[str, Any], _: dict[str, Any]) -> None:
        trust_list["cities"][0]["keys"][0]["kinds"] = ["mediation_case"]

    yulin = open_a_world(change=narrow).partner(YULIN)
    assert yulin.refusal(yulin.record("alert")) == ("not-allowed", "/kind")
    yulin.deliver(yulin.record("mediation_case"))


def test_a_sender_outside_of_the_agreement_is_refused(world: World) -> None:
    xinzhou = world.partner(XINZHOU)
    pair = xinzhou.agreement.replace("all", "pair")
    assert xinzhou.refusal(xinzhou.record(agreement=pair)) == ("no-agreement", "/from")


def test_an_agreement_holds_from_its_first_moment_until_its_last(open_a_world: Callable[..., World]) -> None:
    def shorten(_: dict[str, Any], agreements: dict[str, Any]) -> None:
        opening = utc_now() + timedelta(days=2)
        agreements["agreements"][0]["valid_from"] = opening.isoformat(timespec="seconds")
        agreements["agreements"][0]["valid_until"] = (opening + timedelta(days=2)).isoformat(
            timespec="seconds"
        )

    world = open_a_world(change=shorten)
    yulin = world.partner(YULIN)
    accepted = yulin.record()
    assert yulin.refusal(yulin.record()) == ("no-agreement", "/agreement")
    world.clock.advance(days=3)
    yulin.deliver(accepted)
    world.clock.advance(days=2)
    assert yulin.refusal(yulin.record()) == ("no-agreement", "/agreement")
    (outcome,) = yulin.push(accepted)
    assert outcome["status"] == "duplicate", "what was accepted in time gives its stored outcome again"


def test_a_part_is_sealed_to_sender_and_recipients_and_nobody_else(world: World) -> None:
    yulin = world.partner(YULIN)
    trust = world.node.trust()

    def sealed_to(*cities: str) -> str:
        keys = [trust.seal_key(city, world.clock()) for city in cities]
        part = seal(compact(CASE_PRIVATE), [key for key in keys if key is not None])
        return yulin.record("mediation_case", [ORDOS, XINZHOU], sealed=part)

    assert yulin.refusal(sealed_to(YULIN, ORDOS)) == ("invalid", "/sealed/recipients")
    assert yulin.refusal(sealed_to(YULIN, ORDOS, XINZHOU, WUZHONG)) == ("invalid", "/sealed/recipients")
    yulin.deliver(sealed_to(YULIN, ORDOS, XINZHOU))


def test_only_known_keys_make_entries_of_their_refusals(world: World) -> None:
    stranger = world.with_key(Key.new(), YULIN)
    before = world.types()
    assert stranger.post({"records": [stranger.record()]}).problem == "unknown-key"
    assert world.types() == before
