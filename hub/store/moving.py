"""What a city that moves takes along: every record held here that it sent or received.

Bound to a connection: asked of a reader's (`Store.ask_moving`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select, union

from hub.store.tables import MISSING, deliveries, entries, records


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that goes with a city: where its entry stands, the entry's text, the JWS, and until when it is kept.

    One that was erased has none, but the place and text of the entry that says so (`erased`); one that is `missing` is
    to be fetched again first. `fetched` says when its recipients had it.
    """

    index: int
    entry: str
    jws: str | None
    forget_at: str | None
    erased: tuple[int, str] | None
    missing: bool
    fetched: Mapping[str, str] = field(default_factory=dict)


class Moving:
    """The records of a city, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(
        self, city: str, after: int, before: int, *, recipients: Collection[str], limit: int
    ) -> list[Taken]:
        """The next records after an index and before another that a city sent or received, in the log's order.

        `recipients` are those of whom it is told when they fetched them.
        """
        mine, gone = deliveries.c, entries.alias("gone")
        received = (
            select(mine.idx, func.coalesce(mine.held_at, mine.idx).label("at"))
            .where(mine.city == city, mine.idx > after, mine.idx < before, mine.n != -1)
            .order_by(mine.idx)
            .limit(limit)
            .subquery()
        )
        sent = (
            select(records.c.idx, records.c.idx.label("at"))
            .where(records.c.idx > after, records.c.idx < before, records.c.sender == city)
            .order_by(records.c.idx)
            .limit(limit)
            .subquery()
        )
        chosen = union(select(received.c.idx, received.c.at), select(sent.c.idx, sent.c.at)).subquery()
        query = (
            select(
                chosen.c.idx,
                entries.c.line,
                records.c.jws,
                records.c.forget_at,
                records.c.erased_idx,
                gone.c.line.label("said"),
                chosen.c.at,
            )
            .join(records, records.c.idx == chosen.c.at)
            .join(entries, entries.c.idx == chosen.c.idx)
            .outerjoin(gone, gone.c.idx == records.c.erased_idx)
            .order_by(chosen.c.idx)
            .limit(limit)
        )
        rows = self._connection.execute(query).all()
        fetched = self._fetched([row.at for row in rows], recipients)
        return [
            Taken(
                row.idx,
                row.line,
                row.jws,
                row.forget_at,
                None if row.said is None else (row.erased_idx, row.said),
                row.erased_idx == MISSING,
                fetched.get(row.at, {}),
            )
            for row in rows
        ]

    def last_before(self, city: str, index: int) -> int:
        """The last number that this log gave a city's stream before an index; 0 for none."""
        mine = deliveries.c
        query = select(mine.n).where(mine.city == city, mine.idx < index, mine.n.not_in((0, -1)))
        last = self._connection.execute(query.order_by(mine.idx.desc()).limit(1)).scalar() or 0
        return last if last >= 0 else -last - 1

    def ahead(self, city: str, begins: int, limit: int) -> list[int]:
        """Numbers of this log from an index on that the city's old node had fetched ahead of others."""
        mine = deliveries.c
        query = select(mine.n).where(mine.city == city, mine.idx >= begins, mine.n < -1)
        return [-n - 1 for n in self._connection.scalars(query.order_by(mine.idx).limit(limit))]

    def _fetched(self, indexes: Sequence[int], cities: Collection[str]) -> dict[int, dict[str, str]]:
        """By a record's index: when recipients fetched it."""
        found: dict[int, dict[str, str]] = {}
        query = select(deliveries.c.idx, deliveries.c.city, deliveries.c.fetched_at).where(
            deliveries.c.city.in_(list(cities)),
            deliveries.c.idx.in_(list(indexes)),
            deliveries.c.fetched_at.is_not(None),
        )
        for row in self._connection.execute(query):
            found.setdefault(row.idx, {})[row.city] = row.fetched_at
        return found
