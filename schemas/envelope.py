"""The members that every record has, whatever its kind (wire contract, section 2).

All sixteen must be there; those that may be null say so. `kind` and `body` are bound to a schema of one
kind by `bound_to`. Rules across members:

1. revision 1 follows nothing; any other revision names the digest of the one before;
2. a record is not addressed to its own city;
3. it expires after it was issued;
4. a withdrawn record has neither body nor sealed part, any other has a body;
5. only kinds that have a private schema may carry a sealed part;
6. an answer names its subject, and so does a request that is made because of another record.

The sealed part is looked at from outside only (RFC 7516 §7.2.1); `keys` checks it in depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

import msgspec
from marshmallow import ValidationError

from schemas.codes import CodeList
from schemas.fields import (
    Code,
    Count,
    DateTime,
    Digest,
    Division,
    Many,
    Member,
    Part,
    Patterned,
    RecordId,
    Text,
)
from schemas.limits import RECIPIENTS
from schemas.markings import MARKING
from schemas.shape import Breach, Rule, Shape
from schemas.wording import Wording, refusal

MOST_REVISIONS: Final = 2**31 - 1
MOST_VERSIONS: Final = 2**15 - 1

_JWE_RECIPIENT: Final = Wording(
    "须为 JWE 的接收方：header 和 encrypted_key",
    "Must be a recipient of a JWE: header and encrypted_key.",
)


class Salt(Patterned):
    """16 random bytes, base64url without padding; the last character has no stray bits."""

    pattern = "[A-Za-z0-9_-]{21}[AQgw]"
    form = Wording("16 字节的 base64url，不带填充", "16 bytes in base64url without padding")


class _SealedRecipient(msgspec.Struct, forbid_unknown_fields=True):
    """A recipient of a JWE in the forms that the compiled check lets through; others go to `Sealed.accept`."""

    header: dict[str, str | dict[str, str | None] | None] | None = None
    encrypted_key: str | None = None


class _SealedPart(msgspec.Struct, forbid_unknown_fields=True):
    """A JWE likewise."""

    ciphertext: str
    recipients: list[_SealedRecipient]
    protected: str | None = None
    unprotected: dict[str, str | None] | None = None
    iv: str | None = None
    aad: str | None = None
    tag: str | None = None


class Sealed(Member):
    """A JWE in general JSON serialisation, by the names of its members only (RFC 7516 §7.2.1)."""

    members: ClassVar = frozenset(
        {"protected", "unprotected", "iv", "aad", "ciphertext", "tag", "recipients"}
    )
    needed: ClassVar = frozenset({"ciphertext", "recipients"})
    recipient_members: ClassVar = frozenset({"header", "encrypted_key"})

    def accept(self, value: Any) -> None:
        if type(value) is not dict or not self.needed <= value.keys() <= self.members:
            raise refusal("须为 JWE 的通用 JSON 序列化", "Must be a JWE in general JSON serialisation.")
        recipients = value["recipients"]
        if type(recipients) is not list or type(value["ciphertext"]) is not str:
            raise refusal("须为 JWE 的通用 JSON 序列化", "Must be a JWE in general JSON serialisation.")
        for index, recipient in enumerate(recipients):
            if type(recipient) is not dict or not recipient.keys() <= self.recipient_members:
                raise ValidationError({"recipients": {index: [_JWE_RECIPIENT]}})

    def wire_type(self) -> Any:
        return _SealedPart

    def published(self) -> dict[str, Any]:
        return {
            "type": "object",
            "required": sorted(self.needed),
            "additionalProperties": False,
            "properties": {
                "protected": {"type": "string"},
                "unprotected": {"type": "object"},
                "iv": {"type": "string"},
                "aad": {"type": "string"},
                "ciphertext": {"type": "string"},
                "tag": {"type": "string"},
                "recipients": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"header": {"type": "object"}, "encrypted_key": {"type": "string"}},
                    },
                },
            },
        }


class Exactly(Count):
    """One whole number and no other: the version that a schema is for."""

    def __init__(self, value: int, **member: Any) -> None:
        super().__init__(value, least=value, **member)

    def published(self) -> dict[str, Any]:
        return {"const": self.most}


def revisions_follow(record: Mapping[str, Any]) -> Iterator[Breach]:
    """Rule 1."""
    if (record["revision"] == 1) != (record["previous"] is None):
        yield Breach(
            ("previous",),
            Wording(
                "第 1 版须为 null，其他各版须为上一版摘要",
                "Must be null for revision 1 and a digest for any other.",
            ),
        )


def goes_elsewhere(record: Mapping[str, Any]) -> Iterator[Breach]:
    """Rule 2."""
    if record["from"] in record["to"]:
        own = record["to"].index(record["from"])
        yield Breach(("to", own), Wording("不得为发送方城市", "Must be another city than from."))


def expires_later(record: Mapping[str, Any]) -> Iterator[Breach]:
    """Rule 3."""
    expires = record["expires_at"]
    if expires is not None and datetime.fromisoformat(expires) <= datetime.fromisoformat(record["issued_at"]):
        yield Breach(("expires_at",), Wording("须晚于 issued_at", "Must be later than issued_at."))


def is_whole_or_withdrawn(record: Mapping[str, Any]) -> Iterator[Breach]:
    """Rule 4."""
    if record["withdrawn"] is None:
        if record["body"] is None:
            yield Breach(
                ("body",),
                Wording("除非已撤回，须为对象", "Must be an object unless the record is withdrawn."),
            )
        return
    for name in ("body", "sealed"):
        if record[name] is not None:
            yield Breach((name,), Wording("已撤回的记录中须为 null", "Must be null in a withdrawn record."))


def seals_nothing(record: Mapping[str, Any]) -> Iterator[Breach]:
    """Rule 5, for kinds without a private schema."""
    if record["sealed"] is not None and record["withdrawn"] is None:
        yield Breach(
            ("sealed",),
            Wording("须为 null：该种类没有加密部分", "Must be null: this kind has no sealed part."),
        )


def answers_something(record: Mapping[str, Any]) -> Iterator[Breach]:
    """Rule 6, for kinds that stand on another record."""
    if record["subject"] is None:
        yield Breach(
            ("subject",), Wording("须写明所针对的记录", "Must name the record that this one stands on.")
        )


class Envelope(Shape):
    """A record's payload, but for `kind`, `version` and `body`."""

    id = RecordId(required=True)
    revision = Count(MOST_REVISIONS, least=1, required=True)
    previous = Digest(required=True, nullable=True)
    from_ = Division(wire="from", required=True)
    to = Many(Division(), RECIPIENTS, least=1, distinct=True, required=True)
    issued_at = DateTime(required=True)
    expires_at = DateTime(required=True, nullable=True)
    marking = Code(MARKING, required=True)
    agreement = Text(128, required=True)
    subject = RecordId(required=True, nullable=True)
    withdrawn = Text(500, required=True, nullable=True)
    salt = Salt(required=True)
    sealed = Sealed(required=True, nullable=True)


class KindAndVersion(Shape):
    """What must be known before anything else of a record can be judged."""

    kind = Text(64, pattern="[a-z][a-z0-9_]*", form=Wording("种类名称", "the name of a kind"), required=True)
    version = Count(MOST_VERSIONS, least=1, required=True)


def bound_to(
    name: str, version: int, body: type[Shape], *, sealed_allowed: bool, subject_required: bool
) -> type[Envelope]:
    """The schema of a whole payload for one kind and version."""
    rules: list[Rule] = [revisions_follow, goes_elsewhere, expires_later, is_whole_or_withdrawn]
    if not sealed_allowed:
        rules.append(seals_nothing)
    if subject_required:
        rules.append(answers_something)
    members = {
        "__doc__": f"A record of kind {name}, version {version}.",
        "__module__": __name__,
        "kind": Code(CodeList("kind", (name,)), required=True),
        "version": Exactly(version, required=True),
        "body": Part(body, required=True, nullable=True),
        "rules": tuple(rules),
    }
    return type(f"{body.__name__}Record", (Envelope,), members)
