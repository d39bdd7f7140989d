"""Where a city's arrivals are written to, whatever kind of place it is: `open_sink`.

| url | sink |
|---|---|
| `file://`, `sftp://` | files in a folder (`FileSink`) |
| `http://`, `https://` | PUT beneath the address (`WebSink`) |
| `sqlite://`, `postgresql+psycopg://` | rows of a table (`TableSink`), which takes no files |
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from hub.offices.places import open_place
from hub.offices.places.database import open_engine
from hub.offices.places.web import Web
from hub.offices.settings import SinkSettings
from hub.offices.sinks.files import FileSink
from hub.offices.sinks.sink import Sink
from hub.offices.sinks.tables import TableSink
from hub.offices.sinks.web import WebSink

__all__ = ["FileSink", "Sink", "TableSink", "WebSink", "open_sink"]


def open_sink(
    settings: SinkSettings,
    environment: Mapping[str, str],
    token: Callable[[], str] = lambda: secrets.token_hex(8),
) -> Sink | TableSink:
    """Open the sink that settings name; use it in a `with`, or close it.

    `token` makes names of files while they are written. Raises: Problem `invalid`, `not-found`, `not-allowed`,
    `busy`.
    """
    access = settings.access
    who = f"sink {access.name}"
    scheme = access.url.partition(":")[0].lower()
    if scheme in ("http", "https"):
        return WebSink(access.name, Web(access, who))
    if scheme in ("file", "sftp"):
        return FileSink(access.name, open_place(access, who, environment), token)
    return TableSink(access.name, open_engine(access, who, writing=True))
