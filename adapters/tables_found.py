"""Rows out of what a format gives: headings found, titles and sums told apart, names matched.

A grid's heading is the place within its first `TITLE_ROWS` rows where most names fit a table; what stands
above it is the title. Below, a row whose first cell is a word like 合计 is passed over, and so is a heading
that comes again (files joined end to end have it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from unicodedata import normalize

from adapters.dialect import FILE_COLUMN, PSEUDO
from adapters.drafts import Note, Place, Reason, Rejection, reject
from adapters.formats.form import Entry, Form, Line
from adapters.heading import Heading, composed, fits, match, needed_columns, told
from adapters.limits import TITLE_ROWS
from adapters.rows import KeptRow
from adapters.table_plan import TablePlan, compared
from adapters.values.convert import LOST
from adapters.values.month import month_of

_HEADING_ROWS = range(1, 6)
_SUMS = ("合计", "总计", "小计", "累计")
"""A row that begins with one of these alone is a sum, even if it counts in the column of the numbers."""


class Found(NamedTuple):
    """A row of a table."""

    place: Place
    heading: Heading
    cells: dict[str, Any]


class Grid:
    """One sheet or CSV file while its lines come."""

    def __init__(self, form: Form, plans: tuple[TablePlan, ...], file_name: str, sheet: str | None) -> None:
        self._form = form
        self._foot = tuple(normalize("NFKC", word) for word in form.foot)
        self._plans = plans
        self._file = file_name
        self._sheet = sheet
        self._waiting: list[Line] = []
        self._heading: Heading | None = None
        self._number_at: int | None = None

    def take(self, line: Line) -> Iterator[Found | Rejection | Note]:
        """The row of a line, if it is one; lines before the heading wait until it is found."""
        if self._heading is not None:
            yield from self._row(line)
            return
        self._waiting.append(line)
        if len(self._waiting) >= TITLE_ROWS + self._form.header_rows:
            yield from self._begin()

    def finish(self) -> Iterator[Found | Rejection | Note]:
        """What still waits when the sheet ends."""
        if self._heading is None and self._waiting:
            yield from self._begin()

    def _begin(self) -> Iterator[Found | Rejection | Note]:
        lines, self._waiting = self._waiting, []
        found = self._find(lines)
        if found is None:
            if self._sheet is not None and len(lines) < 3:
                yield Note(Place(sheet=self._sheet), "没有表格，已跳过", "no table here; left out")
                return
            yield self._unfound(lines)
            self._heading = Heading((), (), ())
            return
        first, rows, plans = found
        names = composed([line.cells for line in lines[first : first + rows]])
        heading = match(plans, names)
        title = " ".join(_text(cell) for line in lines[:first] for cell in line.cells if _text(cell))
        sheet = self._sheet or ""
        month = month_of(sheet, title, self._file)
        values = dict(zip(PSEUDO, (self._file, sheet, title, month), strict=True))
        used = {name for plan in plans for name in plan.pseudo}
        last = [_text(cell) for cell in lines[first + rows - 1].cells]
        self._heading = Heading(
            heading.plans, heading.keys, heading.unknown, heading.absent, tuple(last),
            {name: values[name] for name in used},
        )  # fmt: skip
        number = plans[0].number_column
        self._number_at = heading.keys.index(number) if number in heading.keys else None
        yield from told(self._heading, lines[first + rows - 1].place)
        for line in lines[first + rows :]:
            yield from self._row(line)

    def _find(self, lines: Sequence[Line]) -> tuple[int, int, tuple[TablePlan, ...]] | None:
        """Where the heading begins, its rows and its tables.

        It has as many rows as the form says if these have all that is needed, else as many as have most.
        """
        best: tuple[int, int, int, tuple[TablePlan, ...]] = (0, 0, 0, ())
        for counts in ((self._form.header_rows,), _HEADING_ROWS):
            whole = False
            for rows in counts:
                for first in range(max(0, len(lines) - rows + 1)):
                    names = composed([line.cells for line in lines[first : first + rows]])
                    score, plans = fits(self._plans, names)
                    if score > best[0]:
                        best = (score, first, rows, plans)
                        absent = match(plans, names).absent
                        whole = any(not absent & needed_columns(plan) for plan in plans)
            if whole:
                break
        return best[1:] if best[0] else None

    def _unfound(self, lines: Sequence[Line]) -> Rejection:
        plan = self._plans[0]
        needed = needed_columns(plan)
        wanted = "、".join([name for name in plan.names if name in needed][:12])
        return reject(
            Place(lines[0].place.row if lines else None, self._sheet),
            "",
            Reason.WRONG_FORMAT,
            zh=f"没有找到表头；应有的列：{wanted}",
            en=f"no heading was found; columns that are needed: {wanted}",
        )

    def _row(self, line: Line) -> Iterator[Found | Rejection | Note]:
        heading = self._heading
        assert heading is not None  # only then are rows read
        if not heading.plans:
            return
        cells = line.cells
        first = next((cell for cell in cells if cell not in (None, "")), None)
        if first is None:
            yield Note(line.place, "", "", rows=1)
            return
        if line.cut and len(cells) < len(heading.keys) and not self._is_foot(first, cells):
            yield reject(line.place, "", Reason.UNFINISHED)
            return
        if line.damaged:
            yield _broken(line.place, heading, heading.cells(cells), Reason.ENCODING)
            return
        if isinstance(first, str):
            if self._is_foot(first, cells):
                yield Note(
                    line.place,
                    "合计、备注等表尾行，已跳过",
                    "a sum or remark below the table was left out",
                    1,
                )
                return
            if self._is_heading(cells):
                yield Note(line.place, "表头重复出现，已跳过", "the heading comes again; left out", 1)
                return
        if len(cells) > len(heading.keys) and any(
            cell not in (None, "") for cell in cells[len(heading.keys) :]
        ):
            if self._form.exact_width:
                row = {**heading.cells(cells), **_surplus(cells, len(heading.keys))}
                yield _broken(line.place, heading, row, Reason.BROKEN_ROW)
                return
            yield Found(line.place, heading, {**heading.cells(cells), **_surplus(cells, len(heading.keys))})
            return
        yield Found(line.place, heading, heading.cells(cells))

    def _is_foot(self, first: Any, cells: Sequence[Any]) -> bool:
        if not isinstance(first, str):
            return False
        word = normalize("NFKC", "".join(first.split()))
        if not word.startswith(self._foot):
            return False
        at = self._number_at
        return word in _SUMS or at is None or at >= len(cells) or cells[at] in (None, "", first)

    def _is_heading(self, cells: Sequence[Any]) -> bool:
        at, heading = self._number_at, self._heading
        if (
            heading is None
            or at is None
            or at >= len(cells)
            or at >= len(heading.texts)
            or not heading.texts[at]
        ):
            return False
        return _text(cells[at]) == heading.texts[at] and (
            sum(map(_same, cells, heading.texts)) * 2 > sum(1 for text in heading.texts if text)
        )


class Named:
    """The objects of a list while they come."""

    def __init__(self, plans: tuple[TablePlan, ...], file_name: str) -> None:
        self._plans = plans
        self._file = file_name
        self._headings: dict[tuple[str, tuple[str, ...]], Heading] = {}
        self._told: set[str] = set()

    def take(self, entry: Entry) -> Iterator[Found | Rejection | Note]:
        """The row of an entry."""
        if entry.repeated:
            yield reject(entry.place, entry.repeated[0][:60], Reason.REPEATED)
            return
        key = (entry.at, tuple(entry.cells))
        heading = self._headings.get(key)
        if heading is None:
            heading = self._heading(*key)
            if len(self._headings) < TITLE_ROWS * 100:
                self._headings[key] = heading
            fresh = [name for name in heading.unknown if name not in self._told]
            self._told.update(fresh)
            yield from (
                Note(
                    entry.place,
                    f"不认识“{name}”这一项，其内容不会发送",
                    f"{name} is not known and is not sent",
                )
                for name in fresh[:50]
            )
        if not heading.plans:
            yield reject(
                entry.place,
                entry.at,
                Reason.WRONG_FORMAT,
                zh="该项不是所需的对象",
                en="not an object of this table",
            )
            return
        cells = heading.cells(list(entry.cells.values()))
        if any(LOST in name for name in entry.cells):
            yield _broken(entry.place, heading, cells, Reason.ENCODING)
            return
        yield Found(entry.place, heading, cells)

    def _heading(self, at: str, names: tuple[str, ...]) -> Heading:
        plans = tuple(plan for plan in self._plans if plan.table.at == at) or self._plans
        tops = {name.split(".")[0] for plan in plans for name in plan.names}
        if len(plans) > 1:
            plans = fits(plans, names)[1] or plans[:1]
        heading = match(plans, names)
        unknown = tuple(name for name in heading.unknown if name not in tops)
        used = {name for plan in plans for name in plan.pseudo}
        pseudo = {name: {FILE_COLUMN: self._file}.get(name, "") for name in used}
        return Heading(plans, heading.keys, unknown, pseudo=pseudo)


def _broken(place: Place, heading: Heading, row: dict[str, Any], reason: Reason) -> Rejection:
    """A row that cannot be read as one, kept as far as it goes."""
    flaw = reject(place, "", reason)
    return replace(flaw, table=heading.plans[0].table.title, row=KeptRow(row))


def _surplus(cells: Sequence[Any], width: int) -> dict[str, Any]:
    return {
        f"第{number}列": cell
        for number, cell in enumerate(cells[width:], width + 1)
        if cell not in (None, "")
    }


def _same(cell: Any, text: str) -> bool:
    return bool(text) and _text(cell) == text


def _text(cell: Any) -> str:
    return "" if cell is None else compared(str(cell))
