"""What is sealed to a city, opened by it."""

from __future__ import annotations

from typing import Any

from keys.seal import unseal
from keys.suite import UnsealKey
from schemas.kinds import kind, load_private
from schemas.record import Record


def opened(record: Record, key: UnsealKey) -> dict[str, Any] | None:
    """A record's private part, None where it has none.

    Raises: Problem `not-allowed` where it is sealed to others, `bad-signature` where it was altered, `invalid`
    where it does not fit its schema.
    """
    if record.sealed is None:
        return None
    return load_private(kind(record.kind, record.version), unseal(record.sealed, key))
