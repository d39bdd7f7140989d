"""How each database is opened, and how a writer waits for its turn.

SQLite: WAL, `synchronous=FULL`; a writer takes a lock file first, since SQLite's own lock is polled and
unfair (waits of 0.4 s were measured with two processes), then `BEGIN IMMEDIATE`. PostgreSQL: the head row,
`FOR UPDATE`. Either way one writer at a time, so that a transaction may read before it writes.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, event, make_url

from hub.errors import Code, Problem

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=3000",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=8000",  # pages: pages that many commits touch are written back once
)


WRITER_CACHE = "PRAGMA cache_size=-32768"
"""In KiB, for the one connection that writes: the index on ids, which may be random, stays in memory longer."""


class Turn:
    """A fair lock between processes on one host: the kernel queues those who wait for `flock`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inside = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._inside:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)


class Database:
    """The two engines of one database: `reader` for questions, `writer` for the one who writes."""

    def __init__(self, reader: Engine, writer: Engine, file: Path | None) -> None:
        self.reader = reader
        self.writer = writer
        self._turn = None if file is None else Turn(file.with_name(file.name + ".turn"))
        self._file = file
        self._opened = None if file is None else _identity(file)

    @property
    def is_sqlite(self) -> bool:
        return self.writer.dialect.name == "sqlite"

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold this while writing.

        Raises: Problem `busy` where the file is no longer the one that was opened.
        """
        with self._turn() if self._turn is not None else nullcontext():
            self.check()
            yield

    def check(self) -> None:
        """Notice a file that was moved or replaced: what is written to it nobody would find again.

        Raises: Problem `busy`.
        """
        if self._file is not None and _identity(self._file) != self._opened:
            # Whoever asks gets to read this: it does not say where the file is.
            raise Problem(Code.BUSY, "the database's file was moved, replaced or deleted", retry_after=60)

    def close(self) -> None:
        self.reader.dispose()
        self.writer.dispose()


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_database(url: str) -> Database:
    """Open `sqlite:///path` or `postgresql+psycopg://…`; the tables must be there (`migrations.upgrade`).

    Raises: Problem (invalid) for any other URL.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    return _open_postgresql(parsed)


def parse_url(url: str) -> URL:
    """The URL as SQLAlchemy reads it, restricted to the two engines that the store is tested on."""
    try:
        parsed = make_url(url)
    except Exception as error:
        raise Problem(Code.INVALID, "the database URL cannot be read", where="/database") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    if parsed.drivername == "postgresql+psycopg":
        return parsed
    raise Problem(
        Code.INVALID,
        "the database must be sqlite:///FILE or postgresql+psycopg://…",
        where="/database",
    )


def _open_sqlite(url: URL) -> Database:
    path = Path(url.database or "").resolve()
    path.touch(mode=0o600)
    # Nobody but this line makes the file: where it is gone, a new connection must not find an empty one.
    held = url.set(database=f"file:{quote(str(path))}").update_query_dict({"mode": "rw", "uri": "true"})
    reader = create_engine(held, pool_size=8, max_overflow=8, hide_parameters=True)
    writer = create_engine(held, pool_size=1, max_overflow=0, hide_parameters=True)

    def prepare(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions of its own accord: the `begin` events below do.
        connection.isolation_level = None
        for pragma in SQLITE_PRAGMAS:
            connection.execute(pragma)

    def enlarge(connection: Any, _record: Any) -> None:
        connection.execute(WRITER_CACHE)

    for engine in (reader, writer):
        event.listen(engine, "connect", prepare)
    event.listen(writer, "connect", enlarge)
    event.listen(reader, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    event.listen(writer, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return Database(reader, writer, path)


def _open_postgresql(url: URL) -> Database:
    reader = create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True, hide_parameters=True)
    writer = create_engine(url, pool_size=1, max_overflow=1, pool_pre_ping=True, hide_parameters=True)
    return Database(reader, writer, None)
