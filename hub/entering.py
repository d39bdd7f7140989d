"""Step 5 of the way of a record that was pushed to this node: its entry, its numbers, and what follows from it."""

from __future__ import annotations

from datetime import datetime

from hub.acceptance import Candidate
from hub.alerts import await_answers, note_answer
from hub.clock import rfc3339
from hub.log import entry as entries
from hub.store import Held, Transaction


def enter(transaction: Transaction, candidate: Candidate, now: datetime, answered: Held | None) -> int:
    """Enter a record without a problem as `accepted`, and keep it; its index.

    `answered` is the revision that it acknowledges, if it is an acknowledgement of one that is held.
    """
    record, verified = candidate.record, candidate.verified
    assert record is not None and verified is not None
    numbers = transaction.next_numbers(record.recipients)
    index = transaction.append(
        entries.accepted(
            at=rfc3339(now),
            id=record.id,
            revision=record.revision,
            digest=verified.digest,
            kind=record.kind,
            sender=record.sender,
            marking=record.marking,
            to=numbers,
        )
    )
    transaction.store(candidate.arrival(), index, numbers)
    await_answers(transaction, record, index, record.recipients, now)
    if answered is not None:
        assert record.body is not None
        transaction.acknowledge(answered.digest, record.sender, record.body["outcome"], rfc3339(now), index)
        note_answer(transaction, answered, record.sender)
    return index
