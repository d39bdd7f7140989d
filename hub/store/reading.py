"""What can be asked of the store: pages, revisions, deliveries, the log's files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Select, and_, select, union

from hub.store.tables import acknowledgements, deliveries, entries, log_head, records, tiles
from hub.store.transaction import id_bytes
from schemas import limits


@dataclass(frozen=True, slots=True)
class Selection:
    """What a pull asks for: records addressed to `cities` after index `after`, narrowed by the filters."""

    cities: frozenset[str]
    after: int = -1
    limit: int = limits.PAGE_RECORDS
    kind: str | None = None
    sender: str | None = None
    marking: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A record as it is pulled: where its entry stands, the entry's exact text, and the JWS."""

    index: int
    entry: str
    jws: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page in log order; `more` if the selection goes on after its last item."""

    items: list[Item]
    more: bool


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision as held; `jws` is None once it was erased."""

    index: int
    revision: int
    digest: str
    sender: str
    kind: str
    entry: str
    jws: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a revision got with one recipient; times are RFC 3339 texts."""

    city: str
    fetched_at: str | None
    outcome: str | None
    acknowledged_at: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """The log's head as stored."""

    origin: str
    size: int
    frontier: bytes
    checkpoint: str


def head(connection: Connection) -> Head:
    row = connection.execute(select(log_head)).one()
    return Head(row.origin, row.size, bytes(row.frontier), row.checkpoint)


def page(connection: Connection, selection: Selection) -> Page:
    """One page. Ends early, with `more`, before it grows past `PAGE_BYTES`."""
    items: list[Item] = []
    weight = 0
    rows = connection.execution_options(stream_results=True, yield_per=100).execute(
        _page_query(selection, selection.limit + 1)
    )
    with rows:
        for index, entry, jws in rows:
            weight += len(entry) + len(jws)
            if len(items) == selection.limit or (items and weight > limits.PAGE_BYTES):
                return Page(items, more=True)
            items.append(Item(index, entry, jws))
    return Page(items, more=False)


def _page_query(selection: Selection, limit: int) -> Select[int, str, str]:
    # Each city's part is cut by itself along its index; only these few are merged, joined and sorted.
    parts = [_chosen(selection, city, limit).subquery() for city in sorted(selection.cities)]
    chosen = union(*(select(part.c.idx) for part in parts)).subquery()
    return (
        select(records.c.idx, entries.c.line, records.c.jws)
        .join(chosen, chosen.c.idx == records.c.idx)
        .join(entries, entries.c.idx == records.c.idx)
        .order_by(records.c.idx)
        .limit(limit)
    )


def _chosen(selection: Selection, city: str, limit: int) -> Select[int]:
    mine = deliveries.c
    query = select(mine.idx).where(mine.city == city, mine.idx > selection.after)
    if selection.kind is not None:
        query = query.where(mine.kind == selection.kind)
    if selection.sender is not None:
        query = query.where(mine.sender == selection.sender)
    if selection.marking is not None:
        query = query.where(mine.marking == selection.marking)
    return query.order_by(mine.idx).limit(limit)


def revisions(connection: Connection, record_id: str) -> list[Revision]:
    """All revisions of a record, the first first."""
    query = (
        select(
            records.c.idx,
            records.c.revision,
            records.c.digest,
            records.c.sender,
            records.c.kind,
            entries.c.line,
            records.c.jws,
        )
        .join(entries, entries.c.idx == records.c.idx)
        .where(records.c.id == id_bytes(record_id))
        .order_by(records.c.revision)
    )
    return [
        Revision(
            row.idx,
            row.revision,
            row.digest.hex(),
            row.sender,
            row.kind,
            row.line,
            row.jws,
        )
        for row in connection.execute(query)
    ]


def delivery(connection: Connection, index: int, digest: str, cities: Collection[str]) -> list[Delivery]:
    """How far the revision at `index` got with each of `cities`, its recipients."""
    query = (
        select(deliveries.c.city, deliveries.c.fetched_at, acknowledgements.c.outcome, acknowledgements.c.at)
        .outerjoin(
            acknowledgements,
            and_(
                acknowledgements.c.city == deliveries.c.city,
                acknowledgements.c.digest == bytes.fromhex(digest),
            ),
        )
        .where(deliveries.c.idx == index, deliveries.c.city.in_(list(cities)))
        .order_by(deliveries.c.city)
    )
    return [Delivery(row.city, row.fetched_at, row.outcome, row.at) for row in connection.execute(query)]


def lines(connection: Connection, start: int, end: int) -> Iterator[bytes]:
    """The entries from `start` up to, not including, `end`."""
    query = select(entries.c.line).where(entries.c.idx >= start, entries.c.idx < end).order_by(entries.c.idx)
    for row in connection.execute(query):
        yield row.line.encode()


def tile(connection: Connection, level: int, number: int) -> bytes | None:
    """The hashes of a tile as far as it is filled."""
    query = select(tiles.c.hashes).where(tiles.c.level == level, tiles.c.number == number)
    found = connection.execute(query).scalar()
    return None if found is None else bytes(found)
