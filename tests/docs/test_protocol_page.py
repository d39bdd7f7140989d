"""The examples of docs/protocol.md are what the code makes, and hold by themselves."""

from __future__ import annotations

import base64
import json
from hashlib import sha256

import pytest
import worked_examples
from pages import fenced
from worked_examples import (
    LOG_KEY,
    MOMENT,
    NODE_KEY,
    PAGE,
    PRIVATE,
    SEAL_KEYS,
    SYSTEM_KEY,
    URL,
    WITNESS_KEY,
    Example,
)

from hub.errors import MEANINGS
from hub.log import entry
from hub.log.checkpoint import open_checkpoint
from hub.log.note import VerifierKey
from hub.log.receipt import Receipt, verify
from hub.log.tree import leaf_hash
from keys import message_signature, record_signature
from keys.seal import check_shape, unseal
from keys.suite import VerifyKey, verify_key_from_jwk
from schemas import record
from schemas.limits import CLOCK_SKEW_SECONDS, PUSH_RECORDS, RECORD_BYTES
from schemas.publish import openapi


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def examples(page: str) -> dict[str, Example]:
    return worked_examples.blocks(page)


def _http(text: str) -> tuple[str, dict[str, str], bytes]:
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    return first, dict(line.split(": ", 1) for line in lines), body.removesuffix("\n").encode()


def test_the_page_shows_every_example_as_the_code_makes_it(page: str, examples: dict[str, Example]) -> None:
    assert set(examples) == set(worked_examples.make(examples))
    assert worked_examples.rewrite(page) == page


def test_the_key_id_is_the_thumbprint_of_the_jwk_shown(examples: dict[str, Example]) -> None:
    key = verify_key_from_jwk(json.loads(examples["system-jwk"].text))
    assert key.kid == examples["system-kid"].text.strip() == SYSTEM_KEY.kid


def test_the_record_verifies_and_says_what_the_payload_shows(examples: dict[str, Example]) -> None:
    signed = record_signature.parse(examples["record-jws"].text.strip())
    verified = record_signature.verify(signed, verify_key_from_jwk(json.loads(examples["system-jwk"].text)))
    assert verified.payload.decode() == examples["record-payload"].text.strip()
    assert record.load(verified.payload).kind == "alert"
    assert verified.digest == examples["record-digest"].text.strip()
    assert verified.digest == sha256(examples["record-jws"].text.strip().encode()).hexdigest()


def test_the_sealed_part_opens_for_both_cities_to_the_private_part_shown(
    examples: dict[str, Example],
) -> None:
    sealed = json.loads(examples["sealed-part"].text)
    assert set(check_shape(sealed)) == {key.kid for key in SEAL_KEYS.values()}
    for key in SEAL_KEYS.values():
        assert json.loads(unseal(sealed, key)) == json.loads(examples["private-part"].text) == PRIVATE


def test_the_request_verifies_over_the_base_shown(examples: dict[str, Example]) -> None:
    first, fields, body = _http(examples["request"].text)
    method, path, _ = first.split(" ")
    verified = message_signature.verify_request(
        method,
        URL + path,
        fields,
        lambda kid: {SYSTEM_KEY.kid: SYSTEM_KEY.public}[kid],
        now=MOMENT,
        has_body=True,
    )
    message_signature.check_digest(fields, body)
    base = examples["request-base"].text.removesuffix("\n")
    assert verified.digest == sha256(base.encode()).hexdigest()
    signature = base64.b64decode(fields["Signature"].removeprefix("sig1=").strip(":"))
    SYSTEM_KEY.public.verify(signature, base.encode())
    assert json.loads(body) == {"records": [examples["record-jws"].text.strip()]}


def test_the_answer_verifies_for_that_request_over_the_base_shown(examples: dict[str, Example]) -> None:
    _, request, _ = _http(examples["request"].text)
    first, fields, body = _http(examples["answer"].text)

    def resolve(kid: str) -> VerifyKey:
        return {NODE_KEY.kid: NODE_KEY.public}[kid]

    message_signature.verify_response(int(first.split(" ")[1]), fields, body, request, resolve)
    signature = base64.b64decode(fields["Signature"].removeprefix("sig1=").strip(":"))
    NODE_KEY.public.verify(signature, examples["answer-base"].text.removesuffix("\n").encode())
    outcome = json.loads(body)["outcomes"][0]
    assert outcome["digest"] == examples["record-digest"].text.strip()


def test_the_entry_is_of_the_record_and_hashes_to_the_leaf_shown(examples: dict[str, Example]) -> None:
    line = examples["entry"].text.removesuffix("\n").encode()
    decoded = entry.decode(line)
    assert isinstance(decoded, entry.Accepted)
    assert decoded.digest == examples["record-digest"].text.strip()
    assert leaf_hash(line).hex() == examples["leaf"].text.strip()


def test_the_checkpoint_is_of_the_three_entries_shown_and_cosigned(examples: dict[str, Example]) -> None:
    log = VerifierKey.parse(examples["log-verifier-key"].text.strip())
    witness = VerifierKey.parse(examples["witness-verifier-key"].text.strip())
    assert (log.key, witness.key) == (LOG_KEY.public, WITNESS_KEY.public)
    opened = open_checkpoint(examples["cosigned-checkpoint"].text, log, [witness])
    assert examples["cosigned-checkpoint"].text.startswith(examples["checkpoint"].text)
    assert len(opened.cosignatures) == 1

    # By hand, as RFC 6962 says: two leaves make a node, and the third stands beside it.
    a, b, c = (sha256(b"\x00" + line.encode()).digest() for line in examples["log-entries"].text.splitlines())
    root = sha256(b"\x01" + sha256(b"\x01" + a + b).digest() + c).digest()
    assert (opened.size, opened.root) == (3, root)


def test_the_receipt_proves_the_entry_shown(examples: dict[str, Example]) -> None:
    receipt = Receipt.parse(examples["receipt"].text)
    assert receipt.entry.decode() == examples["entry"].text.removesuffix("\n")
    verified = verify(receipt, VerifierKey.parse(examples["log-verifier-key"].text.strip()))
    assert (receipt.index, verified.size) == (1, 3)


@pytest.mark.parametrize("name", ["Page", "Delivery"])
def test_the_answers_shown_have_the_members_that_openapi_publishes(page: str, name: str) -> None:
    (shown,) = [json.loads(text) for info, text in fenced(page, "json") if info == f"shape={name}"]
    published = openapi(URL)["components"]["schemas"]
    assert shown.keys() <= published[name]["properties"].keys()
    assert shown.keys() >= set(published[name]["required"])
    assert all(f'"{each}"' in page for each in published[name]["properties"])
    if name == "Delivery":
        assert shown["recipients"][0].keys() == published["Recipient"]["properties"].keys()


def test_the_page_lists_every_problem_code_with_its_status(page: str) -> None:
    for code, meaning in MEANINGS.items():
        assert f"| `{code}` | {meaning.status} |" in page


def test_the_page_states_the_limits_that_the_code_has(page: str) -> None:
    assert f"{RECORD_BYTES // 1024} KiB" in page
    assert f"{RECORD_BYTES:,} ASCII bytes" in page
    assert f"{PUSH_RECORDS:,} records, 16 MiB" in page
    assert f"{CLOCK_SKEW_SECONDS} s apart" in page
