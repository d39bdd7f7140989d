"""Writing .xlsx in memory through XlsxWriter: every text is a text cell, which no program takes for a formula.

Nothing is put into temporary files, which would leave personal data behind. The same rows give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import xlsxwriter

from adapters.formats.form import Outgoing

_WHEN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SHEET_NAME: Final = 31
_A4: Final = 9
_WIDEST: Final = 40
_LOOKED_AT: Final = 200
"""Rows by whose cells the columns get their widths."""


def write_workbook(stream: BinaryIO, outgoing: Sequence[Outgoing], title: str, header_rows: int) -> None:
    """A sheet for each, with a title, a heading merged as its names say, and rows."""
    with _book(stream) as book:
        bold = book.add_format(
            {"bold": True, "align": "center", "valign": "vcenter", "border": 1, "text_wrap": True}
        )
        for table in outgoing:
            sheet = book.add_worksheet((table.at or table.name)[:_SHEET_NAME])
            first = 0
            if title:
                _merged(sheet, (0, 0, 0, len(table.columns) - 1), title, bold)
                first = 1
            _heading(sheet, first, table.columns, header_rows, bold)
            sheet.freeze_panes(first + header_rows, 0)
            _for_printing(sheet, first, first + header_rows - 1)
            widths = [_width(name.rpartition("/")[2]) for name in table.columns]
            for number, row in enumerate(table.rows, first + header_rows):
                cells = [row.get(name) for name in table.columns]
                _row(sheet, number, cells)
                if number < _LOOKED_AT:
                    widths = list(map(max, widths, map(_width, cells)))
            for column, width in enumerate(widths):
                sheet.set_column(column, column, width)


def workbook_of(grids: Mapping[str, Iterable[Sequence[str]]]) -> bytes:
    """A workbook with those grids of text as its sheets."""
    stream = io.BytesIO()
    with _book(stream) as book:
        for name, grid in grids.items():
            sheet = book.add_worksheet(name[:_SHEET_NAME])
            for number, row in enumerate(grid):
                _row(sheet, number, row)
    return stream.getvalue()


def _book(stream: BinaryIO) -> Any:
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    book.set_properties({"created": _WHEN.replace(tzinfo=None)})
    return book


def _row(sheet: Any, number: int, cells: Iterable[Any]) -> None:
    for column, cell in enumerate(cells):
        if cell is None or cell == "":
            continue
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            sheet.write_number(number, column, cell)
        else:
            sheet.write_string(number, column, str(cell))


def _for_printing(sheet: Any, first: int, last: int) -> None:
    """On its side, with the heading on every page."""
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.repeat_rows(first, last)


def _width(cell: Any) -> int:
    """The room that a cell's longest line needs, in half-width characters."""
    lines = "" if cell is None else str(cell)[: _WIDEST * 4]
    longest = max(
        (sum(2 if mark >= "\u2e80" else 1 for mark in line) for line in lines.split("\n")), default=0
    )
    return min(longest + 2, _WIDEST)


def _heading(sheet: Any, first: int, names: Sequence[str], rows: int, form: Any) -> None:
    """Names with slashes over several rows; equal neighbours, and what has fewer rows, become one cell."""
    parts = [name.split("/", rows - 1) if rows > 1 else [name] for name in names]
    for level in range(rows):
        column = 0
        while column < len(parts):
            last = column
            if len(parts[column]) > level:
                while last + 1 < len(parts) and _same_group(parts[column], parts[last + 1], level):
                    last += 1
                lowest = rows - 1 if len(parts[column]) == level + 1 else level
                where = (first + level, column, first + lowest, last)
                _merged(sheet, where, parts[column][level], form)
            column = last + 1


def _same_group(one: Sequence[str], other: Sequence[str], level: int) -> bool:
    return len(one) > level + 1 and len(other) > level + 1 and one[: level + 1] == other[: level + 1]


def _merged(sheet: Any, where: tuple[int, int, int, int], text: str, form: Any) -> None:
    top, left, bottom, right = where
    if (top, left) == (bottom, right):
        sheet.write_string(top, left, text, form)
    else:
        sheet.merge_range(top, left, bottom, right, text, form)
