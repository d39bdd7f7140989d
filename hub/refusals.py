"""Entries of what was refused, once for the same thing: a retry makes no second one (docs/decisions/0006)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from hub.clock import rfc3339
from hub.errors import Code
from hub.log import entry as entries
from hub.store import Transaction

UNLOGGED: Final = frozenset({Code.BUSY, Code.INTERNAL, Code.REPLAYED, Code.TOO_MANY_REQUESTS, Code.NOT_FOUND})
"""Refusals that say nothing about what the key tried: no entry is made of them."""


def note_refusal(transaction: Transaction, kid: str, code: Code, digest: str, now: datetime) -> None:
    """Make an entry that what has this digest was refused to the key `kid`, unless one says so already."""
    if code in UNLOGGED:
        return
    key = bytes.fromhex(digest)
    if transaction.was_refused(kid, code, key):
        return
    line = entries.refused(at=rfc3339(now), by=kid, code=str(code), digest=digest)
    transaction.refuse(kid, str(code), key, transaction.append(line))
