"""What a city's systems export, taken in: read, sent to the node, or put into quarantine.

For each unit (a file, a list, a view) of a source:
1. What was read to its end before, and has not changed, is passed over; a file under a new name keeps its rows.
2. Its rows become drafts or rejections (`adapters.translation`). A draft that says what was sent is passed over, any
   other becomes the record's first or next revision; what is rejected or refused goes into quarantine.
3. Rows that are gone are withdrawn where the dialect says so, and only if the unit was read whole, no row of it was
   unreadable, some row of the table is left, and no more are gone than the source allows.
4. The unit is remembered. A run that is ended anywhere before is repeated from the unit's beginning, and every step
   above leaves alone what was done.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, BinaryIO, Final, cast

import structlog

from adapters import translation
from adapters.dialect import Table
from adapters.drafts import Draft, Note, Place, Reason, Rejection
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.offices import keeping
from hub.offices.office import Office
from hub.offices.outbox import Outbox
from hub.offices.ready import Ready, make_ready
from hub.offices.reasons import why_refused
from hub.offices.settings import SourceSettings
from hub.offices.sources import Content, Unit, open_source
from hub.store.offices import Key, NewEntry, Reading, UnitSeen

AT_ONCE: Final = 400
"""Outcomes that are worked off together."""
QUARANTINED_AT_MOST: Final = 10_000
"""Rows of one unit that are kept: a file with more is mended as a whole."""
NOTES_AT_MOST: Final = 50
BLOCK_BYTES: Final = 1 << 20

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class UnitReport:
    """What became of a unit. Every row is in exactly one of the counts; `problem` says why it was not read whole."""

    source: str
    name: str
    passed_over: bool = False
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    quarantined: int = 0
    not_kept: int = 0
    """Of the quarantined rows, how many were too many to be kept: the file is to be mended."""
    mended_before: int = 0
    left_out: int = 0
    withdrawn: int = 0
    withheld: int = 0
    problem: Problem | None = None
    notes: list[Note] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """All rows that were read."""
        return (
            self.new + self.revised + self.unchanged + self.quarantined + self.mended_before + self.left_out
        )


@dataclass(frozen=True, slots=True)
class _Round:
    """A source while it is read: its units' names, and whether what has not changed is read again."""

    settings: SourceSettings
    names: frozenset[str]
    again: bool

    @property
    def source(self) -> str:
        return self.settings.access.name


@dataclass(slots=True)
class _Course:
    """A unit while it is read. `met` waits to be remembered: rows that are not sent are not gone either."""

    reading: Reading
    report: UnitReport
    kept: int = 0
    met: list[tuple[Key, str]] = field(default_factory=list)
    unreadable: bool = False
    """Whether some row's number is not known."""
    unfinished: bool = False
    tables: set[str] = field(default_factory=set)


class _UnreadError(Exception):
    """A unit that its source cannot give to its end."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class Intake:
    """Takes in what an office's sources have."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._outbox = Outbox(office)
        self._memory = office.memory
        self._tables = {table.title: table for table in office.dialect.tables}

    def run(self, settings: SourceSettings, *, again: bool = False) -> Iterator[UnitReport]:
        """Read one source. `again` reads what has not changed, too.

        Raises: Problem where the source, the node or the database cannot be reached. What is wrong with one unit
        is in its report.
        """
        self._outbox.resume()
        office = self._office
        with open_source(
            settings, office.dialect, office.environment, office.clock, office.scratch
        ) as source:
            units = list(source.units())
            this = _Round(settings, frozenset(unit.name for unit in units), again)
            for unit in units:
                yield self._take(this, unit)

    def _take(self, this: _Round, unit: Unit) -> UnitReport:
        now = self._office.clock()
        report = UnitReport(this.source, unit.name)
        reading = Reading(self._office.city, this.source, unit.name, int(now.timestamp() * 1000))
        course = _Course(reading, report)
        before = None if this.again else self._before(reading)
        if before is not None and unit.stamp and before.stamp == unit.stamp:
            report.passed_over = True
            return report
        seen = UnitSeen(unit.name, unit.stamp, b"", self._office.meaning)
        try:
            for content in _parts(unit):
                if unit.stamp and isinstance(content, io.IOBase):
                    # A list has no stamp: that its first pages are as they were says nothing of those behind them.
                    seen = replace(seen, digest=_digest(content))
                    if not this.again and self._is_known(this, reading, seen, before):
                        report.passed_over = True
                        return report
                self._read(course, content)
        except _UnreadError as unread:
            report.problem = unread.problem
            logger.warning("unit_not_read", **_named(course), code=str(unread.problem.code))
            return report
        if course.unfinished:
            report.problem = Problem(Code.BUSY, "the file was not finished; it is read again the next time")
            return report
        self._withdraw(course, this.settings)
        self._memory.rows.finish(reading, seen, rfc3339(now))
        logger.info(
            "unit_read",
            **_named(course),
            new=report.new,
            revised=report.revised,
            unchanged=report.unchanged,
            quarantined=report.quarantined,
            withdrawn=report.withdrawn,
        )
        return report

    def _before(self, reading: Reading) -> UnitSeen | None:
        """The unit as it was when it was last read, by this dialect and version."""
        seen = self._memory.rows.unit(reading.city, reading.source, reading.unit)
        return seen if seen is not None and seen.dialect == self._office.meaning else None

    def _is_known(self, this: _Round, reading: Reading, seen: UnitSeen, before: UnitSeen | None) -> bool:
        """Whether a file's bytes were read to their end before, under this name or one that is gone."""
        at = rfc3339(self._office.clock())
        if before is not None:
            if before.digest != seen.digest:
                return False
            self._memory.rows.restamp(reading.city, reading.source, seen, at)
            return True
        for other in self._memory.rows.units_like(reading.city, reading.source, seen.digest):
            if other.name not in this.names and other.dialect == seen.dialect:
                self._memory.rows.rename_unit(reading.city, reading.source, other.name, seen, at)
                return True
        return False

    def _read(self, course: _Course, content: Content) -> None:
        dialect, unit = self._office.dialect, course.reading.unit
        if isinstance(content, io.IOBase):
            outcomes = translation.read(dialect, cast(BinaryIO, content), name=unit)
        else:
            rows = cast(Iterable[Mapping[str, Any]], content)
            outcomes = translation.read_rows(dialect, _given(rows), view=unit)
        by_row = _by_row(outcomes)
        while batch := list(islice(by_row, AT_ONCE)):
            self._work_off(course, batch)

    def _work_off(self, course: _Course, batch: Sequence[Draft | Note | list[Rejection]]) -> None:
        ready: list[Ready] = []
        rejected: list[list[Rejection]] = []
        entries: list[NewEntry] = []
        for outcome in batch:
            if isinstance(outcome, Note):
                course.report.left_out += outcome.rows
                if len(course.report.notes) < NOTES_AT_MOST:
                    course.report.notes.append(outcome)
            elif isinstance(outcome, Draft):
                course.tables.add(outcome.table)
                made = make_ready(self._office, outcome)
                if isinstance(made, Ready):
                    ready.append(made)
                else:
                    content = self._office.contents.of("row", outcome.table, keeping.kept_draft(outcome))
                    entries.append(keeping.entry_of_refusal(self._office, outcome, content, made))
                    course.met.append((Key(outcome.system, outcome.local_number), outcome.table))
            else:
                rejected.append(outcome)
        self._reject(course, rejected)
        entries += self._send(course, ready)
        self._quarantine(course, entries)
        self._memory.rows.met(course.reading, course.met)
        course.met.clear()

    def _send(self, course: _Course, ready: Sequence[Ready]) -> list[NewEntry]:
        """Send what is new; entries for what was refused."""
        office, report = self._office, course.report
        refusals = {each.key: keeping.refused_content(office, each.content) for each in ready}
        known = self._memory.quarantine.known(course.reading, list(refusals.values()))
        waiting = [each for each in ready if refusals[each.key] in known]
        for each in waiting:
            course.met.append((each.key, each.draft.table))
            report.mended_before += known[refusals[each.key]]
            report.quarantined += not known[refusals[each.key]]
        self._memory.quarantine.meet(course.reading, [refusals[each.key] for each in waiting])
        by_key = {each.key: each for each in ready if refusals[each.key] not in known}
        entries: list[NewEntry] = []
        for sent in self._outbox.send(course.reading, list(by_key.values())):
            each = by_key[sent.key]
            if sent.problem is None:
                report.new += sent.status == "new"
                report.revised += sent.status == "revised"
                report.unchanged += sent.status == "unchanged"
                continue
            why = why_refused(sent.problem)
            entries.append(keeping.entry_of_refusal(office, each.draft, refusals[sent.key], why))
            course.met.append((each.key, each.draft.table))
        return entries

    def _reject(self, course: _Course, rejected: Sequence[list[Rejection]]) -> None:
        """Put rejected rows into quarantine."""
        entries: list[NewEntry] = []
        for found in rejected:
            first = found[0]
            table = self._tables.get(first.table)
            if any(each.reason is Reason.UNFINISHED for each in found):
                course.unfinished = True
            if not first.local_number or table is None:
                course.unreadable = True
            else:
                key = Key(self._office.dialect.system_of(table), first.local_number)
                course.met.append((key, first.table))
            if course.kept + len(entries) < QUARANTINED_AT_MOST:
                entries.append(keeping.entry_of_rejections(self._office, found))
            else:
                course.report.quarantined += 1
                course.report.not_kept += 1
        self._quarantine(course, entries)

    def _quarantine(self, course: _Course, entries: Sequence[NewEntry]) -> None:
        """Keep entries, except those that were mended here before and stand in the unit as they were."""
        known = self._memory.quarantine.known(course.reading, [each.content for each in entries])
        mended = [each.content for each in entries if known.get(each.content)]
        held = [each for each in entries if not known.get(each.content)]
        course.report.mended_before += len(mended)
        course.report.quarantined += len(held)
        course.kept += len(held)
        self._memory.quarantine.meet(course.reading, mended)
        self._memory.quarantine.put(course.reading, held, rfc3339(self._office.clock()))

    def _withdraw(self, course: _Course, settings: SourceSettings) -> None:
        """Withdraw what is gone (rule 3)."""
        for table in self._office.dialect.tables:
            gone = (
                self._memory.rows.missing(course.reading, table.title) if table.vanished == "withdraw" else []
            )
            why = _why_withheld(course, table, len(gone), settings.withdraw_at_most)
            if why is not None:
                course.report.withheld += len(gone)
                course.report.notes.append(why)
                continue
            if not gone:
                continue
            for sent in self._outbox.withdraw(course.reading, gone):
                course.report.withdrawn += sent.problem is None
                course.report.withheld += sent.problem is not None


def _by_row(outcomes: Iterable[Draft | Rejection | Note]) -> Iterator[Draft | Note | list[Rejection]]:
    """Outcomes, with the rejections of one row together."""
    together: list[Rejection] = []
    for outcome in outcomes:
        if isinstance(outcome, Rejection):
            if together and not _of_one_row(together[0], outcome):
                yield together
                together = []
            together.append(outcome)
            continue
        if together:
            yield together
            together = []
        yield outcome
    if together:
        yield together


def _of_one_row(first: Rejection, other: Rejection) -> bool:
    return (
        first.place == other.place
        and first.place.row is not None
        and (first.table, first.local_number) == (other.table, other.local_number)
    )


def _parts(unit: Unit) -> Iterator[Content]:
    """A unit's contents. Raises: _UnreadError."""
    try:
        yield from unit.parts()
    except Problem as problem:
        raise _UnreadError(problem) from problem


def _given(rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Rows, while their source gives them. Raises: _UnreadError."""
    try:
        yield from rows
    except Problem as problem:
        raise _UnreadError(problem) from problem


def _digest(stream: Any) -> bytes:
    """The digest of a file."""
    digest = hashlib.sha256()
    while block := stream.read(BLOCK_BYTES):
        digest.update(block)
    stream.seek(0)
    return digest.digest()


def _why_withheld(course: _Course, table: Table, gone: int, at_most: int) -> Note | None:
    """Why rows that are gone are not withdrawn, None where they are."""
    if not gone:
        return None
    if course.unreadable:
        zh, en = "有的行编号无法读取，请先改正", "some row's number could not be read; mend it first"
    elif table.title not in course.tables:
        zh, en = (
            "来源中已无该表的任何一行，请核对导出是否完整",
            "no row of the table is left; see whether the export is whole",
        )
    elif gone > at_most:
        zh = f"超过一次最多撤回的 {at_most} 条；确需撤回时请调大 withdraw_at_most"
        en = f"that is more than {at_most} at once; raise withdraw_at_most if they are to be withdrawn"
    else:
        return None
    return Note(
        Place(),
        f"{table.title}：有 {gone} 行在来源中消失，未撤回：{zh}",
        f"{table.title}: {gone} rows are gone from the source and were not withdrawn: {en}",
    )


def _named(course: _Course) -> Mapping[str, Any]:
    return {"city": course.reading.city, "source": course.reading.source}
