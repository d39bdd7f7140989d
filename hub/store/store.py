"""The store as the rest of the house sees it: questions in, answers out, and one door for writing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint
from hub.log.tree import EMPTY_ROOT, CompactRange
from hub.store import migrations, reading
from hub.store.appender import Appender, Committed, Job
from hub.store.awaited import Awaited
from hub.store.engine import Database, open_database
from hub.store.moving import Moving
from hub.store.neighbours import Neighbours
from hub.store.reading import Delivery, Head, Page, Revision, Selection
from hub.store.recovering import Recovering
from hub.store.tables import log_head
from hub.store.transaction import SignCheckpoint

T = TypeVar("T")


class Store:
    """A node's database. Any number of processes may hold one each on the same database.

    Arguments: the database, whose tables must be there; `origin`, the log's name; `sign`, which turns a
    checkpoint into a signed note.
    """

    def __init__(self, database: Database, origin: str, sign: SignCheckpoint) -> None:
        self._database = database
        self._begin_log(origin, sign)
        self._appender = Appender(database, sign)

    @staticmethod
    def open(url: str, origin: str, sign: SignCheckpoint) -> Store:
        """Open the database at `url`, bringing its tables up to date.

        Raises: Problem `invalid` for a URL of another sort, `busy` where the database does not answer,
        `conflict` where it holds the log of another node.
        """
        database = open_database(url)
        try:
            migrations.upgrade(database)
            return Store(database, origin, sign)
        except BaseException as error:
            database.close()
            if isinstance(error, SQLAlchemyError):
                raise Problem(
                    Code.BUSY, f"the database cannot be opened ({type(error).__name__})", retry_after=5
                ) from error
            raise

    def close(self) -> None:
        """Finish what is queued and let go of the database."""
        self._appender.close()
        self._database.close()

    def write(self, job: Job[T]) -> Committed[T]:
        """Do `job` in a transaction that it may share with others; returns when it is on disk."""
        return self._appender.do(job)

    # -- questions -----------------------------------------------------------------------------------

    def head(self) -> Head:
        with self._reading() as connection:
            return reading.head(connection)

    def page(self, selection: Selection, at: str) -> Page:
        with self._reading() as connection:
            return reading.page(connection, selection, at)

    def revisions(self, record_id: str, cities: Collection[str]) -> list[Revision]:
        with self._reading() as connection:
            return reading.revisions(connection, record_id, cities)

    def contents(self, indexes: Sequence[int], at: str) -> dict[int, str | None]:
        with self._reading() as connection:
            return reading.contents(connection, indexes, at)

    def delivery(self, index: int, digest: str, cities: Collection[str]) -> list[Delivery]:
        with self._reading() as connection:
            return reading.delivery(connection, index, digest, cities)

    def lines(self, start: int, end: int) -> list[bytes]:
        with self._reading() as connection:
            return list(reading.lines(connection, start, end))

    def tile(self, level: int, number: int) -> bytes | None:
        with self._reading() as connection:
            return reading.tile(connection, level, number)

    def ask(self, question: Callable[[Neighbours], T]) -> T:
        """Ask about other nodes."""
        with self._reading() as connection:
            return question(Neighbours(connection))

    def ask_moving(self, question: Callable[[Moving], T]) -> T:
        """Ask about what a city that moves takes along."""
        with self._reading() as connection:
            return question(Moving(connection))

    def recall(self, question: Callable[[Recovering], T]) -> T:
        """Ask about what is to be put in order again."""
        with self._reading() as connection:
            return question(Recovering(connection))

    def ask_awaited(self, question: Callable[[Awaited], T]) -> T:
        """Ask about answers that alerts wait for."""
        with self._reading() as connection:
            return question(Awaited(connection))

    def quarantined(self) -> int:
        with self._reading() as connection:
            return reading.quarantined(connection)

    # -- inside --------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._database.check()
        try:
            with self._database.reader.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise Problem(Code.BUSY, "the database does not answer", retry_after=5) from error

    def _begin_log(self, origin: str, sign: SignCheckpoint) -> None:
        """Make the empty log's head, once; refuse a database that holds another node's log."""
        with self._database.turn(), self._database.writer.begin() as connection:
            if not self._database.is_sqlite:
                connection.exec_driver_sql("LOCK TABLE log_head IN EXCLUSIVE MODE")
            held = connection.execute(select(log_head.c.origin)).scalar()
            if held is None:
                connection.execute(
                    insert(log_head).values(
                        one=1,
                        origin=origin,
                        size=0,
                        frontier=CompactRange().to_bytes(),
                        checkpoint=sign(Checkpoint(origin, 0, EMPTY_ROOT)),
                    )
                )
            elif held != origin:
                raise Problem(Code.CONFLICT, f"this database holds the log of {held}, not of {origin}")
