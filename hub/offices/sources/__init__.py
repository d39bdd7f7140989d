"""Where a city's exports are taken from, whatever kind of place it is: `open_source`.

| url | source |
|---|---|
| `file://`, `sftp://` | files by a pattern (`files`) |
| `http://`, `https://` | a list, page by page (`pages`) |
| `sqlite://`, `postgresql+psycopg://` | the views that the city's tables name (`views`) |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from adapters.dialect import Dialect
from adapters.formats import SqlRows
from hub.errors import Code, Problem
from hub.offices.places import open_place
from hub.offices.places.database import open_engine
from hub.offices.places.web import Web
from hub.offices.settings import SourceSettings
from hub.offices.sources.files import FileSource
from hub.offices.sources.pages import PageSource
from hub.offices.sources.source import Content, Source, Unit
from hub.offices.sources.views import ViewSource

__all__ = ["Content", "Source", "Unit", "open_source", "views_of"]


def open_source(
    settings: SourceSettings,
    dialect: Dialect,
    environment: Mapping[str, str],
    now: Callable[[], datetime],
    scratch: Path,
) -> Source:
    """Open the source that settings name; use it in a `with`, or close it.

    `scratch` is a folder for copies, made if it is not there. `dialect` says which views a database is read by.
    Raises: Problem `invalid`, `not-found`, `not-allowed`, `busy`.
    """
    access = settings.access
    who = f"source {access.name}"
    try:
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(Code.NOT_ALLOWED, f"{who}: the folder for its copies cannot be made") from error
    scheme = access.url.partition(":")[0].lower()
    if scheme in ("http", "https"):
        return PageSource(settings, Web(access, who), scratch)
    if scheme in ("file", "sftp"):
        return FileSource(settings, open_place(access, who, environment), now, scratch)
    views = views_of(dialect)
    if not views:
        raise Problem(
            Code.INVALID, f"{who}: a database is read by views, and the city's file names none (SqlRows)"
        )
    return ViewSource(access.name, open_engine(access, who, writing=False), views)


def views_of(dialect: Dialect) -> tuple[SqlRows, ...]:
    """The views that a city's tables are read from, each once."""
    forms = (form for table in dialect.tables for form in dialect.forms_of(table))
    return tuple(dict.fromkeys(form for form in forms if isinstance(form, SqlRows)))
