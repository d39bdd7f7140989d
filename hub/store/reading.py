"""What can be asked of the store: pages, revisions, deliveries, the log's files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import Connection, Select, and_, func, or_, select, union, union_all

from hub.store.moves import Moves, read_moves
from hub.store.tables import (
    MISSING,
    acknowledgements,
    deliveries,
    entries,
    log_head,
    office_quarantine,
    records,
    tiles,
)
from hub.store.transaction import id_bytes
from schemas import limits

ACCEPTED_END: Final = '"type":"accepted","v":1}'
"""How the entry of a record ends that a hosted city's system pushed here."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a pull asks for: records addressed to `cities` after index `after`, narrowed by the filters.

    With `emptied` records that were erased are among them, without their bytes, and none is left out unsaid. With
    `sent` it asks for what those cities have sent instead, and no filter counts. With `own` it asks for what this node
    accepted itself; what it received from others is passed over. `since` names, by city, the index before which nothing
    is asked for, and `before` the one at which it ends for all.
    """

    cities: frozenset[str]
    after: int = -1
    limit: int = limits.PAGE_RECORDS
    kind: str | None = None
    sender: str | None = None
    marking: str | None = None
    emptied: bool = False
    sent: bool = False
    own: bool = False
    since: Mapping[str, int] = field(default_factory=dict)
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A record as it is pulled: where its entry stands, the entry's exact text, and the JWS.

    One that was erased has none, but the place and text of the entry that says so (`erased`).
    """

    index: int
    entry: str
    jws: str | None
    erased: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page in log order; `more` if the selection goes on after its last item.

    `due` where it ends before a record whose time is over and which nobody has erased yet, or whose bytes are missing.
    """

    items: list[Item]
    more: bool
    due: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision as held, without its bytes."""

    index: int
    revision: int
    digest: str
    sender: str
    kind: str
    entry: str


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
    halted: str | None = None
    moves: Moves = field(default_factory=Moves)


def head(connection: Connection) -> Head:
    row = connection.execute(select(log_head)).one()
    return Head(row.origin, row.size, bytes(row.frontier), row.checkpoint, row.halted, read_moves(row.moves))


def page(connection: Connection, selection: Selection, at: str) -> Page:
    """One page, as of the time `at` (RFC 3339). Ends early, with `more`, before it grows past `PAGE_BYTES`.

    What is erased, or due to be, is passed over, unless the selection says otherwise; a page is empty only at the end,
    or before what is due.
    """
    found = _page(connection, selection, at)
    gone = [item.index for item in found.items if item.jws is None]
    if not gone:
        return found
    said = _erased(connection, gone)
    return replace(found, items=[replace(item, erased=said.get(item.index)) for item in found.items])


def _page(connection: Connection, selection: Selection, at: str) -> Page:
    reach = selection.limit
    while True:
        items: list[Item] = []
        weight, rows, last = 0, 0, selection.after
        found = connection.execution_options(stream_results=True, yield_per=100).execute(
            _page_query(selection, reach + 1)
        )
        with found:
            for index, forget_at, erased_idx, entry, jws in found:
                if len(items) == selection.limit:
                    return Page(items, more=True)
                rows, last = rows + 1, index
                if selection.own and not entry.endswith(ACCEPTED_END):
                    continue
                due = forget_at is not None and forget_at <= at
                if erased_idx == MISSING and selection.sent:
                    continue
                if erased_idx == MISSING or (due and selection.emptied):
                    return Page(items, more=True, due=True)
                if jws is None and selection.emptied:
                    items.append(Item(index, entry, None))
                if jws is None or due:
                    continue
                weight += len(entry) + len(jws)
                if items and weight > limits.PAGE_BYTES:
                    return Page(items, more=True)
                items.append(Item(index, entry, jws))
        more = rows > reach
        if items or not more:
            return Page(items, more)
        # A short page must not step over a long past in short steps.
        selection, reach = replace(selection, after=last), limits.PAGE_RECORDS


def _erased(connection: Connection, indexes: Sequence[int]) -> dict[int, tuple[int, str]]:
    """The entries that say that records were erased, by the records' own indexes."""
    query = (
        select(records.c.idx, entries.c.idx, entries.c.line)
        .join(entries, entries.c.idx == records.c.erased_idx)
        .where(records.c.idx.in_(list(indexes)))
    )
    return {index: (entry, line) for index, entry, line in connection.execute(query)}


def _page_query(selection: Selection, limit: int) -> Select[int, str | None, int | None, str, str | None]:
    if selection.sent:
        return _sent_query(selection, limit)
    # Each city's part is cut by itself along its index; only these few are merged, joined and sorted.
    parts = [_chosen(selection, city, limit).subquery() for city in sorted(selection.cities)]
    chosen = union(*(select(part.c.idx, part.c.at) for part in parts)).subquery()
    return (
        select(chosen.c.idx, records.c.forget_at, records.c.erased_idx, entries.c.line, records.c.jws)
        .join(records, records.c.idx == chosen.c.at)
        .join(entries, entries.c.idx == chosen.c.idx)
        .order_by(chosen.c.idx)
        .limit(limit)
    )


def _sent_query(selection: Selection, limit: int) -> Select[int, str | None, int | None, str, str | None]:
    """What the cities have sent. No index serves this: it is asked where a node has lost its own records."""
    return (
        select(records.c.idx, records.c.forget_at, records.c.erased_idx, entries.c.line, records.c.jws)
        .join(entries, entries.c.idx == records.c.idx)
        .where(records.c.sender.in_(selection.cities), records.c.idx > selection.after)
        .order_by(records.c.idx)
        .limit(limit)
    )


def _chosen(selection: Selection, city: str, limit: int) -> Select[int, int]:
    """Of one city's stream: the indexes of its entries, and where their records are held."""
    mine = deliveries.c
    after = max(selection.after, selection.since.get(city, 0) - 1)
    held_at = func.coalesce(mine.held_at, mine.idx).label("at")
    query = select(mine.idx, held_at).where(mine.city == city, mine.idx > after, mine.n > 0)
    if selection.before is not None:
        query = query.where(mine.idx < selection.before)
    if selection.kind is not None:
        query = query.where(mine.kind == selection.kind)
    if selection.sender is not None:
        query = query.where(mine.sender == selection.sender)
    if selection.marking is not None:
        query = query.where(mine.marking == selection.marking)
    return query.order_by(mine.idx).limit(limit)


def revisions(connection: Connection, record_id: str, cities: Collection[str]) -> list[Revision]:
    """The revisions of a record that concern any of `cities`, as sender or recipient, in log order.

    The choice is made in the database: what is left out costs no more time than what does not exist.
    """
    mine = select(deliveries.c.idx).where(deliveries.c.city.in_(list(cities)))
    concerned = or_(
        mine.where(deliveries.c.idx == records.c.idx).exists(),
        mine.where(deliveries.c.held_at == records.c.idx).exists(),
    )
    query = (
        select(
            records.c.idx,
            records.c.revision,
            records.c.digest,
            records.c.sender,
            records.c.kind,
            entries.c.line,
        )
        .join(entries, entries.c.idx == records.c.idx)
        .where(records.c.id == id_bytes(record_id), or_(records.c.sender.in_(list(cities)), concerned))
        .order_by(records.c.idx)
    )
    return [
        Revision(row.idx, row.revision, row.digest.hex(), row.sender, row.kind, row.line)
        for row in connection.execute(query)
    ]


def contents(connection: Connection, indexes: Sequence[int], at: str) -> dict[int, str | None]:
    """The signed bytes of records, None for those erased or due to be; as many as a page holds, at least one."""
    found: dict[int, str | None] = {}
    weight = 0
    query = select(records.c.idx, records.c.forget_at, records.c.jws).where(records.c.idx.in_(list(indexes)))
    streamed = connection.execution_options(stream_results=True, yield_per=16).execute(
        query.order_by(records.c.idx)
    )
    with streamed:
        for index, forget_at, jws in streamed:
            gone = jws is None or (forget_at is not None and forget_at <= at)
            weight += 0 if gone else len(jws)
            if found and weight > limits.PAGE_BYTES:
                break
            found[index] = None if gone else jws
    return found


def delivery(connection: Connection, index: int, digest: str, cities: Collection[str]) -> list[Delivery]:
    """How far the revision at `index` got with each of `cities`, as far as they are its recipients."""
    mine = select(deliveries.c.city, deliveries.c.fetched_at).where(deliveries.c.city.in_(list(cities)))
    placed = union_all(
        mine.where(deliveries.c.idx == index), mine.where(deliveries.c.held_at == index)
    ).subquery()
    query = (
        select(
            placed.c.city, func.max(placed.c.fetched_at), acknowledgements.c.outcome, acknowledgements.c.at
        )
        .outerjoin(
            acknowledgements,
            and_(
                acknowledgements.c.city == placed.c.city,
                acknowledgements.c.digest == bytes.fromhex(digest),
            ),
        )
        .group_by(placed.c.city, acknowledgements.c.outcome, acknowledgements.c.at)
        .order_by(placed.c.city)
    )
    return [Delivery(*row) for row in connection.execute(query)]


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


def quarantined(connection: Connection) -> int:
    """How many rows of exports wait to be mended."""
    waiting = select(func.count()).where(office_quarantine.c.mended.is_(False))
    return connection.execute(waiting).scalar_one()
