"""Who is asking: every way in which a request's signature may fail, by its code (wire contract, section 3)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import wire
from partner import ORDOS, YULIN, Answer, Partner, World
from wire import Key, compact

PULL = "/v1/records"
PARAMETERS = ("created", "nonce", "keyid", "alg", "tag")


def test_a_request_signed_by_the_contracts_text_alone_is_taken(world: World) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(yulin.record())
    assert world.partner(ORDOS).get(PULL + "?after=-1&limit=10").status == 200


@pytest.mark.parametrize("missing", [("Signature",), ("Signature-Input",), ("Signature", "Signature-Input")])
def test_an_unsigned_request_is_refused(world: World, missing: tuple[str, ...]) -> None:
    yulin = world.partner(YULIN)
    fields = wire.sign_request(yulin.key, "GET", yulin.url + PULL, None, now=yulin.clock())
    for name in missing:
        del fields[name]
    assert yulin.send_as_is("GET", PULL, None, fields).problem == "unsigned"


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_signature_without_one_of_its_parameters_is_refused(world: World, parameter: str) -> None:
    assert world.partner(YULIN).get(PULL, parameters={parameter: None}).problem == "unsigned"


@pytest.mark.parametrize("component", ["@method", "@target-uri", "content-digest"])
def test_a_signature_that_covers_too_little_is_refused(world: World, component: str) -> None:
    yulin = world.partner(YULIN)
    covered = [name for name in ("@method", "@target-uri", "content-digest") if name != component]
    assert yulin.post({"records": [yulin.record()]}, covered=covered).problem == "unsigned"


def test_a_push_without_a_body_must_still_sign_its_digest(world: World) -> None:
    assert world.partner(YULIN).ask("POST", PULL, None).problem == "unsigned"


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": "sig2"},
        {"parameters": {"tag": "another"}},
        {"parameters": {"alg": "hmac-sha256"}},
        {"parameters": {"alg": "rsa-v1_5-sha256"}},
        {"nonce": ""},
        {"nonce": "n" * 257},
    ],
)
def test_a_signature_made_for_something_else_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert world.partner(YULIN).get(PULL, **wrong).problem == "unsigned"


GARBAGE: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "no structured field": lambda fields: {"Signature-Input": "]["},
    "no inner list": lambda fields: {"Signature-Input": "sig1=1"},
    "no bytes": lambda fields: {"Signature": 'sig1="text"'},
    "a label twice": lambda fields: {name: f"{fields[name]}, {fields[name]}" for name in fields},
    "created as text": lambda fields: {
        "Signature-Input": re.sub(r"created=\d+", 'created="now"', fields["Signature-Input"])
    },
    "created as a fraction": lambda fields: {
        "Signature-Input": re.sub(r"created=(\d+)", r"created=\1.5", fields["Signature-Input"])
    },
    "a name that is no component": lambda fields: {
        "Signature-Input": fields["Signature-Input"].replace('"@method"', '"@method" "@nonsense"')
    },
    "a component twice": lambda fields: {
        "Signature-Input": fields["Signature-Input"].replace('"@method"', '"@method" "@method"')
    },
    "a field of 5,000 characters": lambda fields: {"Signature": "sig1=:" + "A" * 5000 + ":"},
    "a thousand labels": lambda fields: {"Signature": ",".join(f"s{n}=1" for n in range(1000))},
    "other labels in the two fields": lambda fields: {"Signature": fields["Signature"] + ", sig2=:AA==:"},
    "nothing": lambda fields: {"Signature": "", "Signature-Input": ""},
}


@pytest.mark.parametrize("name", GARBAGE)
def test_signature_fields_that_cannot_be_read_end_in_a_named_refusal(world: World, name: str) -> None:
    yulin = world.partner(YULIN)
    fields = wire.sign_request(yulin.key, "GET", yulin.url + PULL, None, now=yulin.clock())
    answer = unbound(yulin, {**fields, **GARBAGE[name](fields)})
    assert answer.problem in ("malformed", "unsigned")


def unbound(partner: Partner, fields: dict[str, str]) -> Answer:
    """An answer to a signature that may be beyond reading: it is then signed without being bound to it."""
    answer = partner.send("GET", PULL, None, fields)
    bound = '"signature"' in answer.headers["Signature-Input"]
    wire.check_answer(answer.status, answer.headers, answer.body, fields if bound else {}, partner.node_key)
    return answer


@pytest.mark.parametrize("off", [-301, 302])
def test_a_clock_that_is_off_by_more_than_allowed_is_stale(world: World, off: int) -> None:
    yulin = world.partner(YULIN)
    answer = yulin.get(PULL, now=yulin.clock() + timedelta(seconds=off))
    assert answer.problem == "stale"
    assert "clock" in answer.json["detail"]


@pytest.mark.parametrize("off", [-298, 298])
def test_a_clock_that_is_off_by_less_is_taken(world: World, off: int) -> None:
    yulin = world.partner(YULIN)
    assert yulin.get(PULL, now=yulin.clock() + timedelta(seconds=off)).status == 200


@pytest.mark.parametrize("created", [0, -1, 999_999_999_999_999])
def test_a_created_beyond_all_clocks_is_stale(world: World, created: int) -> None:
    assert world.partner(YULIN).get(PULL, parameters={"created": created}).problem == "stale"


def test_a_signature_that_says_it_has_expired_is_stale(world: World) -> None:
    yulin = world.partner(YULIN)
    past = int(yulin.clock().timestamp()) - 5
    assert yulin.get(PULL, parameters={"expires": past}).problem == "stale"


def test_a_key_that_nobody_listed_is_unknown(world: World) -> None:
    assert world.with_key(Key.new(), YULIN).get(PULL).problem == "unknown-key"


def test_a_key_id_that_is_anothers_is_a_bad_signature(world: World) -> None:
    impostor = Key(Key.new().private, world.partner(YULIN).key.kid)
    assert world.with_key(impostor, YULIN).get(PULL).problem == "bad-signature"


def test_a_signature_over_another_path_is_bad(world: World) -> None:
    yulin = world.partner(YULIN)
    answer = yulin.get(PULL, signed_target="/v1/records/00000000-0000-7000-8000-000000000000")
    assert answer.problem == "bad-signature"


def test_a_signature_over_another_query_is_bad(world: World) -> None:
    answer = world.partner(ORDOS).get(PULL + "?after=-1", signed_target=PULL + "?after=5")
    assert answer.problem == "bad-signature"


def test_a_signature_for_another_node_is_bad(world: World) -> None:
    """What a city signed for one node cannot be carried to another, whatever Host it names."""
    yulin = world.partner(YULIN)
    other = world.lab.nodes[1].url
    fields = wire.sign_request(yulin.key, "GET", other + PULL, None, now=yulin.clock())
    fields["Host"] = other.removeprefix("http://")
    assert yulin.send_as_is("GET", PULL, None, fields).problem == "bad-signature"


def test_a_signature_over_another_method_is_bad(world: World) -> None:
    yulin = world.partner(YULIN)
    body = compact({"records": [yulin.record()]})
    fields = wire.sign_request(yulin.key, "PUT", yulin.url + PULL, body, now=yulin.clock())
    fields["Content-Type"] = "application/json"
    assert yulin.send_as_is("POST", PULL, body, fields).problem == "bad-signature"


def test_a_body_that_is_not_the_one_that_was_signed_is_bad(world: World) -> None:
    yulin = world.partner(YULIN)
    ours, theirs = (compact({"records": [yulin.record()]}) for _ in range(2))
    assert yulin.post(ours, signed_body=theirs).problem == "bad-signature"
    assert world.types()["accepted"] == 0


def test_a_digest_that_was_replaced_with_the_body_is_bad(world: World) -> None:
    yulin = world.partner(YULIN)
    ours, theirs = (compact({"records": [yulin.record()]}) for _ in range(2))
    digest = {"Content-Digest": wire.content_digest(ours)}
    assert yulin.post(ours, signed_body=theirs, headers=digest).problem == "bad-signature"


@pytest.mark.parametrize("digest", ["md5=:AAAA:", "sha-256=:AAAA:", "sha-256=1", "", "nonsense"])
def test_a_digest_that_is_none_is_refused(world: World, digest: str) -> None:
    yulin = world.partner(YULIN)
    body = compact({"records": [yulin.record()]})
    values = wire.sign_request(yulin.key, "POST", yulin.url + PULL, body, now=yulin.clock())
    values |= {"Content-Digest": digest, "Content-Type": "application/json"}
    base = wire.signature_base("POST", yulin.url + PULL, values)
    signature = base64.b64encode(yulin.key.private.sign(base)).decode()
    answer = yulin.send_as_is("POST", PULL, body, {**values, "Signature": f"sig1=:{signature}:"})
    assert answer.problem in ("bad-signature", "unsigned", "malformed")


@pytest.mark.parametrize("others", ["", ", md5=:AAAA:"])
def test_a_digest_by_another_algorithm_alone_is_unsigned(world: World, others: str) -> None:
    """It may fit the body: it is still not the one that the contract asks for."""
    yulin = world.partner(YULIN)
    body = compact({"records": [yulin.record()]})
    sha_512 = base64.b64encode(hashlib.sha512(body).digest()).decode()
    fields = wire.sign_request(yulin.key, "POST", yulin.url + PULL, body, now=yulin.clock())
    fields |= {"Content-Digest": f"sha-512=:{sha_512}:{others}", "Content-Type": "application/json"}
    signature = yulin.key.private.sign(wire.signature_base("POST", yulin.url + PULL, fields))
    fields["Signature"] = f"sig1=:{base64.b64encode(signature).decode()}:"
    assert yulin.send_as_is("POST", PULL, body, fields).problem == "unsigned"
    assert world.types()["accepted"] == 0


# -- once --------------------------------------------------------------------------------------------------


def test_a_request_that_is_sent_twice_is_refused_the_second_time(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    yulin.deliver(yulin.record())
    assert ordos.get(PULL).status == 200
    served = world.types()
    assert ordos.send_as_is("GET", PULL, None, ordos.last_request).problem == "replayed"
    assert world.types() == served


@pytest.mark.parametrize("path", ["/{id}", "/{id}/proof", "/{id}/delivery", ""])
def test_every_verb_uses_up_its_nonce(world: World, path: str) -> None:
    yulin = world.partner(YULIN)
    (outcome,) = yulin.deliver(yulin.record())
    target = PULL + path.format(id=outcome["id"])
    assert yulin.get(target).status == 200
    assert yulin.send_as_is("GET", target, None, yulin.last_request).problem == "replayed"


def test_a_push_that_is_replayed_is_refused_as_a_whole(world: World) -> None:
    yulin = world.partner(YULIN)
    body = compact({"records": [yulin.record()]})
    assert yulin.post(body).status == 200
    assert yulin.send_as_is("POST", PULL, body, yulin.last_request).problem == "replayed"
    assert world.types()["accepted"] == 1


def test_a_nonce_is_good_for_one_request_and_not_for_another_of_the_same_key(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    nonce = "n" * 22
    assert yulin.get(PULL, nonce=nonce).status == 200
    assert yulin.get(PULL + "?limit=5", nonce=nonce).problem == "replayed"
    assert ordos.get(PULL, nonce=nonce).status == 200, "another key's nonces are its own"


def test_a_refused_request_uses_up_its_nonce_too(world: World) -> None:
    auditor = world.auditor()
    assert auditor.get(PULL).problem == "not-allowed"
    assert auditor.send_as_is("GET", PULL, None, auditor.last_request).problem == "replayed"
    assert world.types()["refused"] == 1


# -- rights ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["auditor", "peer"])
def test_only_systems_push(world: World, who: str) -> None:
    caller: Partner = getattr(world, who)()
    yulin = world.partner(YULIN)
    assert caller.post({"records": [yulin.record()]}).problem == "not-allowed"
    assert world.types()["accepted"] == 0
    assert world.types()["refused"] == 1
