"""Every test of the store runs twice: on SQLite and on PostgreSQL, one contract for both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from keeping import open_store

from hub.store import Store


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url)
    yield opened
    opened.close()
