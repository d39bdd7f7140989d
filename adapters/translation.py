"""A city's files -> drafts and rejections, and records -> a city's files. This is the whole of the engine.

Reading, for every row of a file:
1. The format gives it, or a rejection in its place (`formats`).
2. Its columns are matched with the dialect's (`tables_found`); what is no row is noted and counted.
3. Every cell is read; a number that came before in its system is refused.
4. The body and the private part are held against their schemas; what fails is told by column.
Whatever the bytes are, nothing is raised, and every row is a draft, has rejections, or is counted in a note.

Writing goes the same way back and is then read again: what comes back changed or not at all is a `Loss`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO, Final

from adapters.column_plan import Met
from adapters.dialect import Dialect
from adapters.drafts import Draft, Note, Place, Reason, Rejection, reject
from adapters.formats import Csv, SqlRows
from adapters.formats.form import HEAD_BYTES, Entry, Form, Item, Line
from adapters.limits import ROWS
from adapters.rows import draft_or_flaws, refused, unkept
from adapters.table_plan import TablePlan, plans_of
from adapters.tables_found import Found, Grid, Named
from adapters.values import Flaw
from hub.errors import Code, Problem

Outcome = Draft | Rejection | Note

_ROW_BITS: Final = 40
"""Of the number that says where a local number was first seen; the rest is the sheet."""
_WEB_PAGE: Final = (
    "网页（HTML），请用 Excel 打开后另存为 .xlsx",
    "a web page: open it in Excel, save it as .xlsx",
)
_LOOKS_LIKE: Final = (
    (b"<!doctype html", *_WEB_PAGE),
    (b"<html", *_WEB_PAGE),
    (b"<table", *_WEB_PAGE),
    (b"%pdf", "PDF，请改用原始表格", "a PDF: take the table itself"),
    (
        b"\xd0\xcf\x11\xe0",
        "旧版 Office 文件，本市不用此格式",
        "an old Office file, which this city does not use",
    ),
    (b"pk\x03\x04", "压缩包或 Excel 文件，本市不用此格式", "a zip or workbook, which this city does not use"),
)


def read(dialect: Dialect, stream: BinaryIO, *, name: str = "") -> Iterator[Outcome]:
    """What a city's file says, row for row, as it streams by.

    The stream is seekable; `name` is the file's, for dialects whose columns need it. Rejections of one row
    follow each other. Raises: Problem: `invalid` for a mistake in the city's file; nothing for the stream.
    """
    plans = plans_of(dialect)
    form = form_of(dialect, stream)
    if form is None:
        yield _unrecognised(dialect, stream.read(HEAD_BYTES))
        return
    meant = tuple(plan for plan in plans if any(map(form.shares_a_file, dialect.forms_of(plan.table))))
    yield from _Reading(meant, form, name).outcomes(form.read(stream))


def read_rows(dialect: Dialect, rows: Iterable[Mapping[str, Any]], *, view: str = "") -> Iterator[Outcome]:
    """The same for rows that a database session gave, for tables whose form is `SqlRows`.

    `view` is the one that the rows are of; without it their columns tell. Raises: Problem: `invalid` for a
    dialect without such a view.
    """
    forms = dict.fromkeys(form for table in dialect.tables for form in dialect.forms_of(table))
    views = [form for form in forms if isinstance(form, SqlRows) and view in ("", form.view)]
    if not views:
        raise Problem(Code.INVALID, f"{dialect.name} has no table that is read from a database view {view}")
    meant = tuple(
        plan for plan in plans_of(dialect) if any(form in views for form in dialect.forms_of(plan.table))
    )
    yield from _Reading(meant, views[0], "").outcomes(views[0].entries(rows))


def read_again(dialect: Dialect, table: str, row: Mapping[str, str]) -> Draft | list[Rejection]:
    """A row that was kept with a rejection, as it is or mended; `table` is the rejection's.

    Raises: Problem: `not-found` if the dialect has no such table.
    """
    for plan in plans_of(dialect):
        if plan.table.title == table:
            named = any(form.named for form in dialect.forms_of(plan.table))
            cells = {name: unkept(text) for name, text in row.items()} if named else row
            return draft_or_flaws(plan, cells, Place())
    raise Problem(Code.NOT_FOUND, f"{dialect.name} has no table {table}")


def form_of(dialect: Dialect, stream: BinaryIO) -> Form | None:
    """Which of a city's formats a seekable stream is in, by what it holds; None for none of them."""
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    forms = dict.fromkeys(form for table in dialect.tables for form in dialect.forms_of(table))
    for form in sorted(forms, key=lambda form: isinstance(form, Csv)):
        known = bool(head.strip()) and form.recognises(head, stream)
        stream.seek(0)
        if known:
            return form
    return None


def _unrecognised(dialect: Dialect, head: bytes) -> Rejection:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return reject(Place(), "", Reason.WRONG_FORMAT, zh="文件是空的", en="the file is empty")
    for magic, zh, en in _LOOKS_LIKE:
        if start.startswith(magic):
            return reject(Place(), "", Reason.WRONG_FORMAT, zh=f"看来是{zh}", en=f"it looks like {en}")
    forms = dict.fromkeys(form.suffix for table in dialect.tables for form in dialect.forms_of(table))
    wanted = ", ".join(f".{suffix}" for suffix in forms if suffix)
    zh = f"请核对是否选对了文件和城市；{dialect.name}的文件格式为：{wanted}"
    return reject(
        Place(), "", Reason.WRONG_FORMAT, zh=zh, en=f"check file and city; this city's files are: {wanted}"
    )


class _Reading:
    """One file while it is read: numbers seen, rows passed over."""

    def __init__(self, plans: tuple[TablePlan, ...], form: Form, file_name: str) -> None:
        self._plans = plans
        self._form = form
        self._file = file_name
        self._named = Named(plans, file_name)
        self._grid: Grid | None = None
        self._sheets: list[str | None] = [None]
        self._seen: dict[int, int] = {}
        self._rows = 0
        self._empty = 0
        self._not_meant = 0
        self._older = 0

    def outcomes(self, items: Iterator[Item]) -> Iterator[Outcome]:
        """What came of every item, and of the file; something always did."""
        came = False
        for outcome in self._all(items):
            came = True
            yield outcome
        if not came:
            yield Note(Place(), "文件中没有数据行", "the file has no rows")

    def _all(self, items: Iterator[Item]) -> Iterator[Outcome]:
        for item in items:
            if isinstance(item, Draft):
                yield self._whole(item)
                continue
            if isinstance(item, Rejection | Note):
                yield item
                continue
            for found in self._found(item):
                if isinstance(found, Found):
                    yield from self._row(found)
                elif isinstance(found, Note) and not found.zh:
                    self._empty += found.rows
                else:
                    yield found
            if self._rows > ROWS:
                yield reject(Place(), "", Reason.TOO_LARGE, zh=f"超过 {ROWS} 行，此后未读，请拆分后导出")
                break
        else:
            yield from self._finished()
        yield from self._counted()

    def _found(self, item: Line | Entry) -> Iterator[Found | Rejection | Note]:
        if isinstance(item, Entry):
            yield from self._named.take(item)
            return
        if self._grid is None or item.place.sheet != self._sheets[-1]:
            yield from self._end_of_grid()
            self._sheets.append(item.place.sheet)
            self._grid = Grid(self._form, self._plans, self._file, item.place.sheet)
        yield from self._grid.take(item)

    def _end_of_grid(self) -> Iterator[Found | Rejection | Note]:
        if self._grid is not None:
            yield from self._grid.finish()

    def _finished(self) -> Iterator[Outcome]:
        for found in self._end_of_grid():
            if isinstance(found, Found):
                yield from self._row(found)
            elif isinstance(found, Note) and not found.zh:
                self._empty += found.rows
            else:
                yield found

    def _row(self, found: Found) -> Iterator[Draft | Rejection]:
        self._rows += 1
        plans = found.heading.plans
        plan = next((plan for plan in plans if plan.is_meant(found.cells)), None)
        plan = plan or next((plan for plan in plans if plan.may_be_meant(found.cells)), None)
        if plan is None:
            self._not_meant += 1
            return
        outcome = draft_or_flaws(plan, found.cells, found.place, found.heading.left_by(plan))
        number = outcome.local_number if isinstance(outcome, Draft) else outcome[0].local_number
        earlier = self._first_with(plan, number, found.place)
        if earlier is not None and self._form.newest and earlier.sheet != found.place.sheet:
            self._older += 1
            return
        if earlier is not None:
            there = earlier.row is not None
            zh = f"与{earlier.text()}编号相同，请核对两行" if there else ""
            en = f"the same number as {earlier.text('en')}; compare the two rows" if there else ""
            name = plan.number_column
            row = outcome.row if isinstance(outcome, Draft) else outcome[0].row
            yield refused(
                plan, found.place, Met(name, None, Flaw(Reason.DUPLICATE_NUMBER, zh, en)), number, row
            )
        if isinstance(outcome, Draft):
            if earlier is None:
                yield outcome
        else:
            yield from outcome

    def _first_with(self, plan: TablePlan, number: str, place: Place) -> Place | None:
        """Where the row stands that had the number first, if another had.

        Numbers are remembered by 64 bits of a keyed hash: with 500,000 rows the chance that two that differ
        meet is one in 100 million.
        """
        if not number:
            return None
        key = hash((plan.system, number))
        earlier = self._seen.get(key)
        if earlier is None:
            self._seen[key] = (len(self._sheets) - 1) << _ROW_BITS | (place.row or 0)
            return None
        sheet, row = divmod(earlier, 1 << _ROW_BITS)
        return Place(row or None, self._sheets[sheet])

    def _whole(self, draft: Draft) -> Draft:
        plan = next((plan for plan in self._plans if plan.kind.name == draft.kind), self._plans[0])
        return replace(
            draft, system=plan.system, table=plan.table.title,
            recipients=draft.recipients or plan.table.recipients.cities,
        )  # fmt: skip

    def _counted(self) -> Iterator[Note]:
        if self._older:
            zh = f"{self._older} 行的编号在较新的工作表中也有，以较新的为准"
            en = f"{self._older} rows have numbers that a newer sheet has, too; the newer row counts"
            yield Note(Place(), zh, en, self._older)
        if self._empty:
            yield Note(
                Place(),
                f"空行 {self._empty} 行，已跳过",
                f"{self._empty} empty rows were left out",
                self._empty,
            )
        if self._not_meant:
            zh = f"{self._not_meant} 行不属于要交换的类型，未转换"
            yield Note(Place(), zh, f"{self._not_meant} rows are not of the kind exchanged", self._not_meant)
