"""Alerts that ask to be acknowledged within a time: whose answer is awaited, and when it is not any more.

1. An answer is due `acknowledge_within` after the entry of the node where the alert was pushed: every node that waits
   names the same moment.
2. Where an alert was pushed, the answers of all its recipients are awaited; where it came from a peer, those of the
   cities that are hosted there.
3. Any acknowledgement of that revision is an answer. None is awaited any more once a later revision is held (a
   withdrawal is one), once the alert has expired, or once it is erased.

These run inside the transaction that stores the record.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from hub.clock import rfc3339
from hub.store import Held, Transaction
from schemas.record import Record

ALERT: Final = "alert"


def await_answers(
    transaction: Transaction, record: Record, index: int, cities: Collection[str], at: datetime
) -> None:
    """Wait for the answers of `cities` to an alert that was stored at `index`; `at` is its origin's entry's time.

    Does nothing for records of other kinds.
    """
    if record.kind != ALERT:
        return
    own = {
        revision: held.index
        for (sender, revision), held in transaction.held(record.id).items()
        if sender == record.sender
    }
    before = [revision for revision in own if revision < record.revision]
    if before:
        transaction.awaited.drop(own[max(before)])
    within = None if record.body is None else record.body.get("acknowledge_within")
    if within is None or max(own) > record.revision:
        return
    until = _expiry(record)
    if until > at:
        due_at = at + timedelta(minutes=within)
        transaction.awaited.expect(index, cities, rfc3339(due_at), rfc3339(until))


def note_answer(transaction: Transaction, answered: Held, city: str) -> None:
    """A recipient has acknowledged a revision: its answer is not awaited any more."""
    if answered.kind == ALERT:
        transaction.awaited.answered(answered.index, city)


def _expiry(record: Record) -> datetime:
    assert record.body is not None
    expires = datetime.fromisoformat(record.body["expires"])
    return expires if record.expires_at is None else min(expires, record.expires_at)
