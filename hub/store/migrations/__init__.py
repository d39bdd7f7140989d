"""How the tables came to be: Alembic revisions, applied when a store is opened.

A new table or column is a new file in `versions/`; a test compares the outcome with `tables.py` on both
engines, so that neither is forgotten.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from hub.store.engine import Database

ADVISORY_LOCK = 610_800
"""Processes that start together on PostgreSQL queue for this before they look at the tables."""


def upgrade(database: Database) -> None:
    """Bring the tables up to date; does nothing where they are."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with database.turn(), database.writer.begin() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
