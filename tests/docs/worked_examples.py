"""The worked examples of docs/protocol.md: made by the code, byte for byte, from keys that are no secret.

`python tests/docs/worked_examples.py` writes them anew into the page. In the page an example is a fenced block
whose info string ends in `example=<name>`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from hub.errors import Problem
from hub.log import entry, tile
from hub.log.checkpoint import Checkpoint, add_cosignatures, cosign, sign_checkpoint
from hub.log.note import COSIGNATURE, ED25519, VerifierKey
from hub.log.receipt import Receipt
from hub.log.tree import CompactRange, leaf_hash, leaf_hashes
from keys import message_signature, record_signature
from keys.key import base64url
from keys.seal import seal, unseal
from keys.suite import signing_key_from_raw, unseal_key_from_raw
from schemas import record, strict_json

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
BLOCK = re.compile(r"^```(?P<language>[a-z]+) example=(?P<name>[a-z-]+)\n(?P<text>.*?)^```$", re.M | re.S)

MOMENT = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
NODE, URL = "610800.exchange", "https://exchange.610800.example"
WITNESS = "150600.exchange"
SYSTEM_KEY = signing_key_from_raw(bytes([1] * 32))
NODE_KEY = signing_key_from_raw(bytes([2] * 32))
LOG_KEY = signing_key_from_raw(bytes([3] * 32))
WITNESS_KEY = signing_key_from_raw(bytes([4] * 32))
SEAL_KEYS = {"610800": unseal_key_from_raw(bytes([5] * 32)), "150600": unseal_key_from_raw(bytes([6] * 32))}
PRIVATE = {"title": "麻镇村民与邻旗牧户草场界线纠纷", "summary": "双方就围栏位置发生争执。"}

BODY = {
    "identifier": "61080041600000_20261121083000",
    "status": "exercise",
    "message_type": "alert",
    "category": ["security"],
    "event": "可疑车辆协查",
    "urgency": "immediate",
    "severity": "severe",
    "certainty": "likely",
    "effective": "2026-11-21T08:30:00+08:00",
    "expires": "2026-11-22T08:30:00+08:00",
    "headline": "演练\uff1a毗邻检查站加强查控",
    "areas": [{"description": "府谷县、准格尔旗", "geocodes": ["610822", "150622"]}],
}


@dataclass(frozen=True)
class Example:
    language: str
    text: str


def blocks(page: str) -> dict[str, Example]:
    """The examples that a page shows, by name."""
    return {found["name"]: Example(found["language"], found["text"]) for found in BLOCK.finditer(page)}


def payload() -> bytes:
    return record.dump(
        {
            "id": record.new_id(MOMENT, bytes(range(10))),
            "kind": "alert",
            "version": 1,
            "revision": 1,
            "previous": None,
            "from": "610800",
            "to": ["150600"],
            "issued_at": "2026-11-21T08:30:00+08:00",
            "expires_at": "2027-05-21T00:00:00+08:00",
            "marking": "amber",
            "agreement": "border-2026",
            "subject": None,
            "withdrawn": None,
            "salt": base64url(bytes(range(16))),
            "body": BODY,
            "sealed": None,
        }
    )


def entries(digest: str, record_id: str) -> list[bytes]:
    """A log of three entries: the trust list, the record, and that it was handed over."""
    at = "2026-11-21T08:30:01+08:00"
    return [
        entry.trust(
            at="2026-11-21T08:00:00+08:00",
            file="trust-list.json",
            version=1,
            digest=sha256(b"an example").hexdigest(),
        ),
        entry.accepted(
            at=at,
            id=record_id,
            revision=1,
            digest=digest,
            kind="alert",
            sender="610800",
            marking="amber",
            to={"150600": 1},
        ),
        entry.served(
            at="2026-11-21T08:30:02+08:00",
            by=signing_key_from_raw(bytes([7] * 32)).kid,
            request=sha256(b"a signature base").hexdigest(),
            indexes=[1],
        ),
    ]


def log_of(lines: list[bytes]) -> tuple[Checkpoint, dict[int, bytes]]:
    """The checkpoint over the lines, and the tiles by level."""
    hashes = leaf_hashes(lines)
    tree = CompactRange().extend(hashes)
    return Checkpoint(NODE, len(lines), tree.root()), {0: b"".join(hashes)}


def request_base(method: str, url: str, digest: str | None, parameters: str) -> str:
    """RFC 9421 §2.5, for this profile's components."""
    lines = [f'"@method": {method}', f'"@target-uri": {url}']
    if digest is not None:
        lines.append(f'"content-digest": {digest}')
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def make(held: dict[str, Example]) -> dict[str, str]:
    """Every example's text; the sealed part alone is kept while it opens, since sealing is by chance."""
    jws = record_signature.sign(payload(), SYSTEM_KEY)
    digest = record_signature.parse(jws).digest
    record_id = json.loads(payload())["id"]
    push = json.dumps({"records": [jws]}, separators=(",", ":")).encode()
    url = f"{URL}/v1/records"
    fields = message_signature.sign_request(
        "POST", url, push, SYSTEM_KEY, now=MOMENT, nonce=bytes(range(16, 32))
    )
    base = request_base(
        "POST", url, fields["Content-Digest"], fields["Signature-Input"].removeprefix("sig1=")
    )
    lines = entries(digest, record_id)
    checkpoint, tiles = log_of(lines)
    note = sign_checkpoint(checkpoint, LOG_KEY)
    time = int((MOMENT + timedelta(seconds=60)).timestamp())
    cosigned = add_cosignatures(note, [cosign(checkpoint, WITNESS, WITNESS_KEY, time)])
    proof = tile.inclusion_proof(
        1, 3, lambda level, number, width: tiles[level][: 32 * width] if number == 0 else b""
    )
    outcome = {"status": "accepted", "id": record_id, "digest": digest, "index": 1}
    answer = json.dumps(
        {"outcomes": [outcome], "checkpoint": sign_checkpoint(log_of(lines[:2])[0], LOG_KEY)},
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()
    answered = message_signature.sign_response(200, answer, fields, NODE_KEY, now=MOMENT)
    answer_base = "\n".join(
        [
            '"@status": 200',
            f'"content-digest": {answered["Content-Digest"]}',
            f'"signature";key="sig1";req: {fields["Signature"].removeprefix("sig1=")}',
            f'"@signature-params": {answered["Signature-Input"].removeprefix("sig1=")}',
        ]
    )
    return {
        "system-jwk": strict_json.dumps(SYSTEM_KEY.public.jwk).decode() + "\n",
        "system-kid": SYSTEM_KEY.kid + "\n",
        "record-payload": payload().decode() + "\n",
        "record-jws": jws + "\n",
        "record-digest": digest + "\n",
        "sealed-part": _sealed(held.get("sealed-part")),
        "private-part": json.dumps(PRIVATE, ensure_ascii=False, sort_keys=True) + "\n",
        "request-base": base + "\n",
        "request": _http("POST /v1/records HTTP/1.1", "exchange.610800.example", fields, push),
        "answer-base": answer_base + "\n",
        "answer": _http("HTTP/1.1 200 OK", None, answered, answer),
        "entry": lines[1].decode() + "\n",
        "leaf": leaf_hash(lines[1]).hex() + "\n",
        "log-entries": "".join(line.decode() + "\n" for line in lines),
        "log-verifier-key": str(VerifierKey(NODE, ED25519, LOG_KEY.public)) + "\n",
        "witness-verifier-key": str(VerifierKey(WITNESS, COSIGNATURE, WITNESS_KEY.public)) + "\n",
        "checkpoint": note,
        "cosigned-checkpoint": cosigned,
        "receipt": Receipt(lines[1], 1, tuple(proof), cosigned).encode(),
    }


def _sealed(held: Example | None) -> str:
    if held is not None:
        try:
            if all(json.loads(unseal(json.loads(held.text), key)) == PRIVATE for key in SEAL_KEYS.values()):
                return held.text
        except (Problem, ValueError):
            pass
    jwe: dict[str, Any] = seal(strict_json.dumps(PRIVATE), [key.public for key in SEAL_KEYS.values()])
    return json.dumps(jwe, indent=1, sort_keys=True) + "\n"


def _http(first: str, host: str | None, fields: dict[str, str], body: bytes) -> str:
    lines = [first, *([f"Host: {host}"] if host else []), "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\n".join(lines) + "\n\n" + body.decode() + "\n"


def rewrite(page: str) -> str:
    """The page with every example as the code makes it now."""
    made = make(blocks(page))

    def write(found: re.Match[str]) -> str:
        return f"```{found['language']} example={found['name']}\n{made[found['name']]}```"

    return BLOCK.sub(write, page)


if __name__ == "__main__":
    PAGE.write_text(rewrite(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
