"""One record, its receipt and the trust list are all that an auditor needs, and each step can refuse."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.errors import Code, Problem
from hub.log import entry
from hub.log.checkpoint import Checkpoint, add_cosignatures, cosign, sign_checkpoint
from hub.log.note import COSIGNATURE, ED25519, VerifierKey
from hub.log.receipt import Receipt
from hub.log.tile import inclusion_proof
from hub.log.tree import CompactRange, leaf_hash
from hub.log.verifier import verify_record
from keys import record_signature
from keys.suite import SigningKey, signing_key_from_raw
from keys.trust_list import City, Node, Target, Trust, TrustedKey
from schemas import record

ISSUED = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
AT = "2026-11-21T16:31:00.000+08:00"
CITY_KEY = signing_key_from_raw(b"c" * 32)
LOG_KEY = signing_key_from_raw(b"l" * 32)
WITNESS_KEYS = {"610800.exchange": b"v" * 32, "150600.exchange": b"w" * 32}
ID = "018f2c3e-7b6a-7c1d-9e2f-0123456789ab"
EARLIER = b'{"an":"earlier entry"}'


def trusted(key: SigningKey = CITY_KEY, **changed: Any) -> TrustedKey:
    held = TrustedKey(
        key=key.public,
        kid=key.kid,
        use="sign",
        owner="610800",
        owner_kind="city",
        system="610800/mediation",
        kinds=frozenset({"acknowledgement"}),
        not_before=ISSUED - timedelta(days=1),
        not_after=ISSUED + timedelta(days=1),
        revoked_at=None,
    )
    return replace(held, **changed)


def trust_of(*keys: TrustedKey) -> Trust:
    nodes = {
        name: Node(
            name,
            f"https://{name}.example",
            (),
            str(VerifierKey(name, ED25519, signing_key_from_raw(log).public)),
            str(VerifierKey(name, COSIGNATURE, signing_key_from_raw(WITNESS_KEYS[name]).public)),
        )
        for name, log in (("610800.exchange", b"l" * 32), ("150600.exchange", b"m" * 32))
    }
    target = Target("trust-list.json", 1, "00" * 32)
    cities = {"610800": City("610800", "榆林", "陕西", "610800.exchange", keys)}
    return Trust(cities, nodes, {}, {}, 0, (target, target), ISSUED + timedelta(days=90))


TRUST = trust_of(trusted())


def made_record(**changed: Any) -> str:
    members: dict[str, Any] = {
        "id": ID,
        "kind": "acknowledgement",
        "version": 1,
        "revision": 1,
        "previous": None,
        "from": "610800",
        "to": ["150600", "141100"],
        "issued_at": "2026-11-21T16:30:00+08:00",
        "expires_at": None,
        "marking": "amber",
        "agreement": "mediation-2026",
        "subject": "018f2c3e-7b6a-7c1d-9e2f-ba9876543210",
        "withdrawn": None,
        "salt": base64.urlsafe_b64encode(bytes(16)).rstrip(b"=").decode(),
        "body": {"digest": "ab" * 32, "outcome": "accepted", "reason": None, "note": None},
        "sealed": None,
    }
    return record_signature.sign(record.dump({**members, **changed}), CITY_KEY)


RECORD = made_record()


def made_entry(jws: str = RECORD, **changed: Any) -> bytes:
    members: dict[str, Any] = {
        "at": AT,
        "id": ID,
        "revision": 1,
        "digest": record_signature.parse(jws).digest,
        "kind": "acknowledgement",
        "sender": "610800",
        "marking": "amber",
        "to": {"150600": 17, "141100": 2},
    }
    return entry.accepted(**{**members, **changed})


@dataclass(frozen=True)
class Made:
    receipt: Receipt
    checkpoint: Checkpoint

    def cosigned_by(self, *names: str) -> str:
        lines = [
            cosign(self.checkpoint, n, signing_key_from_raw(WITNESS_KEYS[n]), 1_795_000_000) for n in names
        ]
        return replace(self.receipt, checkpoint=add_cosignatures(self.receipt.checkpoint, lines)).encode()


def made_receipt(line: bytes, origin: str = "610800.exchange", key: SigningKey = LOG_KEY) -> Made:
    leaves = [leaf_hash(EARLIER), leaf_hash(line), leaf_hash(b"{}")]
    checkpoint = Checkpoint(origin, 3, CompactRange().extend(leaves).root())
    proof = inclusion_proof(1, 3, lambda *_: b"".join(leaves))
    return Made(Receipt(line, 1, tuple(proof), sign_checkpoint(checkpoint, key)), checkpoint)


RECEIPT = made_receipt(made_entry())
TEXT = RECEIPT.receipt.encode()


def refusal_of(jws: str = RECORD, receipt: str = TEXT, trust: Trust = TRUST, quorum: int = 0) -> Problem:
    with pytest.raises(Problem) as refusal:
        verify_record(jws, receipt, trust, quorum=quorum)
    return refusal.value


def test_a_record_is_verified_with_its_receipt_and_the_trust_list_alone() -> None:
    verdict = verify_record(RECORD, TEXT, TRUST)
    assert (verdict.record.id, verdict.index, verdict.key.owner) == (ID, 1, "610800")
    assert verdict.entry.to == {"141100": 2, "150600": 17}
    assert verdict.checkpoint.checkpoint == RECEIPT.checkpoint
    assert verdict.digest == verdict.entry.digest


def test_step_1_an_entry_that_is_no_record_is_no_receipt() -> None:
    line = entry.erased(at=AT, index=0, digest="ab" * 32, basis="retention")
    assert refusal_of(receipt=made_receipt(line).receipt.encode()).code is Code.NOT_ALLOWED
    assert refusal_of(receipt="no receipt").code is Code.MALFORMED


def test_step_2_a_key_that_nobody_listed_is_refused() -> None:
    assert refusal_of(trust=trust_of()).code is Code.UNKNOWN_KEY


def test_step_2_a_signature_over_other_bytes_is_refused() -> None:
    header, _, signature = RECORD.split(".")
    forged = ".".join((header, made_record(marking="clear").split(".")[1], signature))
    assert refusal_of(jws=forged).code is Code.BAD_SIGNATURE


@pytest.mark.parametrize(
    "changed",
    [
        {"owner": "150600"},
        {"owner_kind": "node"},
        {"use": "node"},
        {"kinds": frozenset({"alert"})},
        {"kinds": None},
    ],
    ids=str,
)
def test_step_2_a_key_of_another_city_use_or_kind_is_refused(changed: Mapping[str, Any]) -> None:
    assert refusal_of(trust=trust_of(trusted(**changed))).code is Code.NOT_ALLOWED


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"digest": "ab" * 32}, "/digest"),
        ({"id": "018f2c3e-7b6a-7c1d-9e2f-000000000000"}, "/id"),
        ({"revision": 2}, "/revision"),
        ({"kind": "alert"}, "/kind"),
        ({"sender": "640100"}, "/from"),
        ({"marking": "clear"}, "/marking"),
        ({"to": {"150600": 17}}, "/to"),
        ({"to": {"150600": 17, "141100": 2, "640100": 1}}, "/to"),
    ],
)
def test_step_3_an_entry_of_another_record_is_refused(changed: Mapping[str, Any], where: str) -> None:
    refusal = refusal_of(receipt=made_receipt(made_entry(**changed)).receipt.encode())
    assert (refusal.code, refusal.where) == (Code.CONFLICT, where)


def test_step_3_a_received_entry_names_only_the_recipients_that_its_node_hosts() -> None:
    digest = record_signature.parse(RECORD).digest
    route: dict[str, Any] = {"id": ID, "revision": 1, "digest": digest, "marking": "amber"}

    def receipt(to: Mapping[str, int]) -> str:
        line = entry.received(
            at=AT, **route, kind="acknowledgement", sender="610800", to=to, via="610800.exchange", via_index=1
        )
        return made_receipt(line, "150600.exchange", signing_key_from_raw(b"m" * 32)).receipt.encode()

    verdict = verify_record(RECORD, receipt({"150600": 4}), TRUST)
    assert isinstance(verdict.entry, entry.Received)
    assert refusal_of(receipt=receipt({"640100": 1})).where == "/to"


def test_step_4_a_log_that_is_not_in_the_trust_list_is_refused() -> None:
    stranger = made_receipt(made_entry(), "stranger.exchange")
    assert refusal_of(receipt=stranger.receipt.encode()).code is Code.UNKNOWN_KEY


def test_step_4_a_checkpoint_that_another_key_signed_is_refused() -> None:
    """A node may not speak for another node's log, though both are trusted."""
    by_another = made_receipt(made_entry(), key=signing_key_from_raw(b"m" * 32))
    assert refusal_of(receipt=by_another.receipt.encode()).code is Code.UNKNOWN_KEY


def test_step_5_an_entry_that_is_not_in_the_log_is_refused() -> None:
    outside = replace(RECEIPT.receipt, entry=made_entry(to={"150600": 18, "141100": 2}))
    assert refusal_of(receipt=outside.encode()).code is Code.BAD_SIGNATURE
    moved = replace(RECEIPT.receipt, index=0)
    assert refusal_of(receipt=moved.encode()).code is Code.BAD_SIGNATURE


def test_step_6_cosignatures_are_counted_but_not_the_logs_own_nodes() -> None:
    assert refusal_of(quorum=1).code is Code.UNSIGNED
    assert refusal_of(receipt=RECEIPT.cosigned_by("610800.exchange"), quorum=1).code is Code.UNSIGNED
    both = RECEIPT.cosigned_by("610800.exchange", "150600.exchange")
    verdict = verify_record(RECORD, both, TRUST, quorum=1)
    assert [c.witness.name for c in verdict.cosignatures] == ["150600.exchange"]
    assert refusal_of(receipt=both, quorum=2).code is Code.UNSIGNED


def test_step_7_a_key_outside_of_its_validity_is_refused() -> None:
    outside: list[dict[str, Any]] = [{"not_before": ISSUED + timedelta(seconds=1)}, {"not_after": ISSUED}]
    for changed in outside:
        assert refusal_of(trust=trust_of(trusted(**changed))).code is Code.UNKNOWN_KEY


def test_step_7_what_was_entered_before_a_revocation_stays_verifiable() -> None:
    entered = datetime.fromisoformat(AT)
    after = trust_of(trusted(revoked_at=entered + timedelta(seconds=1)))
    assert verify_record(RECORD, TEXT, after).record.id == ID
    assert refusal_of(trust=trust_of(trusted(revoked_at=entered))).code is Code.UNKNOWN_KEY
