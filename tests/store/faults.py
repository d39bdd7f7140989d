"""A database that fails when it is told to: before it has done what was asked, or after."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
from sqlalchemy import event

from hub.store import migrations
from hub.store.engine import Database, open_database

Mode = Literal["failed", "failed but persisted"]


class FaultyDatabase(Database):
    """The production database with a writer that counts what it is asked, and fails at one step of it.

    A step is a statement, a bulk insert, a COPY or the commit. "Failed" fails before it is done, "failed but
    persisted" after.
    """

    def __init__(self, url: str) -> None:
        real = open_database(url)
        super().__init__(real.reader, real.writer, real._file)
        migrations.upgrade(self)
        self.steps: list[str] = []
        self._fail_at = -1
        self._mode: Mode = "failed"
        event.listen(self.writer, "do_execute", self._execute)
        event.listen(self.writer, "do_executemany", self._execute_many)
        event.listen(self.writer, "checkout", self._watch_copies)
        commit = self.writer.dialect.do_commit

        def do_commit(connection: Any) -> None:
            with self._step("COMMIT"):
                commit(connection)

        self.writer.dialect.do_commit = do_commit  # type: ignore[method-assign, assignment]

    def fail(self, step: int, mode: Mode) -> None:
        """Fail at that step, counted from now on; -1 for none."""
        self.steps.clear()
        self._fail_at, self._mode = step, mode

    @property
    def failed(self) -> bool:
        """Whether the step to fail at has come."""
        return 0 <= self._fail_at < len(self.steps)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        fails = len(self.steps) == self._fail_at
        self.steps.append(name)
        if fails and self._mode == "failed":
            raise self._error()
        yield
        if fails:
            raise self._error()

    def _error(self) -> Exception:
        error = sqlite3.OperationalError if self.is_sqlite else psycopg.OperationalError
        return error("injected: disk I/O error")

    def _execute(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        with self._step(statement.split("\n", maxsplit=1)[0][:40]):
            cursor.execute(statement, parameters)
        return True

    def _execute_many(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        with self._step(statement.split("\n", maxsplit=1)[0][:40]):
            cursor.executemany(statement, parameters)
        return True

    def _watch_copies(self, connection: Any, _record: Any, _proxy: Any) -> None:
        if self.is_sqlite:
            return
        step = self._step

        class Cursor(psycopg.Cursor[Any]):
            @contextmanager
            def copy(self, statement: Any, *arguments: Any, **named: Any) -> Iterator[Any]:
                with step(statement), super().copy(statement, *arguments, **named) as copy:
                    yield copy

        connection.cursor_factory = Cursor
