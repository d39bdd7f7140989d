"""A record whose entry came back from a copy of the log, given its bytes again.

Whoever brings them (the city's own system that pushes once more, the peer that it came from, a peer that it was sent
to) brings nothing new: the log names the digest. What could not be told from the entry alone is made up for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from hub.acceptance import Candidate
from hub.alerts import ALERT, await_answers, note_answer
from hub.errors import Problem
from hub.log import entry as entries
from hub.log.entry import OfRecord
from hub.revisions import acknowledged_by
from hub.store import Held, Transaction

ACKNOWLEDGEMENT: Final = "acknowledgement"


def refill(transaction: Transaction, candidate: Candidate, held: Held) -> bool:
    """Give a held record its bytes back, if it lacks them; whether it did. The digests must be one.

    The transaction must have been told of the record's id, and of the one that it is about.
    """
    record, verified = candidate.record, candidate.verified
    assert record is not None and verified is not None and verified.digest == held.digest
    if not transaction.recovering.fill(held.index, verified.jws, candidate.forget_at):
        return False
    entry = entries.decode(transaction.recovering.line(held.index).encode())
    assert isinstance(entry, OfRecord)
    await_answers(transaction, record, held.index, entry.to, datetime.fromisoformat(entry.at))
    for city in transaction.recovering.answered_by(held.digest) if record.kind == ALERT else ():
        note_answer(transaction, held, city)
    if record.kind == ACKNOWLEDGEMENT and record.body is not None:
        try:
            answered = acknowledged_by(transaction, record)
        except Problem:
            return True
        if answered is not None and not transaction.recovering.is_answered_later(
            answered.digest, record.sender, held.index
        ):
            outcome = record.body["outcome"]
            transaction.acknowledge(answered.digest, record.sender, outcome, entry.at, held.index)
            note_answer(transaction, answered, record.sender)
    return True
