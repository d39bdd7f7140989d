"""The SQL of the write path, built once: making a statement anew costs more than running it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, delete, select, tuple_, union_all, update

from hub.store.tables import (
    acknowledgements,
    deliveries,
    entries,
    log_head,
    nonces,
    records,
    refusals,
    streams,
    tiles,
    trust_versions,
)

LOCKED_HEAD: Final = select(log_head).with_for_update()
SEEN_NONCES: Final = select(nonces.c.nonce).where(nonces.c.nonce.in_(bindparam("keys", expanding=True)))
HELD_REVISIONS: Final = select(
    records.c.id, records.c.revision, records.c.digest, records.c.idx, records.c.sender, records.c.kind
).where(records.c.id.in_(bindparam("ids", expanding=True)))
STORED_RECORD: Final = select(records.c.jws).where(records.c.idx == bindparam("at"))
DELIVERY: Final = select(deliveries.c.n).where(
    deliveries.c.city == bindparam("of"), deliveries.c.idx == bindparam("at")
)
_LATER_DELIVERY: Final = select(deliveries.c.n).where(
    deliveries.c.held_at == bindparam("at"), deliveries.c.city == bindparam("of")
)
RECIPIENT: Final = union_all(DELIVERY, _LATER_DELIVERY)
IN_STREAM: Final = union_all(DELIVERY.where(deliveries.c.n != -1), _LATER_DELIVERY)
REFUSAL: Final = select(refusals.c.idx).where(
    refusals.c.kid == bindparam("by"),
    refusals.c.code == bindparam("why"),
    refusals.c.digest == bindparam("what"),
)
PASSED_OVER: Final = select(refusals.c.idx).where(
    refusals.c.kid.in_(bindparam("by", expanding=True)), refusals.c.digest == bindparam("what")
)
TRUST_VERSION: Final = (
    select(trust_versions.c.version, trust_versions.c.digest)
    .where(trust_versions.c.file == bindparam("of"))
    .order_by(trust_versions.c.version.desc())
    .limit(1)
)
STREAMS: Final = select(streams).where(streams.c.city.in_(bindparam("cities", expanding=True)))
DUE_RECORDS: Final = (
    select(records.c.idx, entries.c.line)
    .join(entries, entries.c.idx == records.c.idx)
    .where(records.c.forget_at <= bindparam("by"))
    .order_by(records.c.forget_at)
    .limit(bindparam("most"))
)
TAILS: Final = select(tiles).where(
    tuple_(tiles.c.level, tiles.c.number).in_(bindparam("places", expanding=True))
)

MARK_FETCHED: Final = (
    update(deliveries)
    .where(
        deliveries.c.city.in_(bindparam("cities", expanding=True)),
        deliveries.c.idx.in_(bindparam("indexes", expanding=True)),
        deliveries.c.fetched_at.is_(None),
    )
    .values(fetched_at=bindparam("at"))
)
EMPTY_RECORD: Final = (
    update(records)
    .where(records.c.idx == bindparam("at"))
    .values(jws=None, forget_at=None, erased_idx=bindparam("by"))
)
DROP_ACKNOWLEDGEMENT: Final = delete(acknowledgements).where(
    acknowledgements.c.digest == bindparam("of"), acknowledgements.c.city == bindparam("by")
)
DROP_NONCES: Final = delete(nonces).where(nonces.c.until < bindparam("now"))
PLACE_DELIVERY: Final = (
    update(deliveries)
    .where(deliveries.c.city == bindparam("of"), deliveries.c.idx == bindparam("at"), deliveries.c.n == -1)
    .values(n=0)
)
UNNUMBER_DELIVERY: Final = (
    update(deliveries)
    .where(deliveries.c.city == bindparam("of"), deliveries.c.idx == bindparam("at"), deliveries.c.n > 0)
    .values(n=-deliveries.c.n - 1)
)
LEAVE_OUT: Final = (
    update(deliveries)
    .where(deliveries.c.city == bindparam("of"), deliveries.c.n.in_(bindparam("numbers", expanding=True)))
    .values(n=-deliveries.c.n - 1)
)
ANSWERED_AT: Final = select(acknowledgements.c.at).where(
    acknowledgements.c.digest == bindparam("of"), acknowledgements.c.city == bindparam("by")
)
MARK_MOVES: Final = update(log_head).values(moves=bindparam("marks"))
MOVE_STREAM: Final = update(streams).where(streams.c.city == bindparam("of")).values(last=bindparam("to"))
GROW_TILE: Final = (
    update(tiles)
    .where(tiles.c.level == bindparam("at_level"), tiles.c.number == bindparam("at_number"))
    .values(hashes=bindparam("now"))
)
MOVE_HEAD: Final = update(log_head).values(
    size=bindparam("to"), frontier=bindparam("range"), checkpoint=bindparam("note")
)
