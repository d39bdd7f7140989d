"""A record's payload: bytes in, a `Record` out, or a named refusal (wire contract, section 2).

1. Strict JSON, an object.
2. A kind and version that are known.
3. Every member of the envelope, then of the body, by the schema of that kind; then the rules across
   members.

`load` takes the quick way through `schemas/compiled.py` and asks `explain` whenever that does not accept;
`explain` is marshmallow alone. Both give the same record or `explain` gives the refusal.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from marshmallow import ValidationError

from hub.errors import Code, Problem
from schemas import kinds, strict_json
from schemas.compiled import CompiledSchema
from schemas.envelope import KindAndVersion
from schemas.faults import first_fault
from schemas.limits import RECORD_BYTES

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:border-exchange:record")
"""Of adapted ids: the version 5 UUID of `urn:border-exchange:record` in the URL namespace (RFC 9562 §6.6)."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KIND_AND_VERSION: Final = KindAndVersion()
_COMPILED: Final[Mapping[Any, CompiledSchema]] = {
    key: CompiledSchema(type(kinds.payload_schema(*key))) for key in kinds.KINDS
}


@dataclass(frozen=True, slots=True)
class Record:
    """A valid payload. `sender` is the member `from`, `recipients` is `to`; `body` is the JSON as it came."""

    id: str
    kind: str
    version: int
    revision: int
    previous: str | None
    sender: str
    recipients: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime | None
    marking: str
    agreement: str
    subject: str | None
    withdrawn: str | None
    salt: str
    body: dict[str, Any] | None
    sealed: dict[str, Any] | None


def load(payload: bytes) -> Record:
    """The record of a payload: the parse that decides whether it is accepted.

    Raises: Problem: `too-large`; `malformed` for what is not a strict JSON object; `unknown-kind`;
        `invalid` with `where`, a JSON pointer to the first fault. Nothing else, whatever the bytes.
    """
    if len(payload) > RECORD_BYTES:
        raise Problem(Code.TOO_LARGE, f"A record has at most {RECORD_BYTES} bytes.")
    try:
        members = orjson.loads(payload)
        if orjson.dumps(members) != payload:
            members = strict_json.loads(payload)
        accepted = _COMPILED[members["kind"], members["version"]].accepted(members)
    except (ValueError, TypeError, KeyError, RecursionError):
        return explain(payload)
    if accepted is None:
        return explain(payload)
    return _record(members, accepted.issued_at, accepted.expires_at)


def explain(payload: bytes) -> Record:
    """The same as `load`, by marshmallow alone: slower, and able to say what is wrong."""
    if len(payload) > RECORD_BYTES:
        raise Problem(Code.TOO_LARGE, f"A record has at most {RECORD_BYTES} bytes.")
    members = strict_json.loads(payload)
    if type(members) is not dict:
        raise Problem(Code.MALFORMED, "A record is a JSON object.")
    _check(members)
    expires_at = members["expires_at"]
    return _record(
        members,
        datetime.fromisoformat(members["issued_at"]),
        None if expires_at is None else datetime.fromisoformat(expires_at),
    )


def dump(members: Mapping[str, Any]) -> bytes:
    """The compact payload of a new record from its members by their wire names.

    Raises:
        Problem: as `load` would on the other side.
    """
    value = dict(members)
    _check(value)
    payload = strict_json.dumps(value)
    load(payload)
    return payload


def adapted_id(city: str, system: str, local_number: str) -> str:
    """The id of a record that an adapter makes from an export: the same for the same local number, always.

    The version 5 UUID, in `NAMESPACE`, of `<city>/<system>/<local number>` in UTF-8. `system` may be
    given with or without its city before it (`610800/mediation`).

    Raises:
        Problem: `invalid` where the three could be read in two ways.
    """
    name = system.removeprefix(f"{city}/")
    if not city or not name or not local_number or "/" in city or "/" in name:
        raise Problem(Code.INVALID, "An id is made of a city, a system without a slash, and a local number.")
    try:
        return str(uuid.uuid5(NAMESPACE, f"{city}/{name}/{local_number}"))
    except UnicodeEncodeError:
        raise Problem(Code.INVALID, "A local number is Unicode text without lone surrogates.") from None


def new_id(now: datetime, random: bytes) -> str:
    """The id of a record made by hand: UUID version 7 (RFC 9562 §5.7) of `now`, aware, and 10 random bytes."""
    if len(random) != 10:
        raise ValueError("new_id takes 10 random bytes")
    milliseconds = (now - _EPOCH) // timedelta(milliseconds=1)
    value = (milliseconds << 80) | int.from_bytes(random, "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(uuid.UUID(int=value))


def _check(members: dict[str, Any]) -> None:
    """Steps 2 and 3, by marshmallow."""
    named: dict[str, Any] = {name: members[name] for name in ("kind", "version") if name in members}
    try:
        _KIND_AND_VERSION.load(named)
        kinds.payload_schema(members["kind"], members["version"]).load(members)
    except ValidationError as error:
        fault = first_fault(error)
        raise Problem(Code.INVALID, fault.detail, where=fault.where) from None


def _record(members: dict[str, Any], issued_at: datetime, expires_at: datetime | None) -> Record:
    return Record(
        members["id"],
        members["kind"],
        members["version"],
        members["revision"],
        members["previous"],
        members["from"],
        tuple(members["to"]),
        issued_at,
        expires_at,
        members["marking"],
        members["agreement"],
        members["subject"],
        members["withdrawn"],
        members["salt"],
        members["body"],
        members["sealed"],
    )
