"""A table of a dialect made ready for its rows: columns, local number, recipients, what it passes over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final
from unicodedata import normalize

from adapters.cells import each_name, fetched
from adapters.column_plan import ColumnPlan, Met
from adapters.dialect import PSEUDO, Dialect, Table
from adapters.drafts import Reason, Supplied
from adapters.members import Known, known_members
from adapters.values import Flaw, plain
from adapters.values.convert import LOST, holds_lost, shown
from hub.errors import Code, Problem
from schemas.kinds import Kind
from schemas.kinds import kind as kind_of


@dataclass(frozen=True, eq=False)
class TablePlan:
    """What the engine asks of a table, row for row."""

    dialect: Dialect
    table: Table
    kind: Kind
    columns: ColumnPlan

    @property
    def system(self) -> str:
        return self.dialect.system_of(self.table)

    @property
    def number_column(self) -> str:
        """The column of the local number, the last one if there are several."""
        return each_name(self.table.number)[-1]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every column that the table knows of, in its order."""
        table = self.table
        more = [table.recipients.column, *table.only]
        if table.subject is not None:
            more.append(table.subject.column)
        own = tuple(self.columns.names())
        number = [name for name in each_name(table.number) if name not in own]
        names = [*number, *own, *(name for name in more if name)]
        return tuple(dict.fromkeys(name for name in names if not name.startswith("@")))

    @cached_property
    def pseudo(self) -> tuple[str, ...]:
        """The columns that every file has (`PSEUDO`), as far as the table uses them."""
        given = (
            *each_name(self.table.number),
            *self.columns.names(),
            self.table.recipients.column,
            *self.table.only,
        )
        return tuple(name for name in PSEUDO if name in given)

    @cached_property
    def members(self) -> Known:
        """The names that columns have within the objects of a row, by the name of the object."""
        return {name: within for name, within in known_members(self.table.columns).items() if within}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Every name, in the form in which names are compared, and the column that it stands for."""
        known = {compared(other): name for other, name in self.columns.aliases()}
        return {**known, **{compared(name): name for name in self.names}}

    def local_number(self, cells: Mapping[str, Any]) -> tuple[str, Met | None]:
        """The number that names the row in its system, or what is wrong with it."""
        parts = []
        for name in each_name(self.table.number):
            cell = fetched(cells, name)
            try:
                text = None if cell is None else plain(cell)
            except Flaw as flaw:
                return "", Met(name, cell, flaw)
            if text is None:
                return "", Met(
                    name, None, Flaw(Reason.MISSING, "没有编号的行无法登记，请补填", "number the row")
                )
            if LOST in text:
                return "", Met(name, cell, Flaw(Reason.ENCODING))
            parts.append(text)
        return "-".join(parts), None

    def recipients(self, cells: Mapping[str, Any], met: list[Met]) -> tuple[str, ...]:
        """To whom the row goes, its own city left out."""
        named = self.table.recipients
        cell = fetched(cells, named.column) if named.column else None
        found: Sequence[str] | None = None
        if cell is not None and cell != "":
            try:
                found = named.converter.read(cell)
            except Flaw as flaw:
                met.append(Met(named.column, cell, flaw))
        cities = named.cities if found is None else found
        return tuple(dict.fromkeys(city for city in cities if city is not None and city != self.dialect.city))

    def subject(self, cells: Mapping[str, Any]) -> tuple[str | None, Met | None]:
        """The local number of what the row answers."""
        named = self.table.subject
        if named is None:
            return None, None
        cell = fetched(cells, named.column)
        try:
            text = None if cell is None else plain(cell)
        except Flaw as flaw:
            return None, Met(named.column, cell, flaw)
        if text is None and self.kind.subject_required:
            return None, Met(named.column, None, Flaw(Reason.MISSING))
        return text, None

    def is_meant(self, cells: Mapping[str, Any]) -> bool:
        """Whether the table takes the row (`only`)."""
        return all(
            compared(shown(fetched(cells, name))) in [compared(word) for word in words]
            for name, words in self.table.only.items()
        )

    def may_be_meant(self, cells: Mapping[str, Any]) -> bool:
        """Whether the table might take the row, if what tells that had not been lost."""
        return any(holds_lost(fetched(cells, name)) for name in self.table.only)

    def supplied(self, used: Sequence[Any]) -> tuple[Supplied, ...]:
        """The constants that were put in."""
        return tuple(_supplied(path.text, str(dict(self._constants())[path.text])) for path in used)

    def _constants(self) -> Iterator[tuple[str, Any]]:
        for path, value in self.columns.constants:
            yield path.text, value


@cache
def _supplied(path: str, value: str) -> Supplied:
    return Supplied(path, value, "城市文件中的固定值", "a constant of the city's file")


def plan_table(dialect: Dialect, table: Table) -> TablePlan:
    """Raises: Problem: `invalid` with what is wrong in the city's file, `unknown-kind`."""
    try:
        kind = kind_of(table.kind, table.version)
        columns = ColumnPlan(kind, table.columns, table.constants)
    except Problem as problem:
        raise Problem(
            problem.code, f"{dialect.name} {table.title}: {problem.detail}", where=problem.where
        ) from problem
    if kind.subject_required and table.subject is None and table.columns:
        raise Problem(Code.INVALID, f"{dialect.name} {table.title}: a subject is wanted", where="subject")
    return TablePlan(dialect, table, kind, columns)


_MADE: Final[dict[int, tuple[Dialect, tuple[TablePlan, ...]]]] = {}
"""By identity: dialects hold converters, which are not compared."""


def plans_of(dialect: Dialect) -> tuple[TablePlan, ...]:
    """All tables of a dialect made ready, once."""
    made = _MADE.get(id(dialect))
    if made is None or made[0] is not dialect:
        made = (dialect, tuple(plan_table(dialect, table) for table in dialect.tables))
        _MADE[id(dialect)] = made
    return made[1]


def compared(name: str) -> str:
    """A column's name as names are compared: half-width, without white space and marks of what is required."""
    return re.sub(r"[\s*★::]+", "", normalize("NFKC", name)).lower()
