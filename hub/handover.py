"""Records that are handed to a reader: which ones, to which key and at which request, is entered into the log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.clock import rfc3339
from hub.log import entry as entries
from hub.store import Transaction
from schemas.limits import PAGE_RECORDS


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is handed records: a key, the digest of what it asked with, and the cities for which it asks."""

    kid: str
    request: str
    cities: Collection[str]


def note_served(transaction: Transaction, reader: Reader, indexes: Sequence[int], now: datetime) -> None:
    """Enter into the log that the records at `indexes` are handed over, and mark them as fetched."""
    for start in range(0, len(indexes), PAGE_RECORDS):
        part = indexes[start : start + PAGE_RECORDS]
        transaction.append(
            entries.served(at=rfc3339(now), by=reader.kid, request=reader.request, indexes=part)
        )
    transaction.mark_fetched(sorted(reader.cities), indexes, rfc3339(now))
