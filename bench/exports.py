"""Exports of any length, grown from a city's sample: the same rows again and again, told apart.

1. The sample is read to drafts and written as cells again, by the adapter itself.
2. Every row gets a local number of its own, and texts of its own wherever a column holds free text, so that a
   workbook's shared texts grow with its rows as they do in life.
3. The city's own format writes the rows, one by one where it can. Of an old workbook (.xls), which adapters
   only read, the heading is that of the new one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import openpyxl

from adapters.cells import each_name
from adapters.cities import DIALECTS, samples
from adapters.dialect import Dialect, Table
from adapters.drafts import Draft
from adapters.formats import Archive, CapAlert, Form, Sheets, SqlRows
from adapters.formats.form import Outgoing
from adapters.table_plan import TablePlan, plans_of
from adapters.translation import Outcome, read, read_rows
from adapters.writing import Carried, rows_of, write
from schemas.fields import Text

OLD_ROWS: Final = 65_536
"""Of a sheet in .xls, heading included."""
_PLACE: Final = "N000000000000"
_MARK: Final = "〔{}〕"
_MARK_LENGTH: Final = 8


@dataclass(frozen=True)
class Export:
    """`rows` rows of one table of a dialect in one of its formats; `old` is a workbook in .xls."""

    dialect: Dialect
    table: Table
    form: Form
    rows: int
    old: bool = False

    @property
    def suffix(self) -> str:
        return "xls" if self.old else self.form.suffix

    @property
    def name(self) -> str:
        """What it is called in a report, and is known by: city, table, format."""
        earlier = [_called(form) for form in self.dialect.forms_of(self.table) if form != self.form]
        own = "xls" if self.old else _called(self.form)
        return f"{self.dialect.city} {self.table.title} {own}" + (" again" if own in earlier else "")

    @property
    def is_file(self) -> bool:
        """Whether it is one file; alerts are a file each, and rows of a database none."""
        return not isinstance(self.form, CapAlert | SqlRows)

    def file(self, folder: Path) -> Path:
        """Where it is kept, by the name under which a city exports it."""
        return folder / self.name.replace(" ", "-") / f"{self.table.title}.{self.suffix}"

    def make(self, folder: Path) -> None:
        """Write the file, if it is one."""
        if not self.is_file:
            return
        path = self.file(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            if self.old:
                self._write_old(stream)
            else:
                self.form.write(stream, [self._outgoing(self.grown())])

    def outcomes(self, folder: Path) -> Iterator[Outcome]:
        """What the adapter says of it: this is what is measured."""
        if isinstance(self.form, CapAlert):
            for document in self.documents():
                yield from read(self.dialect, io.BytesIO(document))
        elif isinstance(self.form, SqlRows):
            yield from read_rows(self._alone, self.grown())
        else:
            with self.file(folder).open("rb") as stream:
                yield from read(self.dialect, stream, name=self.file(folder).name)

    def grown(self) -> Iterator[dict[str, Any]]:
        """The rows, by their columns' names."""
        for number, template in enumerate(islice(cycle(self._templates), self.rows), 1):
            cells = dict(template)
            cells[self._number] = f"{cells[self._number]}-{number}"
            for name in self._texts:
                if name in cells:
                    cells[name] += _MARK.format(number)
            yield cells

    def documents(self) -> Iterator[bytes]:
        """The alerts, a document each."""
        for number, template in enumerate(islice(cycle(self._alerts), self.rows), 1):
            yield template.replace(_PLACE.encode(), f"N{number:012}".encode())

    @cached_property
    def _alone(self) -> Dialect:
        """The dialect with this table in this format and nothing else."""
        table = replace(self.table, forms=(self.form,))
        return replace(self.dialect, tables=(table,), forms=(self.form,))

    @cached_property
    def plan(self) -> TablePlan:
        """The table made ready."""
        return plans_of(self._alone)[0]

    @cached_property
    def _templates(self) -> list[dict[str, Any]]:
        made = rows_of(self._alone, self.table.kind, map(_carried, self._sample()))
        return [cells for cells, _ in made]

    @cached_property
    def _alerts(self) -> list[bytes]:
        made = []
        for draft in self._sample():
            stream = io.BytesIO()
            record = replace(_carried(draft), body={**draft.body, "identifier": _PLACE})
            write(self._alone, [record], stream)
            made.append(stream.getvalue())
        return made

    def _sample(self) -> list[Draft]:
        city = self.dialect.city
        found = [
            outcome
            for name, content in samples(city).items()
            for outcome in read(DIALECTS[city], io.BytesIO(content), name=name)
            if isinstance(outcome, Draft) and outcome.table == self.table.title
        ]
        if not found:
            raise RuntimeError(f"{city} has no sample of {self.table.title}")
        return found

    @cached_property
    def _number(self) -> str:
        """The column that gets another number in every row."""
        return [name for name in each_name(self.table.number) if not name.startswith("@")][-1]

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        """Columns of free text, as far as the sample leaves room in them."""
        names = []
        for planned in self.plan.columns.columns:
            name, field = planned.column.name, planned.paths[0].field
            free = len(planned.paths) == 1 and planned.column.converter is None and type(field) is Text
            if not free or not isinstance(name, str) or name == self._number or planned.paths[0].slot:
                continue
            cells = [template[name] for template in self._templates if name in template]
            if all(isinstance(cell, str) and len(cell) + _MARK_LENGTH <= field.most for cell in cells):
                names.append(name)
        return tuple(names)

    def _outgoing(self, rows: Iterator[dict[str, Any]]) -> Outgoing:
        return Outgoing(self.table.title, self.table.at, self.plan.names, rows)

    def _write_old(self, stream: BinaryIO) -> None:
        new = io.BytesIO()
        self.form.write(new, [self._outgoing(iter(()))])
        heading = openpyxl.load_workbook(new).worksheets[0]
        book = import_module("xlwt").Workbook(encoding="utf-8")
        sheet = book.add_sheet(heading.title)
        for number, row in enumerate(heading.iter_rows(values_only=True)):
            for column, cell in enumerate(row):
                if cell is not None:
                    sheet.write(number, column, cell)
        for number, cells in enumerate(self.grown(), heading.max_row):
            for column, name in enumerate(self.plan.names):
                if cells.get(name) not in (None, ""):
                    sheet.write(number, column, cells[name])
            if number % 1000 == 0:
                sheet.flush_row_data()
        book.save(stream)


def exports(rows: int, *, every_table: bool) -> list[Export]:
    """Every dialect in every format, and every table of it or the first one."""
    found: list[Export] = []
    for spoken in DIALECTS.values():
        forms: set[Form] = set()
        for table in spoken.tables:
            for form in spoken.forms_of(table):
                fresh = form not in forms
                forms.add(form)
                if every_table or fresh:
                    found.append(Export(spoken, table, form, rows))
                if fresh and isinstance(form, Sheets):
                    heading = form.header_rows + bool(form.title)
                    found.append(Export(spoken, table, form, min(rows, OLD_ROWS - heading), old=True))
    return found


def _called(form: Form) -> str:
    match form:
        case Archive():
            return f"zip of {form.of.suffix}"
        case SqlRows():
            return "rows"
    return form.suffix


def _carried(draft: Draft) -> Carried:
    return Carried(
        draft.kind,
        draft.body,
        draft.private,
        draft.version,
        draft.local_number,
        recipients=draft.recipients,
        subject=draft.subject,
    )
