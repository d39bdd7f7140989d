"""What came of a city's file, put so that a person can mend it: outcomes go in, a bounded account comes out.

1. Counts add up: every row that was read is sent, refused or passed over, and `rows` is their sum.
2. The same flaw in the same column of the same sheet is one `Finding`, however many rows have it. A column that
   is not there at all is one finding, too: the cells that each row lacks for it are counted there.
3. Nothing of a row is kept but where it stands and the shapes of what is wrong: no value, no personal data.
4. Memory has bounds whatever the file's length; what no longer found room is counted and said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final, TypeAlias

from adapters.dialect import Dialect
from adapters.drafts import NO_ROW, Draft, Note, Place, Reason, Rejection
from adapters.formats import Archive, Form, JsonList
from adapters.formats.form import shown_name
from adapters.translation import Outcome, form_of, read
from schemas.kinds import kind as kind_of
from schemas.kinds import warnings as advice_on

SHAPES: Final = 40
"""Shapes of one finding that are kept, each with its places."""
FINDINGS: Final = 200
REMARKS: Final = 400
"""Different findings and remarks of one file that are kept."""
RUNS: Final = 300
"""Runs of lines of one finding that are kept,"""
SHAPE_RUNS: Final = 30
"""and of one of its shapes."""
WATCHED: Final = 500
"""Outcomes after which whoever watches is told again."""

Watch: TypeAlias = Callable[[int], None]
_INDEX: Final = re.compile(r"\[\d+\]")
_OF_THE_FILE: Final = frozenset(
    {Reason.MISSING_COLUMN, Reason.UNFINISHED, Reason.NOT_JSON, Reason.FORBIDDEN_MARKUP, Reason.BAD_ARCHIVE}
)
"""What is never wrong with one row alone, though a line is named."""


class Lines:
    """Line numbers as they come, in runs (5 to 7, 12); the last of very many are only counted."""

    __slots__ = ("_most", "left_out", "runs")

    def __init__(self, most: int = RUNS) -> None:
        self.runs: list[tuple[int, int]] = []
        self.left_out = 0
        self._most = most

    def add(self, line: int | None) -> None:
        """One more line; the one that was last is not counted again."""
        if line is None:
            return
        first, last = self.runs[-1] if self.runs else (0, -2)
        if line == last + 1:
            self.runs[-1] = (first, line)
        elif line != last:
            if len(self.runs) < self._most:
                self.runs.append((line, line))
            else:
                self.left_out += 1


@dataclass(frozen=True, slots=True)
class Shape:
    """What several rejections of a finding share: the column, the value's shape and what to do; and their places."""

    column: str
    shape: str
    zh: str
    en: str
    lines: Lines = field(default_factory=lambda: Lines(SHAPE_RUNS), compare=False)

    def advice(self, language: str) -> str:
        return self.en if language == "en" else self.zh


@dataclass(slots=True)
class Finding:
    """One flaw of one column of a sheet, and the rows that have it; without rows it is the file's own."""

    sheet: str
    column: str
    reason: Reason
    zh: str
    en: str
    rows: int = 0
    lines: Lines = field(default_factory=Lines)
    kept: dict[Shape, Shape] = field(default_factory=dict)
    crowded: bool = False
    """Whether there are shapes for which there was no room."""
    alike: bool = True
    """Whether all of its rejections have the same advice."""
    heading: int | None = None
    """The line of a heading that lacks the column, or where the file itself is at fault."""
    last_unit: int = -1

    def advice(self, language: str) -> str:
        return self.en if language == "en" else self.zh

    def add(self, line: int | None, shape: Shape) -> None:
        """One more rejection."""
        self.alike = self.alike and (self.zh, self.en) == (shape.zh, shape.en)
        kept = self.kept.get(shape)
        if kept is None:
            if len(self.kept) >= SHAPES:
                self.crowded = True
                return
            kept = self.kept[shape] = shape
        kept.lines.add(line)

    @property
    def shapes(self) -> list[Shape]:
        """The shapes that were kept, in the order in which they came."""
        return list(self.kept)


@dataclass(slots=True)
class Remark:
    """Something to know that refuses nothing: a note, a reminder of a schema, a value put in, a column left out."""

    zh: str
    en: str
    sheet: str = ""
    column: str = ""
    kind: str = ""
    value: str = ""
    times: int = 0
    rows: int = 0
    lines: Lines = field(default_factory=Lines)

    def text(self, language: str) -> str:
        return self.en if language == "en" else self.zh


Remarks: TypeAlias = dict[tuple[str, str], Remark]
"""By sheet and what tells one from another."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A rejection in a list of all of them."""

    line: int | None
    sheet: str
    reason: Reason
    shape: Shape


class Findings:
    """The account of one file. `listed` is how many rejections are kept one by one, besides."""

    def __init__(self, name: str, form: Form | None, listed: int = 0) -> None:
        self.name = shown_name(name)
        self.form = form
        self.kinds: Counter[str] = Counter()
        self.recipients: Counter[str] = Counter()
        self.unaddressed = 0
        self.sent = 0
        self.refused = 0
        self.passed = 0
        self.rejections = 0
        self.passed_over: Remarks = {}
        self.notes: Remarks = {}
        self.reminders: Remarks = {}
        self.supplied: Remarks = {}
        self.not_carried: Remarks = {}
        self.left_out = 0
        """Rejections and remarks of sorts for which there was no room."""
        self.listed: list[Listed] = []
        self._listed = listed
        self._findings: dict[tuple[str, str, Reason, str], Finding] = {}
        self._unit = 0
        self._row: object = NO_ROW

    @property
    def rows(self) -> int:
        """Rows that were read: sent, refused and passed over together."""
        return self.sent + self.refused + self.passed

    @property
    def clean(self) -> bool:
        return not self.rejections

    @property
    def counts_items(self) -> bool:
        """Whether a place is an item's number in a list rather than a line."""
        form = self.form.of if isinstance(self.form, Archive) else self.form
        return isinstance(form, JsonList)

    @property
    def findings(self) -> list[Finding]:
        """What concerns the file as a whole first, then by the number of rows."""
        return sorted(self._findings.values(), key=lambda each: (each.heading is None, -each.rows))

    def take(self, outcome: Outcome) -> None:
        """Count one outcome."""
        match outcome:
            case Draft():
                self._take_draft(outcome)
            case Rejection():
                self._take_rejection(outcome)
            case Note():
                self._take_note(outcome)

    def _take_draft(self, draft: Draft) -> None:
        self.sent += 1
        self.kinds[draft.kind] += 1
        self.recipients.update(draft.recipients)
        self.unaddressed += not draft.recipients
        place = draft.place
        for warning in advice_on(kind_of(draft.kind, draft.version), draft.body):
            self._remark(self.reminders, warning.code, place, warning.zh, warning.en)
        for each in draft.supplied:
            kept = self._remark(
                self.supplied, f"{each.field} {each.en}", place, each.zh, each.en, column=each.field
            )
            if kept is not None:
                kept.kind = draft.kind
                kept.value = each.value if kept.times == 1 or kept.value == each.value else ""
        for name in draft.not_carried:
            self._remark(self.not_carried, name, place, "", "", column=name)

    def _take_rejection(self, rejection: Rejection) -> None:
        self.rejections += 1
        own = self._is_of_a_row(rejection)
        if own and self._is_another_row(rejection):
            self._unit += 1
            self.refused += 1
        place, column = rejection.place, shown_name(rejection.field)
        shape = Shape(column, rejection.shape, rejection.zh, rejection.en)
        if len(self.listed) < self._listed:
            self.listed.append(Listed(place.row, shown_name(place.sheet or ""), rejection.reason, shape))
        finding = self._finding(rejection)
        if finding is None:
            self.left_out += 1
            return
        if not own:
            finding.heading = place.row or 0
            return
        if finding.last_unit != self._unit:
            finding.last_unit = self._unit
            finding.rows += 1
        finding.lines.add(place.row)
        if finding.reason is rejection.reason:
            finding.add(place.row, shape)

    def _finding(self, rejection: Rejection) -> Finding | None:
        """The finding that a rejection belongs to; of a cell whose column is not there, the column's.

        What does not fit a schema is told by its advice, which is one of the schema's own sentences.
        """
        sheet = shown_name(rejection.place.sheet or "")
        column = shown_name(_INDEX.sub("[]", rejection.field))
        if rejection.reason is Reason.MISSING:
            lacking = self._findings.get((sheet, column, Reason.MISSING_COLUMN, ""))
            if lacking is not None:
                return lacking
        flaw = rejection.en if rejection.reason is Reason.INVALID else ""
        key = (sheet, column, rejection.reason, flaw)
        found = self._findings.get(key)
        if found is None and len(self._findings) < FINDINGS:
            found = Finding(sheet, column, rejection.reason, rejection.zh, rejection.en)
            self._findings[key] = found
        return found

    def _take_note(self, note: Note) -> None:
        self.passed += note.rows
        where = self.passed_over if note.rows else self.notes
        kept = self._remark(where, note.en, note.place, note.zh, note.en)
        if kept is not None:
            kept.rows += note.rows

    def _remark(
        self, where: Remarks, key: str, place: Place, zh: str, en: str, *, column: str = ""
    ) -> Remark | None:
        """The remark of that sort in that sheet, counted once more; None where there is no room for another."""
        sheet = shown_name(place.sheet or "")
        kept = where.get((sheet, key))
        if kept is None:
            if len(where) >= REMARKS:
                self.left_out += 1
                return None
            kept = where[sheet, key] = Remark(zh, en, sheet, shown_name(column))
        kept.times += 1
        kept.lines.add(place.row)
        return kept

    def _is_of_a_row(self, rejection: Rejection) -> bool:
        """Whether it is a row that is refused, rather than something about the file."""
        if self.form is None:
            return False
        if rejection.row is not NO_ROW or self.form.single:
            return True
        if rejection.place.row is None or rejection.reason in _OF_THE_FILE:
            return False
        if rejection.reason is Reason.NOT_XML:
            return rejection.field != "/"
        if rejection.reason is Reason.WRONG_FORMAT:
            return self.form.of.named if isinstance(self.form, Archive) else self.form.named
        return True

    def _is_another_row(self, rejection: Rejection) -> bool:
        """Rejections of one row follow each other and have one row; a file with one record is one row."""
        assert self.form is not None  # only then is it a row
        if self.form.single:
            return self.refused == 0
        same = rejection.row is not NO_ROW and rejection.row is self._row
        self._row = rejection.row
        return not same


def examined(
    dialect: Dialect, stream: BinaryIO, name: str, *, listed: int = 0, watch: Watch = lambda _rows: None
) -> Findings:
    """The account of a file in a seekable stream. `watch` is told of the rows read, now and then.

    Raises: Problem: `invalid` for a mistake in the city's file; nothing for what is in the stream.
    """
    account = Findings(name, form_of(dialect, stream), listed)
    for number, outcome in enumerate(read(dialect, stream, name=name)):
        account.take(outcome)
        if number % WATCHED == 0:
            watch(account.rows)
    return account
