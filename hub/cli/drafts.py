"""What `hub push` takes: a signed record, or a draft that is composed, sealed and signed here.

A draft is JSON with the members of a record that its sender chooses:

    {"kind": "alert", "to": ["150600"], "agreement": "border-2026", "marking": "amber", "body": {…},
     "private": {…}, "subject": null, "id": null, "revision": 1, "withdrawn": null, "expires_at": null}

1. Everything but `kind` and `body` may be left out; `to` and `agreement` then come from the command line.
2. With an `id` and a `revision` above 1 it follows the newest revision held by the node. `previous`, if given, is
   held against that.
3. What is held already is not sent again: the outcome is `duplicate`. The sealed part cannot be compared, so a
   draft that has one counts as another.
4. Body and private part are checked before anything is sealed, for nobody could check what is sealed; and all that is
   wrong is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from hub.cli.faults import LocalProblem, Situation
from hub.client import Arrival, Client
from hub.errors import Code, Problem
from keys import record_signature
from schemas import strict_json
from schemas.faults import Fault, faults
from schemas.kinds import kind, payload_schema

_ANY_ID: Final = "018f2c3e-7b6a-7c1d-9e2f-000000000000"
_ANY_SALT: Final = "AAAAAAAAAAAAAAAAAAAAAA"
"""What stands in a draft's place for members that are made when it is signed."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to send."""

    kind: str
    body: Mapping[str, Any] | None
    to: tuple[str, ...] = ()
    agreement: str | None = None
    marking: str = "amber"
    private: Mapping[str, Any] | None = None
    subject: str | None = None
    id: str | None = None
    revision: int = 1
    previous: str | None = None
    withdrawn: str | None = None
    version: int = 1
    expires_at: datetime | None = None
    sender: str | None = None

    def filled(self, to: Sequence[str], agreement: str | None) -> Draft:
        """The draft with what it leaves out."""
        return replace(self, to=self.to or tuple(to), agreement=self.agreement or agreement)


class _DraftSchema(Schema):
    class Meta:
        unknown = RAISE

    kind = fields.String(required=True, validate=validate.Length(1, 64))
    version = fields.Integer(strict=True, load_default=1)
    sender = fields.String(load_default=None, allow_none=True, data_key="from")
    to = fields.List(fields.String(), load_default=())
    agreement = fields.String(load_default=None, allow_none=True)
    marking = fields.String(load_default="amber")
    body = fields.Dict(load_default=None, allow_none=True)
    private = fields.Dict(load_default=None, allow_none=True)
    subject = fields.String(load_default=None, allow_none=True)
    id = fields.UUID(load_default=None, allow_none=True)
    revision = fields.Integer(strict=True, load_default=1, validate=validate.Range(1, 10**9))
    previous = fields.String(load_default=None, allow_none=True, validate=validate.Length(equal=64))
    withdrawn = fields.String(load_default=None, allow_none=True)
    expires_at = fields.AwareDateTime(load_default=None, allow_none=True, format="iso")


def is_draft(content: bytes) -> bool:
    """Whether a file's content is JSON rather than a signed record, which begins with a letter."""
    return content.lstrip()[:1] in (b"{", b"[", b'"')


def read_jws(content: bytes) -> str:
    """The signed record in a file, which may end in a newline. Raises: Problem as `record_signature.parse`."""
    try:
        jws = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise Problem(
            Code.MALFORMED, "neither a signed record (one JWS) nor a draft (a JSON object)"
        ) from None
    record_signature.parse(jws)
    return jws


def read_draft(content: bytes) -> Draft:
    """The draft in a file. Raises: Problem `malformed`, or `invalid` with all that is wrong."""
    members = strict_json.loads(content)
    if not isinstance(members, dict):
        raise Problem(Code.MALFORMED, "a draft is one JSON object; each record has a file of its own")
    try:
        loaded: dict[str, Any] = _DraftSchema().load(members)
    except ValidationError as error:
        raise _refused(faults(error)) from error
    loaded["id"] = None if loaded["id"] is None else str(loaded["id"])
    return Draft(**{**loaded, "to": tuple(loaded["to"])})


Held = Callable[[str], list[Arrival]]
"""What the node holds of a record, by its id."""


def compose(client: Client, draft: Draft, sender: str, held: Held) -> str | Arrival:
    """The signed record of a draft, or the one that the node holds already.

    Raises: Problem `invalid` for what is missing, `wrong-revision`, `conflict`, and what composing raises.
    """
    if draft.sender not in (None, sender):
        raise Problem(Code.NOT_ALLOWED, "the draft is of another city than this profile", where="/from")
    if draft.agreement is None:
        raise Problem(Code.INVALID, "the draft names no agreement; add it or --agreement", where="/agreement")
    if not draft.to:
        raise Problem(Code.INVALID, "the draft names no recipients; add them or --to", where="/to")
    found = list(_faults(draft, sender))
    if found:
        raise _refused(found)
    follows = None
    if draft.id is None:
        if draft.revision != 1:
            raise Problem(Code.INVALID, "a later revision needs the id of its record", where="/id")
    else:
        numbered = {arrival.record.revision: arrival for arrival in held(draft.id)}
        if draft.revision in numbered:
            present = numbered[draft.revision]
            if draft.private is None and says_the_same(present, draft):
                return present
            raise Problem(
                Code.CONFLICT,
                f"the node holds a revision {draft.revision} of this record; the next one is {max(numbered) + 1}",
                where="/revision",
            )
        newest = max(numbered, default=0)
        if draft.revision != newest + 1:
            raise Problem(
                Code.WRONG_REVISION, f"the newest revision that the node holds is {newest}", where="/revision"
            )
        follows = numbered.get(newest)
    if draft.previous is not None and (follows is None or follows.digest != draft.previous):
        raise Problem(
            Code.WRONG_REVISION, "`previous` is not the digest of the revision held", where="/previous"
        )
    return client.compose(
        draft.kind,
        sender=sender,
        recipients=draft.to,
        agreement=draft.agreement,
        body=draft.body,
        private=draft.private,
        marking=draft.marking,
        subject=draft.subject,
        id=draft.id,
        follows=None if follows is None else follows.predecessor,
        withdrawn=draft.withdrawn,
        version=draft.version,
        expires_at=draft.expires_at,
    )


def _faults(draft: Draft, sender: str) -> Iterator[Fault]:
    """All that the schemas find wrong with a draft, the private part's as `/private/…`."""
    known = kind(draft.kind, draft.version)
    later = draft.revision > 1
    members = {
        "id": draft.id or _ANY_ID,
        "kind": draft.kind,
        "version": draft.version,
        "revision": draft.revision,
        "previous": "0" * 64 if later else None,
        "from": sender,
        "to": list(draft.to),
        "issued_at": "2000-01-01T00:00:00Z",
        "expires_at": None if draft.expires_at is None else draft.expires_at.isoformat(),
        "marking": draft.marking,
        "agreement": draft.agreement,
        "subject": draft.subject,
        "withdrawn": draft.withdrawn,
        "salt": _ANY_SALT,
        "body": None if draft.body is None else dict(draft.body),
        "sealed": None,
    }
    try:
        payload_schema(draft.kind, draft.version).load(members)
    except ValidationError as error:
        yield from faults(error)
    if draft.private is None:
        return
    if known.private is None or draft.withdrawn is not None:
        yield Fault("/private", "There is nothing to seal in this record.", "本记录没有加密部分")
        return
    try:
        known.private().load(dict(draft.private))
    except ValidationError as error:
        yield from (fault._replace(where=f"/private{fault.where}") for fault in faults(error))


def _refused(found: Sequence[Fault]) -> Problem:
    first = found[0]
    detail = first.detail if len(found) == 1 else f"{first.detail} ({len(found) - 1} more)"
    return LocalProblem(Problem(Code.INVALID, detail, where=first.where), Situation.DRAFT, found)


def says_the_same(held: Arrival, draft: Draft) -> bool:
    """Whether a record held says what a draft would say, its time and salt aside."""
    record = held.record
    return (
        (record.kind, record.version, record.body) == (draft.kind, draft.version, draft.body)
        and (set(record.recipients), record.agreement) == (set(draft.to), draft.agreement)
        and (record.marking, record.subject) == (draft.marking, draft.subject)
        and (record.withdrawn, record.expires_at) == (draft.withdrawn, draft.expires_at)
        and record.sealed is None
    )


def revisions(client: Client, record_id: str) -> list[Arrival]:
    """What the node holds of a record, oldest first; nothing where it holds none."""
    return sorted(client.held(record_id), key=lambda arrival: arrival.record.revision)
