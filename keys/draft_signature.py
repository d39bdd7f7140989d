"""One officer's signature under a draft, as it is made, mailed in a small file, and merged.

1. A key signs the roles that name it: a new root also where the old root does, so that a change of signers is
   signed by those who were and those who will be.
2. What is signed is our own encoding of the role that was read, and it is signed only where the draft agrees with
   itself, follows what is in force, and has not expired.
3. A signature that comes in a file names the digest of what it signs. For another draft, by a stranger, or false:
   refused by name, and nothing is merged. Twice by one key counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature  # type: ignore[attr-defined]
from tuf.api.metadata import Metadata, Root  # type: ignore[attr-defined]

from hub.errors import Code, Problem
from keys.role_files import encode_target, read_bounded, role_key_id, verify_key_of
from keys.signer_list import OFFLINE
from keys.suite import SigningKey
from keys.trust_documents import InForce
from keys.trust_draft import Draft, check_follows
from schemas import strict_json

SIGNATURE_FILE_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class RoleSignature:
    """A signature under one role: whose (`kid`), over which bytes (hex SHA-256), and itself in hex."""

    role: str
    version: int
    digest: str
    kid: str
    signature: str


class _SignatureSchema(Schema):
    class Meta:
        unknown = RAISE

    role = fields.String(required=True, validate=validate.OneOf(OFFLINE))
    version = fields.Integer(required=True, strict=True, validate=validate.Range(1, 2**31 - 1))
    digest = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{64}\Z"))
    kid = fields.String(required=True, validate=validate.Regexp(r"[A-Za-z0-9_-]{43}\Z"))
    signature = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{128}\Z"))


class _FileSchema(Schema):
    class Meta:
        unknown = RAISE

    signatures = fields.List(
        fields.Nested(_SignatureSchema), required=True, validate=validate.Length(1, len(OFFLINE))
    )


def sign(draft: Draft, base: InForce | None, key: SigningKey, now: datetime) -> tuple[RoleSignature, ...]:
    """The signatures that this key owes the draft; the draft itself is left as it is.

    Raises `Problem`: NOT_ALLOWED for a key that signs nothing in it; as `check_follows` for the draft.
    """
    check_follows(draft, base, now)
    key_id = role_key_id(key.public)
    made = [
        RoleSignature(
            name,
            role.signed.version,
            _digest(role),
            key.kid,
            key.sign(role.signed_bytes).hex(),
        )
        for name, role in draft.roles().items()
        if any(key_id == each for each, _ in _holders(draft, base, name))
    ]
    if not made:
        raise Problem(
            Code.NOT_ALLOWED, f"key {key.kid} signs nothing in this draft: no role of it names the key"
        )
    return tuple(made)


def merge(draft: Draft, base: InForce | None, signatures: Iterable[RoleSignature], now: datetime) -> None:
    """Put signatures under the draft's roles, all or none; `Draft.save` writes them.

    Raises `Problem`: CONFLICT for another draft's, NOT_ALLOWED for a stranger's, BAD_SIGNATURE for a false one.
    """
    check_follows(draft, base, now)
    checked: list[tuple[Metadata[Any], Signature]] = []
    for each in signatures:
        role = draft.roles().get(each.role)
        if role is None or each.version != role.signed.version or each.digest != _digest(role):
            raise Problem(
                Code.CONFLICT,
                f"the signature of key {each.kid} is under another {each.role} than this draft's: it counts for "
                "nothing here",
            )
        holders = {verify_key_of(key).kid: (key_id, key) for key_id, key in _holders(draft, base, each.role)}
        if each.kid not in holders:
            raise Problem(
                Code.NOT_ALLOWED, f"key {each.kid} does not sign the {each.role} of this repository"
            )
        key_id, key = holders[each.kid]
        found = Signature(key_id, each.signature)
        try:
            key.verify_signature(found, role.signed_bytes)
        except UnverifiedSignatureError:
            raise Problem(
                Code.BAD_SIGNATURE, f"the signature of key {each.kid} under the {each.role} is false"
            ) from None
        checked.append((role, found))
    for role, found in checked:
        role.signatures[found.keyid] = found


def without_effect(draft: Draft, base: InForce | None) -> tuple[tuple[str, str], ...]:
    """Signatures that stand in the draft and count for nothing, as (role, TUF key id): strangers', and those
    under something that was changed since.
    """
    counted: dict[str, set[str]] = {}
    for standing in draft.standings(base):
        counted.setdefault(standing.role, set()).update(standing.signed)
    return tuple(
        (name, key_id)
        for name, role in draft.roles().items()
        for key_id in role.signatures
        if key_id not in counted.get(name, set())
    )


def encode_signatures(signatures: Sequence[RoleSignature]) -> bytes:
    """The small file that an officer mails."""
    return encode_target({"signatures": [asdict(each) for each in signatures]})


def read_signatures(path: Path) -> tuple[RoleSignature, ...]:
    """Such a file. Raises `Problem`: NOT_FOUND, TOO_LARGE, MALFORMED."""
    try:
        document = strict_json.loads(read_bounded(path, SIGNATURE_FILE_BYTES))
        if not isinstance(document, dict):
            raise Problem(Code.MALFORMED, f"{path.name} holds no signatures under a draft")
        loaded = _FileSchema().load(document)
    except ValidationError as refused:
        raise Problem(Code.MALFORMED, f"{path.name} holds no signatures under a draft") from refused
    return tuple(RoleSignature(**each) for each in loaded["signatures"])


def _holders(draft: Draft, base: InForce | None, name: str) -> Iterator[tuple[str, Key]]:
    """The keys whose signature under a drafted role counts for something."""
    newest = draft.root if draft.root is not None else None if base is None else base.root
    judges = [None if newest is None else newest.signed]
    if name == Root.type and base is not None:
        judges.append(base.root.signed)
    for judge in judges:
        if judge is not None:
            for key_id in judge.roles[name].keyids:
                yield key_id, judge.keys[key_id]


def _digest(role: Metadata[Any]) -> str:
    return hashlib.sha256(role.signed_bytes).hexdigest()
