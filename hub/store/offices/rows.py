"""Rows of cities' systems: what was sent of each, and what waits for its outcome.

1. A record is kept (`plan`) before it is pushed, and let go (`settle`) when its outcome is known. After a kill the
   same bytes are pushed again, which the node answers with the stored outcome: no second record is made.
2. A row is named by the city, its system and its local number, wherever it is met; `source` and `unit` say where it
   was met last.
3. A unit (a file, a list, a view) is remembered only when it was read to its end.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, tuple_, update

from hub.store.offices.ledger import Ledger
from hub.store.tables import office_quarantine, office_rows, office_units

AT_ONCE: Final = 400
"""Rows named in one question: a database takes a bounded number of parameters."""


class Key(NamedTuple):
    """A row of a city: its system and local number."""

    system: str
    number: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A unit while it is read: whose it is, of which source, its name, and the run."""

    city: str
    source: str
    unit: str
    run: int


@dataclass(frozen=True, slots=True)
class UnitSeen:
    """A unit as it was when it was last read to its end."""

    name: str
    stamp: str
    digest: bytes
    dialect: bytes


@dataclass(frozen=True, slots=True)
class RowSeen:
    """What was sent of a row: its newest revision, 0 where none was taken yet; `content` None where it is not known."""

    key: Key
    record: str
    kind: str
    title: str
    revision: int
    digest: str | None
    content: bytes | None
    withdrawn: bool
    waiting: str | None
    waiting_content: bytes | None


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that is about to be sent: its signed record, and the digest of the content that it holds."""

    key: Key
    record: str
    kind: str
    title: str
    jws: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of a planned row: the revision and digest that the node took; without them it was refused."""

    key: Key
    revision: int | None = None
    digest: str | None = None
    content: bytes | None = None
    withdrawn: bool = False


_OF_CITY: Final = office_rows.c.city == bindparam("of")
_ROW: Final = (
    _OF_CITY
    & (office_rows.c.system == bindparam("in_system"))
    & (office_rows.c.number == bindparam("numbered"))
)
_SETTLE: Final = (
    update(office_rows)
    .where(_ROW)
    .values(
        revision=bindparam("to_revision"),
        digest=bindparam("to_digest"),
        content=bindparam("to_content"),
        withdrawn=bindparam("is_withdrawn"),
        waiting=None,
        waiting_content=None,
    )
)
_LET_GO: Final = update(office_rows).where(_ROW).values(waiting=None, waiting_content=None)
_WAIT: Final = (
    update(office_rows).where(_ROW).values(waiting=bindparam("jws"), waiting_content=bindparam("of_content"))
)
_MEET: Final = (
    update(office_rows)
    .where(_ROW)
    .values(
        run=bindparam("in_run"),
        source=bindparam("in_source"),
        unit=bindparam("in_unit"),
        title=bindparam("in_title"),
    )
)


class SentRows:
    """The memory of rows and units."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    # -- units ---------------------------------------------------------------------------------------

    def unit(self, city: str, source: str, name: str) -> UnitSeen | None:
        """A unit as it was when it was last read to its end."""
        with self._ledger.reading() as connection:
            row = connection.execute(select(office_units).where(*_unit_is(city, source, name))).one_or_none()
        return None if row is None else _unit(row)

    def units_like(self, city: str, source: str, digest: bytes) -> list[UnitSeen]:
        """Units with the same bytes, under whatever name."""
        wanted = select(office_units).where(
            office_units.c.city == city, office_units.c.source == source, office_units.c.digest == digest
        )
        with self._ledger.reading() as connection:
            return [_unit(row) for row in connection.execute(wanted.order_by(office_units.c.name))]

    def restamp(self, city: str, source: str, unit: UnitSeen, at: str) -> None:
        """Remember a unit's new stamp: its bytes are as they were."""
        with self._ledger.writing() as connection:
            _put_unit(connection, city, source, unit, at)

    def finish(self, reading: Reading, unit: UnitSeen, at: str) -> None:
        """Remember a unit that was read to its end; what its earlier readings left in quarantine goes."""
        with self._ledger.writing() as connection:
            _put_unit(connection, reading.city, reading.source, unit, at)
            connection.execute(
                delete(office_quarantine).where(
                    office_quarantine.c.city == reading.city,
                    office_quarantine.c.source == reading.source,
                    office_quarantine.c.unit == reading.unit,
                    office_quarantine.c.run != reading.run,
                )
            )

    def rename_unit(self, city: str, source: str, before: str, unit: UnitSeen, at: str) -> None:
        """A file that has another name now: its rows and its quarantine go with it."""
        with self._ledger.writing() as connection:
            connection.execute(delete(office_units).where(*_unit_is(city, source, before)))
            _put_unit(connection, city, source, unit, at)
            # Whatever a run that did not come to its end left under the new name stands under the old one, too.
            connection.execute(
                delete(office_quarantine).where(
                    office_quarantine.c.city == city,
                    office_quarantine.c.source == source,
                    office_quarantine.c.unit == unit.name,
                )
            )
            for table in (office_rows, office_quarantine):
                connection.execute(
                    update(table)
                    .where(table.c.city == city, table.c.source == source, table.c.unit == before)
                    .values(unit=unit.name)
                )

    # -- rows ----------------------------------------------------------------------------------------

    def forget_contents(self, city: str) -> None:
        """Let go of what rows said: their digests were made with a key that is no more."""
        with self._ledger.writing() as connection:
            connection.execute(
                update(office_rows)
                .where(office_rows.c.city == city)
                .values(content=None, waiting_content=None)
            )

    def seen(self, city: str, keys: Iterable[Key]) -> dict[Key, RowSeen]:
        """What was sent of these rows; those never met are left out."""
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, RowSeen] = {}
        with self._ledger.reading() as connection:
            for start in range(0, len(wanted), AT_ONCE):
                some = select(office_rows).where(
                    office_rows.c.city == city,
                    tuple_(office_rows.c.system, office_rows.c.number).in_(wanted[start : start + AT_ONCE]),
                )
                for row in connection.execute(some):
                    found[Key(row.system, row.number)] = _row(row)
        return found

    def of_record(self, city: str, record: str) -> RowSeen | None:
        """The row that a record was made of."""
        wanted = select(office_rows).where(
            office_rows.c.city == city, office_rows.c.record == uuid.UUID(record).bytes
        )
        with self._ledger.reading() as connection:
            row = connection.execute(wanted.limit(1)).one_or_none()
        return None if row is None else _row(row)

    def sent(self, city: str) -> list[RowSeen]:
        """Every row of a city that the node has taken."""
        wanted = select(office_rows).where(office_rows.c.city == city, office_rows.c.revision > 0)
        with self._ledger.reading() as connection:
            return [_row(row) for row in connection.execute(wanted)]

    def waiting(self, city: str) -> list[RowSeen]:
        """Rows whose records were signed, and whose outcomes are not known: a run was ended in between."""
        wanted = select(office_rows).where(office_rows.c.city == city, office_rows.c.waiting.is_not(None))
        with self._ledger.reading() as connection:
            return [_row(row) for row in connection.execute(wanted)]

    def missing(self, reading: Reading, title: str) -> list[RowSeen]:
        """Rows of a table that stood in the unit before, and that this run did not meet there."""
        wanted = select(office_rows).where(
            office_rows.c.city == reading.city,
            office_rows.c.source == reading.source,
            office_rows.c.unit == reading.unit,
            office_rows.c.title == title,
            office_rows.c.run != reading.run,
            office_rows.c.revision > 0,
            office_rows.c.withdrawn.is_(False),
        )
        with self._ledger.reading() as connection:
            return [_row(row) for row in connection.execute(wanted)]

    def met(self, reading: Reading, keys: Sequence[tuple[Key, str]]) -> None:
        """Say that these rows, each with its table's title, stand in a unit, as they are known or unreadable."""
        if not keys:
            return
        with self._ledger.writing() as connection:
            connection.execute(_MEET, _meetings(reading, keys))

    def plan(self, reading: Reading, planned: Sequence[Planned]) -> None:
        """Keep signed records before they are pushed."""
        if not planned:
            return
        with self._ledger.writing() as connection:
            known = {
                Key(*pair)
                for start in range(0, len(planned), AT_ONCE)
                for pair in connection.execute(
                    select(office_rows.c.system, office_rows.c.number).where(
                        office_rows.c.city == reading.city,
                        tuple_(office_rows.c.system, office_rows.c.number).in_(
                            [each.key for each in planned[start : start + AT_ONCE]]
                        ),
                    )
                )
            }
            new = [each for each in planned if each.key not in known]
            if new:
                connection.execute(insert(office_rows), [_new_row(reading, each) for each in new])
            old = [each for each in planned if each.key in known]
            if old:
                connection.execute(
                    _WAIT,
                    [
                        {**_named(reading.city, each.key), "jws": each.jws, "of_content": each.content}
                        for each in old
                    ],
                )
                connection.execute(_MEET, _meetings(reading, [(each.key, each.title) for each in old]))

    def settle(self, city: str, settled: Sequence[Settled]) -> None:
        """Remember outcomes; a refused row keeps what it was before."""
        taken = [each for each in settled if each.revision is not None]
        refused = [each for each in settled if each.revision is None]
        if not settled:
            return
        with self._ledger.writing() as connection:
            if taken:
                connection.execute(_SETTLE, [_settling(city, each) for each in taken])
            if refused:
                connection.execute(_LET_GO, [_named(city, each.key) for each in refused])


def _unit_is(city: str, source: str, name: str) -> tuple[Any, ...]:
    return (office_units.c.city == city, office_units.c.source == source, office_units.c.name == name)


def _put_unit(connection: Connection, city: str, source: str, unit: UnitSeen, at: str) -> None:
    connection.execute(delete(office_units).where(*_unit_is(city, source, unit.name)))
    connection.execute(
        insert(office_units).values(
            city=city,
            source=source,
            name=unit.name,
            stamp=unit.stamp,
            digest=unit.digest,
            dialect=unit.dialect,
            read_at=at,
        )
    )


def _named(city: str, key: Key) -> dict[str, Any]:
    return {"of": city, "in_system": key.system, "numbered": key.number}


def _meetings(reading: Reading, keys: Sequence[tuple[Key, str]]) -> list[dict[str, Any]]:
    return [
        {
            **_named(reading.city, key),
            "in_run": reading.run,
            "in_source": reading.source,
            "in_unit": reading.unit,
            "in_title": title,
        }
        for key, title in keys
    ]


def _settling(city: str, settled: Settled) -> dict[str, Any]:
    return {
        **_named(city, settled.key),
        "to_revision": settled.revision,
        "to_digest": None if settled.digest is None else bytes.fromhex(settled.digest),
        "to_content": settled.content,
        "is_withdrawn": settled.withdrawn,
    }


def _new_row(reading: Reading, planned: Planned) -> dict[str, Any]:
    return {
        "city": reading.city,
        "system": planned.key.system,
        "number": planned.key.number,
        "record": uuid.UUID(planned.record).bytes,
        "kind": planned.kind,
        "source": reading.source,
        "unit": reading.unit,
        "title": planned.title,
        "run": reading.run,
        "revision": 0,
        "digest": None,
        "content": None,
        "withdrawn": False,
        "waiting": planned.jws,
        "waiting_content": planned.content,
    }


def _unit(row: Row[Any]) -> UnitSeen:
    return UnitSeen(row.name, row.stamp, bytes(row.digest), bytes(row.dialect))


def _row(row: Row[Any]) -> RowSeen:
    return RowSeen(
        Key(row.system, row.number),
        str(uuid.UUID(bytes=bytes(row.record))),
        row.kind,
        row.title,
        row.revision,
        None if row.digest is None else bytes(row.digest).hex(),
        None if row.content is None else bytes(row.content),
        row.withdrawn,
        row.waiting,
        None if row.waiting_content is None else bytes(row.waiting_content),
    )
