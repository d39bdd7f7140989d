"""Filling a store fast, through the same transactions that a push uses, in large jobs.

The rows are those of accepted alerts, of the size that alerts have. All share one JWS text: a store never reads
it, and composing a million signatures would take longer than what is measured.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from bench.progress import Advance
from hub.clock import rfc3339
from hub.log import entry as entries
from hub.store import Job, Store, Transaction
from hub.store.transaction import Arrival
from schemas.record import new_id

FILL_RECORDS: Final = 10_000
"""Records of one filling job."""

MakeId = Callable[[datetime, int], str]


def time_ordered(now: datetime, place: int) -> str:
    """UUID version 7, of records made one millisecond after the other."""
    return new_id(now + timedelta(milliseconds=place), os.urandom(10))


def scattered(_now: datetime, _place: int) -> str:
    """UUID version 5, as adapters make them: anywhere in the index."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, os.urandom(16).hex()))


class Filler:
    """Appends records to one store.

    Arguments: the store; the sending city; the recipients, one a record in turn; the JWS that every record has;
    how ids are made; the time of the first record.
    """

    def __init__(
        self,
        store: Store,
        sender: str,
        recipients: Sequence[str],
        jws: str,
        make_id: MakeId,
        now: datetime,
    ) -> None:
        self._store = store
        self._sender = sender
        self._recipients = recipients
        self._jws = jws
        self._make_id = make_id
        self._now = now
        self._made = 0

    def fill(self, size: int, advance: Advance) -> None:
        """Append until the log has `size` entries."""
        while (missing := size - self._store.head().size) > 0:
            count = min(missing, FILL_RECORDS)
            self.append(self.arrivals(count))
            advance(count)

    def arrivals(self, count: int) -> list[Arrival]:
        """The next `count` records as the exchange hands them to the store."""
        made = []
        for place in range(self._made, self._made + count):
            record_id = self._make_id(self._now, place)
            digest = hashlib.sha256(record_id.encode()).hexdigest()
            forget_at = rfc3339(self._now + timedelta(days=365, milliseconds=place))
            made.append(Arrival(record_id, 1, digest, "alert", self._sender, "amber", forget_at, self._jws))
        self._made += count
        return made

    def append(self, arrivals: Sequence[Arrival]) -> None:
        """One job, one commit: look up the ids, number, append the entries, store the records."""
        at = rfc3339(self._now)

        def apply(transaction: Transaction) -> None:
            for place, each in enumerate(arrivals):
                if transaction.held(each.id):
                    raise RuntimeError("an id came twice")
                numbers = transaction.next_numbers([self._recipients[place % len(self._recipients)]])
                line = entries.accepted(
                    at=at,
                    id=each.id,
                    revision=each.revision,
                    digest=each.digest,
                    kind=each.kind,
                    sender=each.sender,
                    marking=each.marking,
                    to=numbers,
                )
                transaction.store(each, transaction.append(line), numbers)

        self._store.write(Job(apply, ids=[each.id for each in arrivals]))
