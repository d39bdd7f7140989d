"""Rows of a database's views, as they stream by.

1. The names of view and column come from the city's file, and are quoted by SQLAlchemy, never pasted.
2. The transaction cannot write, and sees one moment of the database however long it reads.
3. Rows come a thousand at a time. What no adapter could read (bytes, ranges) is refused by its column's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, Result, Select, column, literal_column, select, table

from adapters.formats import SqlRows
from hub.errors import Code, Problem
from hub.offices.places.closing import Closing
from hub.offices.places.database import database_refusals
from hub.offices.sources.source import Content, Unit

_ROWS_AT_ONCE: Final = 1_000
_CELLS: Final = frozenset(
    {type(None), str, int, float, bool, Decimal, date, datetime, time, timedelta, dict, list}
)
"""What adapters read; an inner list or object is looked at by them."""


class ViewSource(Closing):
    """The views of one source (`Source`)."""

    def __init__(self, name: str, engine: Engine, views: Sequence[SqlRows]) -> None:
        """Takes `engine` over, and disposes of it."""
        self.name = name
        self._who = f"source {name}"
        self._engine = engine
        self._views = views

    def units(self) -> Iterator[Unit]:
        for form in self._views:
            yield Unit(form.view, "", partial(self._parts, form))

    def close(self) -> None:
        self._engine.dispose()

    def _parts(self, form: SqlRows) -> Iterator[Content]:
        with self._selected(form) as result:
            yield self._rows(form, result)

    @contextmanager
    def _selected(self, form: SqlRows) -> Iterator[Result[Any]]:
        schema, _, name = form.view.rpartition(".")
        statement: Select[Any] = select(literal_column("*")).select_from(table(name, schema=schema or None))
        if form.order:
            statement = statement.order_by(column(form.order))
        told = partial(database_refusals, self._who, f"view {form.view}")
        with told():
            connection = self._engine.connect()
        try:
            with told():
                result = connection.execute(statement.execution_options(yield_per=_ROWS_AT_ONCE))
            try:
                yield result
            finally:
                with told():
                    result.close()
        finally:
            with told():
                connection.close()

    def _rows(self, form: SqlRows, result: Result[Any]) -> Iterator[Mapping[str, Any]]:
        view = form.view
        with database_refusals(self._who, f"view {view}"):
            names = tuple(result.keys())
            if form.order and form.order not in names:
                # SQLite takes a quoted name that it does not know for a text, and orders by that.
                raise Problem(
                    Code.INVALID, f"{self._who}: view {view} has no such column; look at the city's file"
                )
            for row in result:
                yield {
                    name: cell if type(cell) in _CELLS else self._cell(view, name, cell)
                    for name, cell in zip(names, row, strict=True)
                }

    def _cell(self, view: str, name: str, cell: Any) -> Any:
        if isinstance(cell, UUID):
            return str(cell)
        raise Problem(
            Code.INVALID,
            f"{self._who}: column {name} of view {view} has a type that cannot be read ({type(cell).__name__}); cast "
            "it to text in the view",
        )
