"""Checkpoints: what a log says of itself, and what witnesses saw of it (C2SP tlog-checkpoint).

The rules:

1. A checkpoint's text is three lines: origin, size in decimal, base64 of the root. No extension lines.
2. The log signs with a key of type 01 whose name is the origin.
3. A witness cosigns with a key of type 04 that is its own; each witness counts once.
4. Who signs, signs its own re-encoding of a parsed checkpoint, never the bytes that it was handed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub.errors import Code, Problem
from hub.log.note import (
    COSIGNATURE,
    ED25519,
    Note,
    VerifierKey,
    check_name,
    cosignature_line,
    decode_base64,
    encode_base64,
    open_note,
    parse_decimal,
    sign_note,
    signature_line,
    split_note,
)
from hub.log.tree import EMPTY_ROOT, HASH_BYTES, SIZE_LIMIT
from keys.suite import SigningKey


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log's tree; not yet anybody's word."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        check_name(self.origin)
        if not 0 <= self.size < SIZE_LIMIT or len(self.root) != HASH_BYTES:
            raise Problem(Code.MALFORMED, "a checkpoint has a size and a root of 32 bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise Problem(Code.MALFORMED, "the root of an empty log is that of the empty tree")

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def parse(cls, body: str) -> Checkpoint:
        """The inverse of `body`; any other spelling is refused. Raises `Problem` MALFORMED."""
        lines = body.split("\n")
        if len(lines) != 4 or lines[3]:
            raise Problem(Code.MALFORMED, "a checkpoint is three lines: origin, size and root")
        return cls(lines[0], parse_decimal(lines[1], SIZE_LIMIT), decode_base64(lines[2]))


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness saw the checkpoint, and no larger one that it contradicts, at `time` (POSIX seconds)."""

    witness: VerifierKey
    time: int


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint whose log signature was verified; made by `open_checkpoint` alone."""

    checkpoint: Checkpoint
    note: str
    """The text as received, with all of its signature lines."""
    cosignatures: tuple[Cosignature, ...]
    """Those by the witnesses that were asked for, one each."""

    @property
    def size(self) -> int:
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        return self.checkpoint.root


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> str:
    """The note that a log publishes."""
    return sign_note(checkpoint.body, [signature_line(checkpoint.origin, key, checkpoint.body)])


def cosign(checkpoint: Checkpoint, witness: str, key: SigningKey, time: int) -> str:
    """A witness's cosignature line, by its name and key, at `time` (POSIX seconds)."""
    return cosignature_line(witness, key, checkpoint.body, time)


def add_cosignatures(note: str, lines: Iterable[str]) -> str:
    """The note with cosignature lines added below its own. Raises `Problem` MALFORMED, TOO_LARGE."""
    split_note(note)
    added = note + "".join(lines)
    split_note(added)
    return added


def submission(old: int, proof: Iterable[bytes], note: str) -> bytes:
    """What a witness is sent (tlog-witness): the size it cosigned last, the proof from there, and a checkpoint."""
    hashes = "".join(f"{encode_base64(each)}\n" for each in proof)
    return f"old {old}\n{hashes}\n{note}".encode()


def open_checkpoint(
    note: str | bytes, log: VerifierKey, witnesses: Iterable[VerifierKey] = ()
) -> VerifiedCheckpoint:
    """Verify a checkpoint with its log's key, and collect the cosignatures of the witnesses given.

    A witness whose key is the log's own is not counted. Raises `Problem`: MALFORMED, TOO_LARGE, BAD_SIGNATURE
    for a known key (a witness's too) that did not make its signature, UNKNOWN_KEY where the log's signature
    is missing or the checkpoint is of another log.
    """
    if log.type != ED25519:
        raise Problem(Code.NOT_ALLOWED, "a log signs with a key of type 01")
    counted = [w for w in witnesses if w.type == COSIGNATURE and w.key != log.key]
    opened: Note = open_note(note, [log, *counted])
    if opened.signed_by(log) is None:
        raise Problem(Code.UNKNOWN_KEY, "the checkpoint is not signed by its log")
    checkpoint = Checkpoint.parse(opened.body)
    if checkpoint.origin != log.name:
        raise Problem(Code.UNKNOWN_KEY, "the checkpoint is of another log")
    seen: dict[bytes, Cosignature] = {}
    for signature in opened.signatures:
        if signature.time is not None:
            seen.setdefault(signature.key.key.raw, Cosignature(signature.key, signature.time))
    text = note if isinstance(note, str) else note.decode()
    return VerifiedCheckpoint(checkpoint, text, tuple(seen.values()))
