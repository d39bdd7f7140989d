"""Records on their way from an office to its node.

1. A row whose content is what was sent last is not sent again.
2. A record is signed, its private part sealed, and kept; then it is pushed; then its outcome is kept.
3. What was kept and has no outcome yet (the process was killed) is pushed first, byte for byte.
4. Where the node knows another history than we (our memory was lost, or another system of the city wrote), or we do
   not know what we said, its newest revision is opened: the same content is taken over, another is followed by the
   next revision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hub.client import Arrival, Outcome, Predecessor
from hub.errors import Code, Problem
from hub.offices.office import Office
from hub.offices.opening import opened
from hub.offices.ready import Ready
from hub.store.offices import Key, Planned, Reading, RowSeen, Settled
from keys import record_signature
from keys.key import base64url_decode
from schemas import record
from schemas.record import Record

GONE: Final = "源系统中已无此记录 / no longer in the source system"
OTHER_HISTORY: Final = (Code.CONFLICT, Code.WRONG_REVISION)

Status = Literal["new", "revised", "unchanged", "withdrawn", "refused"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a row; `problem` says why where it was refused."""

    key: Key
    status: Status
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class _Letter:
    """A signed record, and what it is to become in the memory."""

    planned: Planned
    status: Status


class Outbox:
    """Sends what an office has to say."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._rows = office.memory.rows

    def resume(self) -> int:
        """Push what a run before this one had kept and not settled; how many records that were.

        Raises: Problem where the node cannot be reached.
        """
        waiting = self._rows.waiting(self._office.city)
        records = [(row, row.waiting) for row in waiting if row.waiting is not None]
        outcomes = self._office.client.push([jws for _, jws in records])
        for (row, jws), outcome in zip(records, outcomes, strict=True):
            self._settle([(_planned_again(row, jws), outcome)])
        return len(records)

    def send(self, reading: Reading, ready: Sequence[Ready]) -> Iterator[Sent]:
        """Send drafts of one unit, as first or next revisions; what became of each, in no order.

        Raises: Problem where the node or the database cannot be reached; what is kept by then is not lost.
        """
        seen = self._rows.seen(self._office.city, (each.key for each in ready))
        letters: list[_Letter] = []
        same: list[tuple[Key, str]] = []
        again: list[Ready] = []
        for each in ready:
            row = seen.get(each.key)
            if row is not None and row.revision and row.content is None and not row.withdrawn:
                again.append(each)
                continue
            if row is not None and row.content == each.content and not row.withdrawn:
                same.append((each.key, each.draft.table))
                yield Sent(each.key, "unchanged")
                continue
            follows = None if row is None else _predecessor(row)
            try:
                letters.append(self._composed(each, follows))
            except Problem as problem:
                yield Sent(each.key, "refused", problem)
        self._rows.met(reading, same)
        by_key = {each.key: each for each in ready}
        for letter, outcome in self._pushed(reading, letters):
            if outcome.problem is not None and outcome.problem.code in OTHER_HISTORY:
                again.append(by_key[letter.planned.key])
            else:
                yield _sent(letter, outcome)
        if again:
            yield from self._after_another_history(reading, again)

    def withdraw(self, reading: Reading, rows: Sequence[RowSeen]) -> Iterator[Sent]:
        """Withdraw the records of rows that are gone; to those that they were for."""
        letters: list[_Letter] = []
        for row in rows:
            try:
                held = self._office.client.held(row.record)
                if not held:
                    raise Problem(Code.NOT_FOUND, "the node does not hold the record any more")
                if held[-1].record.withdrawn is not None:
                    taken = held[-1].predecessor
                    self._rows.settle(
                        self._office.city,
                        [Settled(row.key, taken.revision, taken.digest, row.content, withdrawn=True)],
                    )
                    continue
                letters.append(self._withdrawal(row, held[-1]))
            except Problem as problem:
                if problem.code in (Code.BUSY, Code.TOO_MANY_REQUESTS):
                    raise
                yield Sent(row.key, "refused", problem)
        for letter, outcome in self._pushed(reading, letters):
            yield _sent(letter, outcome)

    # -- inside --------------------------------------------------------------------------------------

    def _composed(self, ready: Ready, follows: Predecessor | None) -> _Letter:
        settings, draft = self._office.settings, ready.draft
        jws = self._office.client.compose(
            draft.kind,
            sender=self._office.city,
            recipients=ready.recipients,
            agreement=settings.agreement,
            marking=settings.marking,
            body=draft.body,
            private=draft.private,
            subject=ready.subject,
            version=draft.version,
            id=ready.record,
            follows=follows,
        )
        planned = Planned(ready.key, ready.record, draft.kind, draft.table, jws, ready.content)
        return _Letter(planned, "new" if follows is None else "revised")

    def _withdrawal(self, row: RowSeen, newest: Arrival) -> _Letter:
        jws = self._office.client.compose(
            row.kind,
            sender=self._office.city,
            recipients=newest.record.recipients,
            agreement=newest.record.agreement,
            marking=newest.record.marking,
            body=None,
            withdrawn=GONE,
            subject=newest.record.subject,
            version=newest.record.version,
            follows=newest.predecessor,
        )
        planned = Planned(row.key, row.record, row.kind, row.title, jws, row.content)
        return _Letter(planned, "withdrawn")

    def _pushed(self, reading: Reading, letters: Sequence[_Letter]) -> Iterator[tuple[_Letter, Outcome]]:
        self._rows.plan(reading, [letter.planned for letter in letters])
        outcomes = list(self._office.client.push([letter.planned.jws for letter in letters]))
        self._settle([(letter.planned, outcome) for letter, outcome in zip(letters, outcomes, strict=True)])
        yield from zip(letters, outcomes, strict=True)

    def _settle(self, ended: Sequence[tuple[Planned, Outcome]]) -> None:
        self._rows.settle(self._office.city, [_settled(planned, outcome) for planned, outcome in ended])

    def _after_another_history(self, reading: Reading, ready: Sequence[Ready]) -> Iterator[Sent]:
        self._rows.met(reading, [(each.key, each.draft.table) for each in ready])
        letters: list[_Letter] = []
        for each in ready:
            newest = self._office.client.held(each.record)[-1:]
            if not newest:
                problem = Problem(Code.CONFLICT, "the node holds another city's record under this id")
                yield Sent(each.key, "refused", problem)
                continue
            if self._says(newest[0]) == each.content:
                taken = newest[0].predecessor
                self._rows.settle(
                    self._office.city, [Settled(each.key, taken.revision, taken.digest, each.content)]
                )
                yield Sent(each.key, "unchanged")
                continue
            try:
                letters.append(self._composed(each, newest[0].predecessor))
            except Problem as problem:
                yield Sent(each.key, "refused", problem)
        for letter, outcome in self._pushed(reading, letters):
            yield _sent(letter, outcome)

    def _says(self, arrival: Arrival) -> bytes | None:
        """The digest of what a record says; None where it cannot be opened or is withdrawn."""
        held = arrival.record
        if held.withdrawn is not None:
            return None
        try:
            private = opened(held, self._office.key)
        except Problem:
            return None
        return self._office.contents.of_record(held.kind, held.body, private, held.recipients, held.subject)


def _predecessor(row: RowSeen) -> Predecessor | None:
    if row.digest is None:
        return None
    return Predecessor(row.record, row.revision, row.digest)


def _sent(letter: _Letter, outcome: Outcome) -> Sent:
    if outcome.problem is not None:
        return Sent(letter.planned.key, "refused", outcome.problem)
    return Sent(letter.planned.key, letter.status)


def _settled(planned: Planned, outcome: Outcome) -> Settled:
    if outcome.problem is not None or outcome.digest is None:
        return Settled(planned.key)
    said = _read(planned.jws)
    return Settled(
        planned.key, said.revision, outcome.digest, planned.content, withdrawn=said.withdrawn is not None
    )


def _read(jws: str) -> Record:
    """Our own record, as it was kept."""
    record_signature.parse(jws)
    return record.load(base64url_decode(jws.split(".")[1]))


def _planned_again(row: RowSeen, jws: str) -> Planned:
    return Planned(row.key, row.record, row.kind, row.title, jws, row.waiting_content)
