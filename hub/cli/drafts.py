"""What `hub push` takes: a signed record, or a draft that is composed, sealed and signed here.

A draft is JSON with the members of a record that its sender chooses:

    {"kind": "alert", "to": ["150600"], "agreement": "border-2026", "marking": "amber", "body": {…},
     "private": {…}, "subject": null, "id": null, "revision": 1, "withdrawn": null, "expires_at": null}

1. Everything but `kind` and `body` may be left out; `to` and `agreement` then come from the command line.
2. With an `id` and a `revision` above 1 it follows the newest revision held by the node. `previous`, if given, is
   held against that.
3. What is held already is not sent again: the outcome is `duplicate`. The sealed part cannot be compared, so a
   draft that has one counts as another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from hub.client import Arrival, Client
from hub.errors import Code, Problem
from keys import record_signature
from schemas import strict_json


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
    """Whether a file's content is JSON rather than a signed record, which never begins with a brace."""
    return content.lstrip()[:1] == b"{"


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
    """The draft in a file. Raises: Problem `malformed`, or `invalid` with `where`."""
    members = strict_json.loads(content)
    try:
        loaded: dict[str, Any] = _DraftSchema().load(members)
    except ValidationError as error:
        name, messages = next(iter(error.messages_dict.items()))
        said = messages[0] if isinstance(messages, list) else "has a wrong item"
        raise Problem(Code.INVALID, f"the draft: {said}", where=f"/{name}") from error
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
        follows=follows,
        withdrawn=draft.withdrawn,
        version=draft.version,
        expires_at=draft.expires_at,
    )


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
    try:
        return sorted(client.revisions(record_id), key=lambda arrival: arrival.record.revision)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        return []
