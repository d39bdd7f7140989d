"""The memory of cities' offices, opened as a whole."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from hub.errors import Code, Problem
from hub.store import migrations
from hub.store.engine import open_database
from hub.store.offices.ledger import Ledger
from hub.store.offices.quarantine import Quarantine
from hub.store.offices.rows import SentRows
from hub.store.offices.sinks import Sinks


class OfficeMemory:
    """What was read and sent (`rows`), what was not (`quarantine`), and what was given (`sinks`)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.rows = SentRows(ledger)
        self.quarantine = Quarantine(ledger)
        self.sinks = Sinks(ledger)

    @staticmethod
    def open(url: str) -> OfficeMemory:
        """Open the database at `url`, bringing its tables up to date; no log is begun in it.

        Raises: Problem `invalid` for a URL of another sort, `not-found` where its folder is not there, `busy` where the
        database does not answer.
        """
        try:
            database = open_database(url)
        except OSError as error:
            raise Problem(
                Code.NOT_FOUND,
                f"the database cannot be opened: its folder is not there, or closed ({error.strerror})",
            ) from error
        try:
            migrations.upgrade(database)
        except BaseException as error:
            database.close()
            if isinstance(error, SQLAlchemyError):
                raise Problem(
                    Code.BUSY, f"the database cannot be opened ({type(error).__name__})", retry_after=5
                ) from error
            raise
        return OfficeMemory(Ledger(database))

    def close(self) -> None:
        self._ledger.close()
