"""How tests look at what became of a city's files."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from adapters.cities import dialect
from adapters.dialect import Dialect
from adapters.drafts import Draft, Note, Reason, Rejection
from adapters.translation import read
from adapters.writing import Carried, Loss, files, write

ISSUED = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)


def outcomes(spoken: Dialect | str, content: bytes | str, name: str = "") -> list[Any]:
    data = content.encode() if isinstance(content, str) else content
    return list(read(dialect(spoken) if isinstance(spoken, str) else spoken, io.BytesIO(data), name=name))


def drafts(found: Iterable[Any]) -> list[Draft]:
    return [outcome for outcome in found if isinstance(outcome, Draft)]


def refusals(found: Iterable[Any]) -> list[tuple[str, Reason]]:
    return [(each.field, each.reason) for each in found if isinstance(each, Rejection)]


def rows_told(found: Iterable[Any]) -> int:
    """Rows that became drafts, have rejections, or are counted in a note."""
    rows = {
        (each.place.sheet, each.place.row)
        for each in found
        if isinstance(each, Rejection) and each.place.row is not None
    }
    return (
        sum(isinstance(each, Draft) for each in found)
        + len(rows)
        + sum(each.rows for each in found if isinstance(each, Note))
    )


def carried(draft: Draft, **more: Any) -> Carried:
    return Carried(
        draft.kind,
        draft.body,
        draft.private,
        draft.version,
        draft.local_number,
        recipients=draft.recipients,
        subject=draft.subject,
        **more,
    )


def written(spoken: Dialect | str, records: list[Carried]) -> tuple[dict[str, bytes], list[Loss]]:
    known = dialect(spoken) if isinstance(spoken, str) else spoken
    made: dict[str, bytes] = {}
    losses: list[Loss] = []
    for name, together in files(known, records):
        stream = io.BytesIO()
        losses += write(known, together, stream)
        made[name] = stream.getvalue()
    return made, losses
