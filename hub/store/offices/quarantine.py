"""What was not sent: a row with its reasons, its contents sealed to its own city.

An entry is named by where its row stands and by a keyed digest of it, so that the same row met again keeps its
number, and one that was mended here is not asked about again while it stands in the source as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, insert, select, update

from hub.store.offices.ledger import Ledger
from hub.store.offices.rows import AT_ONCE, Reading
from hub.store.tables import office_quarantine


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A row on its way into quarantine. `reasons` and `kept` are JSON; `kept` is sealed, None where no row is."""

    content: bytes
    title: str
    number: str
    sheet: str | None
    line: int | None
    reasons: str
    kept: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is listed."""

    entry: int
    city: str
    source: str
    unit: str
    title: str
    number: str
    sheet: str | None
    line: int | None
    reasons: str
    kept: str | None
    since: str


_AGAIN: Final = (
    update(office_quarantine)
    .where(office_quarantine.c.entry == bindparam("numbered"))
    .values(
        run=bindparam("in_run"),
        line=bindparam("on_line"),
        sheet=bindparam("on_sheet"),
        reasons=bindparam("for_reasons"),
    )
)


class Quarantine:
    """The memory of what was not sent."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def known(self, reading: Reading, contents: Sequence[bytes]) -> dict[bytes, bool]:
        """Which of these rows stand in quarantine; True for those that were mended here and sent."""
        found: dict[bytes, bool] = {}
        with self._ledger.reading() as connection:
            for start in range(0, len(contents), AT_ONCE):
                wanted = select(office_quarantine.c.content, office_quarantine.c.mended).where(
                    *_within(reading),
                    office_quarantine.c.content.in_(contents[start : start + AT_ONCE]),
                )
                found.update((bytes(row.content), row.mended) for row in connection.execute(wanted))
        return found

    def put(self, reading: Reading, entries: Sequence[NewEntry], at: str) -> None:
        """Keep entries; those that are there stay as they are, met again in this run."""
        if not entries:
            return
        with self._ledger.writing() as connection:
            held: dict[bytes, int] = {}
            for start in range(0, len(entries), AT_ONCE):
                wanted = select(office_quarantine.c.content, office_quarantine.c.entry).where(
                    *_within(reading),
                    office_quarantine.c.content.in_(
                        [each.content for each in entries[start : start + AT_ONCE]]
                    ),
                )
                held.update((bytes(row.content), row.entry) for row in connection.execute(wanted))
            new = {each.content: each for each in entries if each.content not in held}
            if new:
                connection.execute(
                    insert(office_quarantine),
                    [
                        {
                            "city": reading.city,
                            "source": reading.source,
                            "unit": reading.unit,
                            "content": each.content,
                            "title": each.title,
                            "number": each.number,
                            "sheet": each.sheet,
                            "line": each.line,
                            "reasons": each.reasons,
                            "kept": each.kept,
                            "mended": False,
                            "since": at,
                            "run": reading.run,
                        }
                        for each in new.values()
                    ],
                )
            again = [each for each in entries if each.content in held]
            if again:
                connection.execute(
                    _AGAIN,
                    [
                        {
                            "numbered": held[each.content],
                            "in_run": reading.run,
                            "on_line": each.line,
                            "on_sheet": each.sheet,
                            "for_reasons": each.reasons,
                        }
                        for each in again
                    ],
                )

    def meet(self, reading: Reading, contents: Sequence[bytes]) -> None:
        """Say that rows which were mended here, or wait to be, stand in the unit as they were."""
        if not contents:
            return
        with self._ledger.writing() as connection:
            for start in range(0, len(contents), AT_ONCE):
                connection.execute(
                    update(office_quarantine)
                    .where(
                        *_within(reading),
                        office_quarantine.c.content.in_(contents[start : start + AT_ONCE]),
                    )
                    .values(run=reading.run)
                )

    def listed(self, city: str | None = None, limit: int | None = None) -> list[Entry]:
        """What waits to be mended, oldest first."""
        wanted = select(office_quarantine).where(office_quarantine.c.mended.is_(False))
        if city is not None:
            wanted = wanted.where(office_quarantine.c.city == city)
        wanted = wanted.order_by(office_quarantine.c.entry).limit(limit)
        with self._ledger.reading() as connection:
            return [_entry(row) for row in connection.execute(wanted)]

    def entry(self, number: int) -> Entry | None:
        """One that waits to be mended."""
        wanted = select(office_quarantine).where(
            office_quarantine.c.entry == number, office_quarantine.c.mended.is_(False)
        )
        with self._ledger.reading() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else _entry(row)

    def change(self, number: int, reasons: str, kept: str) -> None:
        """Keep an entry with a row that was changed by hand, and with what is wrong with it now."""
        with self._ledger.writing() as connection:
            connection.execute(
                update(office_quarantine)
                .where(office_quarantine.c.entry == number)
                .values(reasons=reasons, kept=kept)
            )

    def mended(self, number: int) -> None:
        """Say that an entry's row was sent; its contents go."""
        with self._ledger.writing() as connection:
            connection.execute(
                update(office_quarantine)
                .where(office_quarantine.c.entry == number)
                .values(mended=True, kept=None, reasons="[]")
            )

    def drop(self, number: int) -> None:
        """Forget an entry; where its row is met again it is a new one."""
        with self._ledger.writing() as connection:
            connection.execute(delete(office_quarantine).where(office_quarantine.c.entry == number))


def _within(reading: Reading) -> tuple[Any, ...]:
    return (
        office_quarantine.c.city == reading.city,
        office_quarantine.c.source == reading.source,
        office_quarantine.c.unit == reading.unit,
    )


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        row.entry,
        row.city,
        row.source,
        row.unit,
        row.title,
        row.number,
        row.sheet,
        row.line,
        row.reasons,
        row.kept,
        row.since,
    )
