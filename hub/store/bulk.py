"""Many rows at once, in the way that each driver does fastest.

SQLAlchemy compiles the statement; the rows go to the driver as they are: `executemany` on SQLite, `COPY` on
PostgreSQL. Both take tuples in the order of the table's columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert `rows`, each a tuple with a value for every column of `table` in its order.

    Raises: SQLAlchemy's errors on either engine. Those of `COPY`, which quote the row, are told by name only.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_sqlite_insert(table), list(rows))
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    try:
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
    except connection.dialect.loaded_dbapi.Error as error:
        raise OperationalError(f"COPY {table.name}", None, Exception(type(error).__name__)) from None


@cache
def _sqlite_insert(table: Table) -> str:
    return str(insert(table).compile(dialect=sqlite.dialect(paramstyle="qmark")))
