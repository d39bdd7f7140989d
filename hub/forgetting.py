"""The end of a record: erased when its time is over. Its entry and its proofs stay, and an entry says that it is gone.

What is forgotten, and what pruned, is what is due when somebody asks: twice, or late, does no harm.
"""

from __future__ import annotations

from datetime import datetime

from hub.clock import rfc3339
from hub.log import entry as entries
from hub.log.entry import OfRecord
from hub.store import Job, Store, Transaction


def forget(store: Store, now: datetime, limit: int) -> int:
    """Erase up to `limit` records whose time is over; how many."""

    def erase(transaction: Transaction) -> int:
        due = transaction.due(rfc3339(now), limit)
        for index, line in due:
            entry = entries.decode(line.encode())
            assert isinstance(entry, OfRecord)
            said = entries.erased(at=rfc3339(now), index=index, digest=entry.digest, basis="expired")
            transaction.erase(index, transaction.append(said))
        return len(due)

    return store.write(Job(erase)).result


def prune(store: Store, now: datetime) -> int:
    """Forget nonces that the clock rule already refuses, and answers to alerts that hold no more; how many nonces."""

    def drop(transaction: Transaction) -> int:
        transaction.awaited.prune(rfc3339(now))
        return transaction.prune_nonces(now)

    return store.write(Job(drop)).result
