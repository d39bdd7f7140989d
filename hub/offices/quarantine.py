"""What an operator does with the quarantine: look at a row, mend it, let it go, or set it aside.

A row that is let go takes the same way as every other: it is read by the city's dialect, signed and pushed. It leaves
the quarantine only when the node has taken it; and it is not asked about again while its source has it as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters import translation
from adapters.drafts import Draft
from hub.errors import Code, Problem
from hub.offices import keeping, reasons
from hub.offices.office import Office
from hub.offices.outbox import Outbox, Status
from hub.offices.ready import Ready, make_ready
from hub.offices.reasons import Why, why_refused, why_rejected
from hub.store.offices import Entry, Reading

CELL_CHARACTERS: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry with its row: personal data, for the eyes of the city's own officer. `row` is None of a whole file."""

    entry: Entry
    why: list[Why]
    row: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Released:
    """What became of an entry: its record's status, or what is wrong with it still."""

    entry: int
    status: Status | None
    why: list[Why]


class Quarantine:
    """The quarantine of one city."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._held = office.memory.quarantine

    def show(self, number: int) -> Opened:
        """One entry, opened. Raises: Problem `not-found`, `not-allowed` where it is sealed to another key."""
        entry = self._entry(number)
        why = reasons.read(entry.reasons)
        if entry.kept is None:
            return Opened(entry, why, None)
        kept = keeping.unsealed(self._office, entry.kept)
        row = keeping.row_of(kept)
        if row is None:
            return Opened(entry, why, kept["draft"])
        return Opened(entry, self._flaws(entry, kept) or why, row)

    def fix(self, number: int, changes: Mapping[str, str]) -> Released:
        """Change cells of an entry's row, and let it go.

        Raises: Problem `not-found`, `invalid` for a column that the row has not.
        """
        entry = self._entry(number)
        kept = self._kept(entry)
        row = keeping.row_of(kept)
        if row is None:
            raise Problem(
                Code.INVALID,
                "this is no row of a table; mend the message in the system that it is from, and it is read again",
            )
        for column, value in changes.items():
            if column not in row:
                raise Problem(
                    Code.INVALID, f"the row has no column {column}; it has {', '.join(row)}", where=column
                )
            if len(value) > CELL_CHARACTERS:
                raise Problem(Code.TOO_LARGE, "the value is too long for a cell", where=column)
            row[column] = value
        return self._let_go(entry, keeping.kept_row(row))

    def release(self, number: int) -> Released:
        """Let an entry go as it is: the city's file, the agreement or the node may be another by now."""
        entry = self._entry(number)
        return self._let_go(entry, self._kept(entry))

    def dismiss(self, number: int) -> None:
        """Set an entry aside without sending it; it comes back only when its row changes."""
        self._held.mended(self._entry(number).entry)

    # -- inside --------------------------------------------------------------------------------------

    def _entry(self, number: int) -> Entry:
        entry = self._held.entry(number)
        if entry is None or entry.city != self._office.city:
            raise Problem(Code.NOT_FOUND, f"nothing of {self._office.city} is in quarantine under {number}")
        return entry

    def _kept(self, entry: Entry) -> keeping.Kept:
        if entry.kept is None:
            raise Problem(
                Code.INVALID,
                "nothing is kept here that could be sent: the file is refused as a whole, or the row is larger than "
                "any record; mend it in its source, and it is read again with the next run",
            )
        return keeping.unsealed(self._office, entry.kept)

    def _let_go(self, entry: Entry, kept: keeping.Kept) -> Released:
        draft = self._draft(entry, kept)
        ready = make_ready(self._office, draft) if isinstance(draft, Draft) else draft
        if isinstance(ready, Why):
            return self._held_back(entry, [ready], kept)
        if not isinstance(ready, Ready):
            return self._held_back(entry, ready, kept)
        now = self._office.clock()
        reading = Reading(entry.city, entry.source, entry.unit, int(now.timestamp() * 1000))
        outbox = Outbox(self._office)
        outbox.resume()
        (sent,) = outbox.send(reading, [ready])
        if sent.problem is not None:
            return self._held_back(entry, [why_refused(sent.problem)], kept)
        self._held.mended(entry.entry)
        return Released(entry.entry, sent.status, [])

    def _flaws(self, entry: Entry, kept: keeping.Kept) -> list[Why]:
        """What is wrong in a row as it is kept: some of it may have been mended since its source was read."""
        try:
            found = self._draft(entry, kept)
        except Problem:
            return []
        return [] if isinstance(found, Draft) else found

    def _draft(self, entry: Entry, kept: keeping.Kept) -> Draft | list[Why]:
        row = keeping.row_of(kept)
        if row is None:
            return keeping.draft_again(kept)
        found = translation.read_again(self._office.dialect, entry.title, row)
        return found if isinstance(found, Draft) else [why_rejected(each) for each in found]

    def _held_back(self, entry: Entry, why: list[Why], kept: keeping.Kept) -> Released:
        self._held.change(entry.entry, reasons.written(why), keeping.sealed(self._office, kept))
        return Released(entry.entry, None, why)
