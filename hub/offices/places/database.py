"""A city's database: SQLite in a file, or PostgreSQL, read in a transaction that cannot write.

Databases that are not tested here are refused by name: their rows come as files or over HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
from sqlalchemy import URL, Engine, NullPool, create_engine, event, exc, make_url

from hub.errors import Code, Problem
from hub.offices.places.secret import read_secret
from hub.offices.settings import Access

_POSTGRESQL: Final = "postgresql+psycopg"
_SQLITE: Final = "sqlite"
_MISSING: Final = frozenset({"42P01", "3F000", "3D000"})  # table, schema, database
_REFUSED: Final = frozenset({"28000", "28P01", "42501"})  # login, password, privilege
_LOGIN: Final = re.compile(
    r"authentication failed|pg_hba\.conf|no password supplied|role .* does not exist|认证"
)
"""A login that failed has no code in the driver's error; its words are the server's, in its language."""


def open_engine(access: Access, who: str, *, writing: bool) -> Engine:
    """An engine that holds no connection between uses; dispose of it.

    Raises: Problem `invalid`, `not-found` (an SQLite file), `not-allowed` (the password's file).
    """
    try:
        url = make_url(access.url)
        backend = url.get_backend_name()
    except Exception as error:
        raise Problem(Code.INVALID, f"{who}: url cannot be read") from error
    if backend == _SQLITE:
        return _sqlite(url, access, who, writing=writing)
    if url.drivername == _POSTGRESQL:
        return _postgresql(url, access, who, writing=writing)
    raise Problem(
        Code.INVALID,
        f"{who}: url must be sqlite:///FILE or postgresql+psycopg://…; export to files from others",
    )


def _sqlite(url: URL, access: Access, who: str, *, writing: bool) -> Engine:
    if not url.database or not Path(url.database).is_file():
        raise Problem(Code.NOT_FOUND, f"{who}: there is no database file at url")
    path = f"file:{quote(str(Path(url.database).resolve()))}"
    held = URL.create(url.drivername, database=path, query={"mode": "rw" if writing else "ro", "uri": "true"})
    engine = create_engine(
        held, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": access.timeout_seconds}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions of its own accord: the `begin` event does.
        connection.isolation_level = None
        connection.execute(f"PRAGMA query_only={'OFF' if writing else 'ON'}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgresql(url: URL, access: Access, who: str, *, writing: bool) -> Engine:
    seconds = access.timeout_seconds
    arguments: dict[str, Any] = {
        "connect_timeout": max(2, seconds),
        "keepalives_idle": seconds,
        "keepalives_interval": max(1, seconds // 3),
        "keepalives_count": 3,
    }
    if access.ca is not None:
        if not access.ca.is_file():
            raise Problem(Code.NOT_FOUND, f"{who}: there is no {access.ca}")
        arguments |= {"sslmode": "verify-full", "sslrootcert": str(access.ca)}
    if access.password_file is not None:
        url = url.set(password=read_secret(who, access.password_file))
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        mode = "READ WRITE" if writing else "ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        connection.exec_driver_sql(f"SET TRANSACTION {mode}")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{int(seconds)}s'")

    return engine


@contextmanager
def database_refusals(who: str, what: str) -> Iterator[None]:
    """Turn what SQLAlchemy or a driver raises into a `Problem`; `what` names the view or table."""
    try:
        yield
    except exc.NoSuchTableError as error:
        raise _missing(who, what) from error
    except exc.SQLAlchemyError as error:
        raise _problem(who, what, error) from error
    except (psycopg.OperationalError, OSError) as error:
        raise _gone(who) from error
    except (psycopg.Error, ValueError, OverflowError) as error:
        raise Problem(
            Code.INVALID,
            f"{who}: {what} holds a value that cannot be read ({type(error).__name__}); cast it in the view",
        ) from error


def _missing(who: str, what: str) -> Problem:
    return Problem(Code.NOT_FOUND, f"{who}: there is no {what}, or this user may not see it")


def _problem(who: str, what: str, error: exc.SQLAlchemyError) -> Problem:
    cause = getattr(error, "orig", None)
    state = getattr(cause, "sqlstate", None)
    words = str(cause)
    if state in _MISSING or "no such table" in words or "unknown database" in words:
        return _missing(who, what)
    if state in _REFUSED or (state is None and _LOGIN.search(words)):
        return Problem(
            Code.NOT_ALLOWED, f"{who}: the database refuses this user; look at url, password_file and rights"
        )
    if state == "42703" or "no such column" in words:
        return Problem(Code.INVALID, f"{who}: {what} has no such column; look at the city's file")
    if isinstance(error, exc.DataError | exc.IntegrityError | exc.StatementError) and not isinstance(
        error, exc.OperationalError | exc.InterfaceError | exc.InternalError
    ):
        return Problem(
            Code.INVALID,
            f"{who}: {what} holds or refuses a value ({type(cause).__name__}); look at its columns",
        )
    return _gone(who)


def _gone(who: str) -> Problem:
    return Problem(Code.BUSY, f"{who}: the database does not answer as it should; the next run tries again")
