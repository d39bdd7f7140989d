"""Signed notes: a text and the lines that sign it (C2SP signed-note, tlog-cosignature).

The rules:

1. A note is UTF-8 without control characters but the newline, at most 64 KiB.
2. The last empty line parts the text from 1 to 64 signature lines, `— <name> <base64(id[4] ‖ signature)>`.
3. Base64 is standard, padded, and has one spelling for one value.
4. A line of an unknown (name, id) is ignored. A known key whose signature fails refuses the whole note.
5. A note without any signature by a known key is refused.

Types of keys: 01 signs the text, 04 signs a checkpoint together with a time (a cosignature).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hub.errors import Code, Problem
from keys.suite import SigningKey, VerifyKey, verify_key_from_raw
from schemas.limits import NOTE_BYTES, NOTE_SIGNATURES

ED25519: Final = 1
COSIGNATURE: Final = 4
TIME_LIMIT: Final = 2**63
NAME_LENGTH: Final = 255

_DASH: Final = "\N{EM DASH} "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_ID_BYTES: Final = 4
_RAW_BYTES: Final = 32
_TIME_BYTES: Final = 8


def encode_base64(value: bytes) -> str:
    """Standard base64 with padding (RFC 4648 §4)."""
    return base64.b64encode(value).decode("ascii")


def decode_base64(text: str) -> bytes:
    """The inverse, for the one spelling only: no white space, no missing padding, no stray bits.

    Raises `Problem` MALFORMED.
    """
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if not value or encode_base64(value) != text:
        raise Problem(Code.MALFORMED, "not standard base64 with padding")
    return value


def parse_decimal(text: str, limit: int) -> int:
    """A non-negative decimal below `limit` without leading zeros. Raises `Problem` MALFORMED."""
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(limit))
    if not digits or (text[0] == "0" and text != "0") or int(text) >= limit:
        raise Problem(Code.MALFORMED, "not a decimal number without leading zeros")
    return int(text)


def check_name(name: str) -> None:
    """A key's name is not empty and has no Unicode space, plus or control character.

    Raises `Problem` MALFORMED.
    """
    if not 0 < len(name) <= NAME_LENGTH or any(c.isspace() or c in "+\x7f" or c < " " for c in name):
        raise Problem(Code.MALFORMED, "not a key name: it is empty, too long, or has a space or a plus")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key that others may be asked to trust, as `name+hex(id)+base64(type ‖ key)`."""

    name: str
    type: int
    key: VerifyKey

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.type not in (ED25519, COSIGNATURE):
            raise Problem(Code.MALFORMED, "a verifier key is of type 01 or 04")

    @property
    def id(self) -> bytes:
        """First 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key)."""
        hashed = self.name.encode() + b"\n" + bytes([self.type]) + self.key.raw
        return hashlib.sha256(hashed).digest()[:_ID_BYTES]

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """From its text. Raises `Problem` MALFORMED."""
        parts = text.split("+", 2)
        if len(parts) != 3 or len(text) > 2 * NAME_LENGTH or not _encodable(text):
            raise Problem(Code.MALFORMED, "a verifier key is name+id+key")
        material = decode_base64(parts[2])
        if len(material) != 1 + _RAW_BYTES:
            raise Problem(Code.MALFORMED, "a verifier key is of type 01 or 04 and 32 bytes long")
        found = cls(parts[0], material[0], verify_key_from_raw(material[1:]))
        if found.id.hex() != parts[1]:
            raise Problem(Code.MALFORMED, "the id of a verifier key does not fit its name and key")
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{encode_base64(bytes([self.type]) + self.key.raw)}"

    def verify(self, body: str, signature: bytes) -> int | None:
        """Check one signature over a note's text; the time that a cosignature names, else None.

        Raises `Problem`: MALFORMED, BAD_SIGNATURE.
        """
        if self.type == ED25519:
            self.key.verify(signature, body.encode())
            return None
        time = int.from_bytes(signature[:_TIME_BYTES], "big")
        if len(signature) <= _TIME_BYTES or time >= TIME_LIMIT:
            raise Problem(Code.MALFORMED, "a cosignature is u64 time ‖ signature")
        self.key.verify(signature[_TIME_BYTES:], cosigned(body, time))
        return time


def cosigned(body: str, time: int) -> bytes:
    """What a cosignature of type 04 is made over (tlog-cosignature, Ed25519 signed message)."""
    return f"cosignature/v1\ntime {time}\n{body}".encode()


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that was verified: whose, and for a cosignature of when (POSIX seconds)."""

    key: VerifierKey
    time: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A note of which at least one signature was verified; made by `open_note` alone."""

    body: str
    signatures: tuple[Signature, ...]

    def signed_by(self, key: VerifierKey) -> Signature | None:
        """The signature by this key, if it is there."""
        return next((s for s in self.signatures if s.key == key), None)


def split_note(note: str | bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Text and signature lines, as (name, id, signature), of a note not yet verified.

    Raises `Problem`: MALFORMED, TOO_LARGE.
    """
    text = _text(note)
    body, gap, block = text.rpartition("\n\n")
    lines = block.split("\n")
    if not gap or not body or lines.pop() != "" or not lines:
        raise Problem(Code.MALFORMED, "a note is a text, an empty line and signature lines")
    if len(lines) > NOTE_SIGNATURES:
        raise Problem(Code.TOO_LARGE, f"a note has at most {NOTE_SIGNATURES} signature lines")
    return body + "\n", [_split_line(line) for line in lines]


def open_note(note: str | bytes, keys: Iterable[VerifierKey]) -> Note:
    """Verify a note with all of the keys that are known.

    Raises `Problem`: MALFORMED, TOO_LARGE, BAD_SIGNATURE (rule 4), UNKNOWN_KEY (rule 5).
    """
    body, lines = split_note(note)
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.id), key) != key:
            raise Problem(Code.MALFORMED, "two of the known keys share name and id")
    found: dict[VerifierKey, Signature] = {}
    for name, key_id, signature in lines:
        signer = known.get((name, key_id))
        if signer is not None:
            found.setdefault(signer, Signature(signer, signer.verify(body, signature)))
    if not found:
        raise Problem(Code.UNKNOWN_KEY, "no signature on the note is by a key that is known here")
    return Note(body, tuple(found.values()))


def sign_note(body: str, lines: Iterable[str]) -> str:
    """The note of a text and its signature lines (each as `signature_line` gives it)."""
    note = f"{body}\n{''.join(lines)}"
    split_note(note)
    return note


def signature_line(name: str, key: SigningKey, body: str) -> str:
    """A signature of type 01 over a text, as a line that ends in a newline."""
    return _line(VerifierKey(name, ED25519, key.public), key.sign(body.encode()))


def cosignature_line(name: str, key: SigningKey, body: str, time: int) -> str:
    """A cosignature of type 04 over a checkpoint's text, as a line that ends in a newline."""
    if not 0 <= time < TIME_LIMIT:
        raise Problem(Code.MALFORMED, "the time of a cosignature is out of range")
    signature = time.to_bytes(_TIME_BYTES, "big") + key.sign(cosigned(body, time))
    return _line(VerifierKey(name, COSIGNATURE, key.public), signature)


def _line(verifier: VerifierKey, signature: bytes) -> str:
    return f"{_DASH}{verifier.name} {encode_base64(verifier.id + signature)}\n"


def _split_line(line: str) -> tuple[str, bytes, bytes]:
    name, gap, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not gap:
        raise Problem(Code.MALFORMED, "a signature line is a dash, a name and base64")
    check_name(name)
    signature = decode_base64(encoded)
    if len(signature) <= _ID_BYTES:
        raise Problem(Code.MALFORMED, "a signature line holds a key id and a signature")
    return name, signature[:_ID_BYTES], signature[_ID_BYTES:]


def _encodable(text: str) -> bool:
    """Whether a text is free of lone surrogates, which no UTF-8 has."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _text(note: str | bytes) -> str:
    if len(note) > NOTE_BYTES:
        raise Problem(Code.TOO_LARGE, f"a note is at most {NOTE_BYTES} bytes")
    try:
        encoded = note.encode() if isinstance(note, str) else note
        text = encoded.decode()
    except UnicodeError:
        raise Problem(Code.MALFORMED, "a note is UTF-8") from None
    if len(encoded) > NOTE_BYTES:
        raise Problem(Code.TOO_LARGE, f"a note is at most {NOTE_BYTES} bytes")
    if _CONTROL.search(text):
        raise Problem(Code.MALFORMED, "a note has no control characters but the newline")
    return text
