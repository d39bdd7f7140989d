"""How one record of a hand-over gets its place in the new node's log.

1. A record that is not held yet gets a `moved` entry, which names the recipients and numbers of the old log's; one
   that has no bytes any more, an `erased` entry as well.
2. None of them is numbered in a stream of this log. What the city that moves received, the stream of its old node had:
   nobody numbers it for the city again. What it sent waits for the other recipients' streams, where it is numbered when
   it comes from whoever vouches for it.
3. A record that is held already, because another city here has it, keeps its place, and gains the recipients.
4. An acknowledgement counts for the record that it is about, as if it had come here, unless a later one did.

These run inside the transaction of a batch; done again, they change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hub.alerts import await_answers, note_answer
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation.moving.handed import Handed
from hub.log import entry as entries
from hub.revisions import acknowledged_if_held
from hub.store import Held, Transaction
from hub.store.transaction import Arrival

OWN: Final = 0
OTHERS: Final = -1


@dataclass(frozen=True, slots=True)
class Placing:
    """Places records of `city`, which came from `via`; up to the index `begins`, `via` had fetched this log for it."""

    city: str
    via: str
    begins: int
    now: datetime

    def place(self, transaction: Transaction, item: Handed) -> bool:
        """Place one record; whether it was new. Raises: Problem `conflict` where another of its id is held."""
        entry = item.entry
        held = transaction.held(entry.id).get((entry.sender, entry.revision))
        if held is not None and held.digest != entry.digest:
            raise Problem(
                Code.CONFLICT, f"the hand-over's record at index {item.index} is held here with other bytes"
            )
        is_new = held is None
        if held is None:
            held = self._enter(transaction, item)
        cities = self._gain(transaction, item, held)
        if item.candidate is not None and item.candidate.record is not None:
            record = item.candidate.record
            if cities:
                await_answers(transaction, record, held.index, cities, item.at)
            self._acknowledge(transaction, item, held)
        return is_new

    def _enter(self, transaction: Transaction, item: Handed) -> Held:
        """Rule 1."""
        entry, said = item.entry, rfc3339(self.now)
        index = transaction.append(
            entries.moved(
                at=said,
                id=entry.id,
                revision=entry.revision,
                digest=entry.digest,
                kind=entry.kind,
                sender=entry.sender,
                marking=entry.marking,
                to=entry.to,
                via=self.via,
                via_index=item.index,
            )
        )
        erased = None
        if item.gone is not None:
            erased = transaction.append(
                entries.erased(at=said, index=index, digest=entry.digest, basis=item.gone)
            )
        transaction.store(_arrival(item), index, {}, erased)
        return transaction.held(entry.id)[entry.sender, entry.revision]

    def _gain(self, transaction: Transaction, item: Handed, held: Held) -> list[str]:
        """Rules 2 and 3: the recipients that the record did not have here."""
        entry = item.entry
        record = None if item.candidate is None else item.candidate.record
        # The entry names all recipients only where the record was pushed.
        cities = entry.to if record is None or entry.sender != self.city else record.recipients
        numbers = dict.fromkeys(cities, OTHERS)
        if entry.sender != self.city:
            numbers[self.city] = OWN
            if held.index >= self.begins:
                # An alert that went ahead of the old node's place in this log: its stream had it already.
                transaction.unnumber(held.index, self.city)
            if transaction.recipient_of(held.index, self.city):
                transaction.place(held.index, self.city)
        fresh = {city: n for city, n in numbers.items() if not transaction.recipient_of(held.index, city)}
        transaction.deliver(_arrival(item), held.index, fresh, fetched=item.fetched)
        return sorted(fresh)

    def _acknowledge(self, transaction: Transaction, item: Handed, held: Held) -> None:
        """Rule 4."""
        assert item.candidate is not None
        record = item.candidate.record
        assert record is not None
        answered = acknowledged_if_held(transaction, record)
        if answered is None or record.body is None:
            return
        before = transaction.answered_at(answered.digest, record.sender)
        at = rfc3339(item.at)
        if before is None or before < at:
            transaction.acknowledge(answered.digest, record.sender, record.body["outcome"], at, held.index)
            note_answer(transaction, answered, record.sender)


def _arrival(item: Handed) -> Arrival:
    entry = item.entry
    verified = None if item.candidate is None else item.candidate.verified
    return Arrival(
        entry.id,
        entry.revision,
        entry.digest,
        entry.kind,
        entry.sender,
        entry.marking,
        item.forget_at if item.gone is None else None,
        None if verified is None else verified.jws,
    )
