"""The one place that reads the clock, and the one spelling of an instant.

An operation reads the clock once, at its edge, and passes `now` down; tests pass what they like.
"""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`moment` in UTC with milliseconds, as in `2026-11-21T08:30:00.000Z`.

    The width is fixed, so that texts sort as the instants do.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
