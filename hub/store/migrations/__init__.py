"""How the tables came to be: Alembic revisions, applied when a store is opened.

A new table or column is a new file in `versions/`; a test compares the outcome with `tables.py` on both
engines, so that neither is forgotten.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect

from hub.store.engine import Database

FOLDER: Final = Path(__file__).parent
ADVISORY_LOCK: Final = 610_800
"""Processes that start together on PostgreSQL queue for this before they look at the tables."""


def upgrade(database: Database) -> None:
    """Bring the tables up to date; does nothing where they are."""
    with database.turn(), database.writer.begin() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        if _revision(connection) != newest():
            _run(connection)


def newest() -> str:
    """The revision that the tables are to have: the files in `versions/` begin with theirs."""
    return max(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _run(connection: Connection) -> None:
    # Alembic costs every process ten megabytes, and this is needed once in a version's life.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
