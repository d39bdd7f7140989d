"""Answers that alerts wait for: a row for each recipient that is to acknowledge and has not.

Bound to a connection. Changes are buffered in a transaction (`Transaction.awaited`) and written with it, many rows at
once; questions are asked of a reader's (`Store.ask_awaited`). A row that is past its `until` counts for nothing: it is
told of nowhere, and goes when it is pruned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, func, or_, select

from hub.log.entry import Received, decode
from hub.store.bulk import insert_rows
from hub.store.tables import awaited, entries, records

DROP_ANSWERED: Final = delete(awaited).where(
    awaited.c.idx == bindparam("at"), awaited.c.city == bindparam("of")
)
DROP_ALL: Final = delete(awaited).where(awaited.c.idx == bindparam("at"))
DROP_PAST: Final = delete(awaited).where(awaited.c.until <= bindparam("now"))


@dataclass(frozen=True, slots=True)
class AwaitedCount:
    """How many answers are awaited, and how many of them are overdue."""

    awaited: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A recipient that has not answered an alert. `line` is the alert's entry, which stands at `index`."""

    index: int
    id: str
    revision: int
    sender: str
    city: str
    due_at: str
    line: str


class Awaited:
    """The table of awaited answers, on one connection; `size` is the log's as the transaction found it."""

    def __init__(self, connection: Connection, size: int = 0) -> None:
        self._connection = connection
        self._size = size
        self._new: dict[tuple[int, str], tuple[Any, ...]] = {}
        self._answered: list[dict[str, Any]] = []
        self._dropped: list[dict[str, Any]] = []

    # -- what jobs do --------------------------------------------------------------------------------

    def expect(self, index: int, cities: Iterable[str], due_at: str, until: str) -> None:
        """Wait for an answer of each of `cities` to the alert at `index`, whether that was so before or not."""
        for city in cities:
            self._new[index, city] = (index, city, due_at, until)

    def answered(self, index: int, city: str) -> None:
        """A recipient has answered."""
        if self._new.pop((index, city), None) is None:
            self._answered.append({"at": index, "of": city})

    def drop(self, index: int) -> None:
        """Nobody's answer to the alert at `index` is awaited any more."""
        for key in [key for key in self._new if key[0] == index]:
            del self._new[key]
        self._dropped.append({"at": index})

    def leave(self, city: str) -> None:
        """A city has moved to another node: its answers to what came for it from peers do not come here any more, nor
        those of others to what it has sent.
        """
        query = (
            select(awaited.c.idx, awaited.c.city, entries.c.line)
            .join(entries, entries.c.idx == awaited.c.idx)
            .join(records, records.c.idx == awaited.c.idx)
            .where(or_(awaited.c.city == city, records.c.sender == city))
        )
        for row in self._connection.execute(query):
            if row.city != city or isinstance(decode(row.line.encode()), Received):
                self.answered(row.idx, row.city)

    def prune(self, at: str) -> None:
        """Forget alerts that do not hold any more."""
        self._connection.execute(DROP_PAST, {"now": at})

    def flush(self) -> None:
        """Write all that was buffered."""
        self._answered += [{"at": index, "of": city} for index, city in self._new if index < self._size]
        if self._answered:
            self._connection.execute(DROP_ANSWERED, self._answered)
        if self._dropped:
            self._connection.execute(DROP_ALL, self._dropped)
        insert_rows(self._connection, awaited, list(self._new.values()))

    # -- what can be asked ---------------------------------------------------------------------------

    def count(self, at: str) -> AwaitedCount:
        """What is awaited, and overdue, at a time (RFC 3339)."""
        holding = select(func.count()).select_from(awaited).where(awaited.c.until > at)
        waiting = self._connection.execute(holding).scalar_one()
        late = self._connection.execute(holding.where(awaited.c.due_at <= at)).scalar_one()
        return AwaitedCount(waiting, late)

    def due(self, index: int, at: str) -> dict[str, str]:
        """By when each recipient that has not answered the alert at `index` is to."""
        query = select(awaited.c.city, awaited.c.due_at).where(awaited.c.idx == index, awaited.c.until > at)
        return {row.city: row.due_at for row in self._connection.execute(query)}

    def unanswered(self, at: str, limit: int) -> list[Unanswered]:
        """Who has not answered, the longest due first, at most `limit` of them."""
        query = (
            select(
                awaited.c.idx,
                records.c.id,
                records.c.revision,
                records.c.sender,
                awaited.c.city,
                awaited.c.due_at,
                entries.c.line,
            )
            .join(records, records.c.idx == awaited.c.idx)
            .join(entries, entries.c.idx == awaited.c.idx)
            .where(awaited.c.until > at)
            .order_by(awaited.c.due_at, awaited.c.idx, awaited.c.city)
            .limit(limit)
        )
        return [
            Unanswered(
                row.idx, str(UUID(bytes=row.id)), row.revision, row.sender, row.city, row.due_at, row.line
            )
            for row in self._connection.execute(query)
        ]
