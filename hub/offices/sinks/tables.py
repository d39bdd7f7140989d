"""Rows of a table in a city's database.

1. All rows of one call are written in one transaction, or none.
2. A row replaces those with its key; of rows with one key the last counts. So doing it again changes nothing.
3. Names are those of the table as it is in the database; a cell for which it has no column is refused. What a
   cell's text means there (a date, a number) is for the database to say.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    TableClause,
    and_,
    bindparam,
    cast,
    column,
    delete,
    exc,
    insert,
    inspect,
    table,
)

from hub.errors import Code, Problem
from hub.offices.places.closing import Closing
from hub.offices.places.database import database_refusals

_ROWS_AT_ONCE: Final = 500
_KEY: Final = "key_"


@dataclass(frozen=True, slots=True)
class _Target:
    """A table as the database has it: its columns' names, and how a row is found by its key."""

    clause: TableClause
    columns: frozenset[str]
    found: ColumnElement[bool]


class TableSink(Closing):
    """The database of one sink."""

    def __init__(self, name: str, engine: Engine) -> None:
        """Takes `engine` over, and disposes of it."""
        self.name = name
        self._who = f"sink {name}"
        self._engine = engine

    def put(self, name: str, content: BinaryIO) -> None:
        """Refused: a database takes rows. Raises: Problem `invalid`."""
        raise Problem(
            Code.INVALID, f"{self._who}: a database takes rows, not files; the city's form must be SqlRows"
        )

    def put_rows(self, name: str, key: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows, each by column, into the table `name` (`schema.table` if need be); `key` names its columns.

        Raises: Problem `not-found` without such a table, `invalid` for a column that it does not have, a row
        without its key or a value that it refuses; `not-allowed`, `busy`.
        """
        with database_refusals(self._who, f"table {name}"), self._engine.begin() as connection:
            target = self._target(connection, name, key)
            remaining = iter(rows)
            while batch := list(islice(remaining, _ROWS_AT_ONCE)):
                self._write(connection, target, key, batch)

    def close(self) -> None:
        self._engine.dispose()

    def _target(self, connection: Connection, name: str, key: tuple[str, ...]) -> _Target:
        schema, _, bare = name.rpartition(".")
        with warnings.catch_warnings():
            # A column of a type that SQLAlchemy does not know is no matter, its text goes there all the same.
            warnings.simplefilter("ignore", exc.SAWarning)
            reflected = inspect(connection).get_columns(bare, schema=schema or None)
        types = {each["name"]: each["type"] for each in reflected}
        if not key or not types.keys() >= set(key):
            raise Problem(Code.INVALID, f"{self._who}: table {name} does not have all columns of the key")
        clause = table(bare, *map(column, types), schema=schema or None)
        by_type = connection.dialect.name == "postgresql"  # which compares no number with a text
        found = and_(
            *(
                clause.c[each]
                == (cast(bindparam(_KEY + each), types[each]) if by_type else bindparam(_KEY + each))
                for each in key
            )
        )
        return _Target(clause, frozenset(types), found)

    def _write(
        self, connection: Connection, target: _Target, key: tuple[str, ...], batch: list[Mapping[str, Any]]
    ) -> None:
        last = {tuple(each.values()): row for each, row in self._keyed(target, key, batch)}
        keys = [{_KEY + name: cell for name, cell in zip(key, cells, strict=True)} for cells in last]
        names = dict.fromkeys(name for row in last.values() for name in row)
        connection.execute(delete(target.clause).where(target.found), keys)
        connection.execute(
            insert(target.clause),
            [{name: _cell(row.get(name)) for name in names} for row in last.values()],
        )

    def _keyed(
        self, target: _Target, key: tuple[str, ...], batch: list[Mapping[str, Any]]
    ) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
        for row in batch:
            unknown = sorted(row.keys() - target.columns)
            if unknown:
                raise Problem(
                    Code.INVALID,
                    f"{self._who}: table {target.clause.name} has no column {', '.join(unknown)}; add it, or take it "
                    "out of the city's file",
                )
            cells = {name: _cell(row.get(name)) for name in key}
            if None in cells.values():
                raise Problem(Code.INVALID, f"{self._who}: a row for table {target.clause.name} has no key")
            yield cells, row


def _cell(value: Any) -> Any:
    """A cell as both databases take it."""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value
