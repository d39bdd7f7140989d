"""What a record must agree with that is held already: its revisions, and the record that it acknowledges.

These run inside the transaction that stores the record, so that two writers cannot both be right.
"""

from __future__ import annotations

from hub.errors import Code, Problem
from hub.store import Held, Transaction
from keys.key import base64url_decode
from schemas import kinds, strict_json
from schemas.record import Record


def check_revision(transaction: Transaction, record: Record) -> None:
    """Only the city that issued revision 1 issues the next, one after the other (wire contract, section 2).

    Another city's record of the same id is another record: an id cannot be occupied, and nothing is told of it.
    """
    held = transaction.held(record.id)
    own = {revision: each for (sender, revision), each in held.items() if sender == record.sender}
    if record.revision in own:
        raise Problem(Code.CONFLICT, "this id and revision are held with other bytes", where="/revision")
    if record.revision == 1:
        return
    if own.get(record.revision - 1) is None:
        raise Problem(Code.WRONG_REVISION, "the revision before this one is not held", where="/revision")
    _check_before(transaction, record, own[record.revision - 1])


def check_kept(transaction: Transaction, record: Record) -> None:
    """The same for a record that a peer accepted, as far as its revisions are held here: some were for others only."""
    held = transaction.held(record.id)
    own = {revision: each for (sender, revision), each in held.items() if sender == record.sender}
    if record.revision in own:
        raise Problem(Code.CONFLICT, "this id and revision are held with other bytes", where="/revision")
    before = own.get(record.revision - 1)
    if before is not None:
        _check_before(transaction, record, before)


def _check_before(transaction: Transaction, record: Record, before: Held) -> None:
    if before.digest != record.previous:
        raise Problem(Code.WRONG_REVISION, "not the digest of the revision before", where="/previous")
    if before.kind != record.kind:
        raise Problem(Code.INVALID, "a record keeps its kind", where="/kind")
    _check_transition(transaction, record, before)


def _check_transition(transaction: Transaction, record: Record, before: Held) -> None:
    kind = kinds.kind(record.kind, record.version)
    if kind.transitions is None or record.body is None:
        return
    jws = transaction.jws(before.index)
    if jws is None:
        return
    body = strict_json.loads(base64url_decode(jws.split(".")[1]))["body"]
    if body is not None:
        kinds.check_transition(kind, body, record.body)


def acknowledged_by(transaction: Transaction, record: Record) -> Held | None:
    """The held revision that a record acknowledges, None where there is none to be marked.

    A record that the sender never received is as if there were none.
    """
    if record.kind != "acknowledgement" or record.body is None or record.subject is None:
        return None
    delivered = [
        each
        for each in transaction.held(record.subject).values()
        if transaction.recipient_of(each.index, record.sender)
    ]
    if not delivered:
        return None
    digest: str = record.body["digest"]
    answered = [each for each in delivered if each.digest == digest]
    if not answered:
        raise Problem(
            Code.INVALID, "not the digest of a revision that the sender received", where="/body/digest"
        )
    if not {each.sender for each in answered} & set(record.recipients):
        raise Problem(Code.INVALID, "an acknowledgement goes to the city that sent the record", where="/to")
    return answered[0]


def acknowledged_if_held(transaction: Transaction, record: Record) -> Held | None:
    """As `acknowledged_by`, for what was accepted elsewhere: what does not fit what is held here marks nothing.

    Where it was pushed, the record that it is about may not have been held, and nobody else's records wait for it.
    """
    try:
        return acknowledged_by(transaction, record)
    except Problem:
        return None
