"""Rows on their way into quarantine and out of it: the row as it came, sealed to its own city.

What is kept of a row is its cells; of a unit that is no row (an alert in CAP) it is the draft. Both hold personal data,
so that they stand in the database sealed, and only a process with the city's key can read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from adapters.drafts import Draft, Place, Rejection
from hub.errors import Code, Problem
from hub.offices import reasons
from hub.offices.office import Office
from hub.offices.reasons import Why
from hub.store.offices import Entry, NewEntry
from keys.seal import seal, unseal
from schemas import strict_json

Kept = Mapping[str, Any]
"""`{"row": [[column, cell], …]}`, in the order of the source, or `{"draft": {…}}`."""

NOTE_CHARACTERS = 200


def kept_row(row: Mapping[str, str]) -> Kept:
    return {"row": [[name, cell] for name, cell in row.items()]}


def row_of(kept: Kept) -> dict[str, str] | None:
    """The cells of a row that was kept; None of what is no row."""
    return dict(kept["row"]) if "row" in kept else None


def kept_draft(draft: Draft) -> Kept:
    """A draft's row; where it is of no row, itself."""
    if draft.row:
        return kept_row(draft.row)
    return {
        "draft": {
            "kind": draft.kind,
            "version": draft.version,
            "body": dict(draft.body),
            "private": None if draft.private is None else dict(draft.private),
            "local_number": draft.local_number,
            "recipients": list(draft.recipients),
            "subject": draft.subject,
            "subject_system": draft.subject_system,
            "system": draft.system,
            "table": draft.table,
        }
    }


def draft_again(kept: Kept) -> Draft:
    """A draft that was kept as itself."""
    held = kept["draft"]
    return Draft(**{**held, "recipients": tuple(held["recipients"]), "place": Place()})


def sealed(office: Office, kept: Kept) -> str:
    """What is kept, sealed to the office's own key."""
    return orjson.dumps(seal(strict_json.dumps(dict(kept)), [office.key.public])).decode()


def unsealed(office: Office, text: str) -> Kept:
    """What was kept. Raises: Problem `not-allowed` where it was sealed to an earlier key of the city."""
    try:
        found: Kept = strict_json.loads(unseal(strict_json.loads(text), office.key))
    except Problem as problem:
        if problem.code is not Code.NOT_ALLOWED:
            raise
        raise Problem(
            problem.code,
            f"the row is sealed to another key than seal_key of {office.city} in the configuration; name the one that "
            "was in force when it came here, or mend the row in its source",
        ) from problem
    return found


def entry_of_rejections(office: Office, found: Sequence[Rejection]) -> NewEntry:
    """The rejections of one row, or one of a whole unit."""
    first = found[0]
    row = dict(first.row)
    why = [reasons.why_rejected(each) for each in found]
    if row:
        content = office.contents.of("row", first.table, row)
    else:
        content = office.contents.of("unit", first.place.sheet, first.table, *(_about(each) for each in why))
    return _entry(office, first, why, content, kept_row(row) if row else None)


def entry_of_refusal(office: Office, draft: Draft, content: bytes, why: Why) -> NewEntry:
    """A row that could be read and was refused by the node."""
    return _entry(office, draft, [why], content, kept_draft(draft))


def refused_content(office: Office, content: bytes) -> bytes:
    """What names a refused row: it is not sent again before it, the agreement or the marking is another."""
    return office.contents.of("refused", content.hex(), office.settings.agreement, office.settings.marking)


def place_of(entry: Entry) -> Place:
    """Where an entry's row stands in its source."""
    return Place(entry.line, entry.sheet)


def _entry(
    office: Office,
    unit: Draft | Rejection,
    why: Sequence[Why],
    content: bytes,
    kept: Kept | None,
) -> NewEntry:
    held = None if kept is None else _sealed_if_it_fits(office, kept)
    return NewEntry(
        content,
        unit.table,
        unit.local_number[:NOTE_CHARACTERS],
        unit.place.sheet,
        unit.place.row,
        reasons.written(why),
        held,
    )


def _sealed_if_it_fits(office: Office, kept: Kept) -> str | None:
    """What is kept; None of a row that is larger than any record: that one is mended in its source."""
    try:
        return sealed(office, kept)
    except Problem as problem:
        if problem.code is not Code.TOO_LARGE:
            raise
        return None


def _about(why: Why) -> list[str]:
    return [why.field, why.reason]
