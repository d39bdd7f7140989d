"""A receipt proves one entry, needs no network, and is read in one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from hub.log import receipt
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.note import ED25519, VerifierKey, encode_base64
from hub.log.receipt import Receipt
from hub.log.tile import inclusion_proof
from hub.log.tree import CompactRange, leaf_hash
from keys.suite import signing_key_from_raw

KEY = signing_key_from_raw(b"l" * 32)
LOG = VerifierKey("610800.exchange", ED25519, KEY.public)
ENTRIES = [b'{"entry":%d}' % n for n in range(7)]
LEAVES = [leaf_hash(line) for line in ENTRIES]
CHECKPOINT = Checkpoint("610800.exchange", 7, CompactRange().extend(LEAVES).root())
PROOF = inclusion_proof(2, 7, lambda *_: b"".join(LEAVES))
RECEIPT = Receipt(ENTRIES[2], 2, tuple(PROOF), sign_checkpoint(CHECKPOINT, KEY))
TEXT = RECEIPT.encode()


def test_a_receipt_is_the_text_that_the_specification_shows() -> None:
    lines = TEXT.split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", f"extra {encode_base64(ENTRIES[2])}", "index 2"]
    assert lines[3:6] == [encode_base64(sibling) for sibling in PROOF]
    assert lines[6:9] == ["", "610800.exchange", "7"]
    assert Receipt.parse(TEXT) == Receipt.parse(TEXT.encode()) == RECEIPT


def test_a_receipt_proves_its_entry() -> None:
    assert receipt.verify(RECEIPT, LOG).checkpoint == CHECKPOINT


def test_the_only_entry_of_a_log_needs_no_hashes() -> None:
    alone = Checkpoint("610800.exchange", 1, LEAVES[0])
    parsed = Receipt.parse(Receipt(ENTRIES[0], 0, (), sign_checkpoint(alone, KEY)).encode())
    assert receipt.verify(parsed, LOG).size == 1


@pytest.mark.parametrize(
    "forged",
    [
        Receipt(b'{"entry":9}', 2, RECEIPT.proof, RECEIPT.checkpoint),
        Receipt(RECEIPT.entry, 3, RECEIPT.proof, RECEIPT.checkpoint),
        Receipt(RECEIPT.entry, 2, RECEIPT.proof[:-1], RECEIPT.checkpoint),
        Receipt(RECEIPT.entry, 2, RECEIPT.proof[::-1], RECEIPT.checkpoint),
        Receipt(RECEIPT.entry, 7, RECEIPT.proof, RECEIPT.checkpoint),
        Receipt(RECEIPT.entry, 2, RECEIPT.proof, RECEIPT.checkpoint.replace("\n7\n", "\n8\n")),
    ],
    ids=["another entry", "another index", "a short proof", "a turned proof", "outside", "another size"],
)
def test_a_forged_receipt_is_refused(forged: Receipt) -> None:
    with pytest.raises(Problem) as refusal:
        receipt.verify(forged, LOG)
    assert refusal.value.code in (Code.BAD_SIGNATURE, Code.MALFORMED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("@v1", "@v2"),
        TEXT.replace("index 2", "index 02"),
        TEXT.replace("index 2\n", ""),
        TEXT.replace("extra ", "Extra "),
        TEXT.replace(f"extra {encode_base64(ENTRIES[2])}\n", ""),
        TEXT.replace("index 2", "index 2\nindex 2"),
        TEXT.replace("=\n", "\n", 1),
        TEXT.replace("=\n", "=\n\n", 1),
        TEXT.replace("=\n", "= \n", 1),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace(encode_base64(PROOF[0]), encode_base64(PROOF[0][:31])),
        TEXT.partition("\n\n")[0] + "\n",
        TEXT.partition("\n\n")[0] + "\n\n",
        TEXT.replace("\n\n", "\n", 1),
        TEXT.replace("index 2\n", "index 2\n" + f"{encode_base64(PROOF[0])}\n" * 61),
        TEXT + "x" * 200_000,
        "\ud800" + TEXT,
        b"\xff" + TEXT.encode(),
    ],
)
def test_a_receipt_in_another_form_is_refused(text: str | bytes) -> None:
    with pytest.raises(Problem) as refusal:
        Receipt.parse(text)
    assert refusal.value.code in (Code.MALFORMED, Code.TOO_LARGE)


@settings(deadline=None)
@given(
    st.text()
    | st.binary()
    | st.tuples(st.integers(0, len(TEXT) - 1), st.text(max_size=2), st.integers(0, 2)).map(
        lambda m: TEXT[: m[0]] + m[1] + TEXT[m[0] + m[2] :]
    )
)
def test_receipts_of_any_bytes_are_refused_or_written_back_the_same(text: str | bytes) -> None:
    try:
        found = Receipt.parse(text)
    except Problem:
        return
    assert found.encode() == (text if isinstance(text, str) else text.decode())
    if found != RECEIPT:
        with pytest.raises(Problem):
            receipt.verify(found, LOG)
