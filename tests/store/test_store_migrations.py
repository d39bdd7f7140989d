"""The tables that the migrations make are those that the code speaks of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from keeping import Letter, open_store, put, verify
from sqlalchemy import inspect, text

from hub.store import migrations
from hub.store.engine import open_database
from hub.store.tables import metadata


def test_migrated_tables_equal_the_declared_ones(database_url: str) -> None:
    database = open_database(database_url)
    migrations.upgrade(database)
    with database.reader.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        for table in metadata.sorted_tables:
            found = inspect(connection).get_pk_constraint(table.name)["constrained_columns"]
            assert found == [column.name for column in table.primary_key.columns]
        if connection.dialect.name == "sqlite":
            counting = connection.scalars(
                text("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'")
            )
            assert sorted(counting) == [
                table.name
                for table in metadata.sorted_tables
                if table.dialect_options["sqlite"]["autoincrement"]
            ]
    database.close()


def test_the_newest_revision_is_the_one_that_alembic_ends_with() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_current_head() == migrations.newest()


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    database = open_database(database_url)
    for _ in range(2):
        migrations.upgrade(database)
        with database.reader.connect() as connection:
            assert MigrationContext.configure(connection).get_current_revision() is not None
    database.close()


def test_stores_that_open_together_make_the_tables_once(database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        stores = list(threads.map(open_store, [database_url] * 4))
    for store in stores:
        put(store, Letter())
    assert verify(stores[0]).size == 4
    for store in stores:
        store.close()
