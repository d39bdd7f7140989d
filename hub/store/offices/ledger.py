"""How the memory of offices reads and writes: in short transactions of its own, in the writers' fair order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import Code, Problem
from hub.store.engine import Database


class Ledger:
    """One database; raises Problem `busy` where it does not answer, `invalid` for a text that is none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self._database.check()
        try:
            with self._database.reader.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _unanswered() from error
        except UnicodeEncodeError as error:
            raise _no_text() from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back where anything is raised."""
        try:
            with self._database.turn(), self._database.writer.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _unanswered() from error
        except UnicodeEncodeError as error:
            raise _no_text() from error


def _no_text() -> Problem:
    return Problem(
        Code.INVALID, "a name or number has half a character (a lone surrogate), which no database holds"
    )


def _unanswered() -> Problem:
    return Problem(Code.BUSY, "the database does not answer", retry_after=5)
