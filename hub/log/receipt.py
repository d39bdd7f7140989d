"""Receipts: one entry, proven to be in a log, in a text that needs no network (C2SP tlog-proof).

The lines of a receipt, each ending in a newline:

1. `c2sp.org/tlog-proof@v1`
2. `extra <base64 entry>`: the log's entry itself
3. `index <i>`
4. the inclusion hashes from leaf to root, in base64, a line each
5. an empty line, then the checkpoint as it was published
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hub.errors import Code, Problem
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.note import VerifierKey, decode_base64, encode_base64, parse_decimal, split_note
from hub.log.tree import HASH_BYTES, SIZE_LIMIT, leaf_hash, verify_inclusion
from schemas.limits import ENTRY_BYTES, NOTE_BYTES, PROOF_HASHES

HEADER: Final = "c2sp.org/tlog-proof@v1"
RECEIPT_LENGTH: Final = NOTE_BYTES + 4 * (ENTRY_BYTES + 2) // 3 + 45 * PROOF_HASHES + 128
"""The longest receipt that is looked at, in characters."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it was received; nothing in it is proven."""

    entry: bytes
    """The log's entry, one line of JSON."""
    index: int
    proof: tuple[bytes, ...]
    checkpoint: str
    """The signed note."""

    def encode(self) -> str:
        """The text of the receipt."""
        lines = (
            HEADER,
            f"extra {encode_base64(self.entry)}",
            f"index {self.index}",
            *(encode_base64(sibling) for sibling in self.proof),
            "",
        )
        return "\n".join(lines) + "\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str | bytes) -> Receipt:
        """The inverse of `encode`; any other spelling is refused. Raises `Problem`: MALFORMED, TOO_LARGE."""
        if len(text) > RECEIPT_LENGTH:
            raise Problem(Code.TOO_LARGE, f"a receipt is at most {RECEIPT_LENGTH} characters")
        head, gap, checkpoint = _decoded(text).partition("\n\n")
        header, *lines = head.split("\n")
        if not gap or header != HEADER or len(lines) < 2:
            raise Problem(Code.MALFORMED, f"a receipt begins with {HEADER}, an extra and an index")
        extra, index, *siblings = lines
        if not extra.startswith("extra ") or not index.startswith("index "):
            raise Problem(Code.MALFORMED, "a receipt has its entry on line 2 and its index on line 3")
        if len(siblings) > PROOF_HASHES:
            raise Problem(Code.TOO_LARGE, f"a receipt has at most {PROOF_HASHES} hashes")
        entry = decode_base64(extra.removeprefix("extra "))
        if len(entry) > ENTRY_BYTES:
            raise Problem(Code.TOO_LARGE, f"an entry is at most {ENTRY_BYTES} bytes")
        proof = tuple(decode_base64(sibling) for sibling in siblings)
        if any(len(sibling) != HASH_BYTES for sibling in proof):
            raise Problem(Code.MALFORMED, "hashes are 32 bytes each")
        split_note(checkpoint)
        return cls(entry, parse_decimal(index.removeprefix("index "), SIZE_LIMIT), proof, checkpoint)


def verify(receipt: Receipt, log: VerifierKey, witnesses: Iterable[VerifierKey] = ()) -> VerifiedCheckpoint:
    """Check that a receipt's entry is in the log, at its index; the checkpoint that says so.

    Raises `Problem` as `open_checkpoint` and `verify_inclusion` do.
    """
    signed = open_checkpoint(receipt.checkpoint, log, witnesses)
    verify_inclusion(receipt.index, signed.size, leaf_hash(receipt.entry), receipt.proof, signed.root)
    return signed


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise Problem(Code.MALFORMED, "a receipt is UTF-8") from None
