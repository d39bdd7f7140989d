"""A draft with all that its record needs: an id, recipients, the record that it answers, a digest of what it says."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from adapters.drafts import Draft, Reason
from hub.errors import Problem
from hub.offices.office import Office
from hub.offices.reasons import Why, why_refused
from hub.store.offices import Key
from schemas.record import adapted_id

NUMBER_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Ready:
    """A draft that can be signed."""

    draft: Draft
    key: Key
    record: str
    recipients: tuple[str, ...]
    subject: str | None
    content: bytes


def make_ready(office: Office, draft: Draft) -> Ready | Why:
    """A draft with all that its record needs, or what is missing."""
    recipients = draft.recipients or tuple(city for city in office.settings.to if city != office.city)
    if not recipients:
        return Why(
            "", str(Reason.MISSING), "", "没有收件城市", "the row names no city that it is for",
            "请在表中填写，或在 hub.toml 的 to 中设定默认收件城市",
            "name one in the row, or recipients in hub.toml (to)",
        )  # fmt: skip
    if len(draft.local_number) > NUMBER_CHARACTERS:
        return Why(
            "", str(Reason.INVALID), "", "编号过长", "the number is too long",
            f"编号最多 {NUMBER_CHARACTERS} 个字", f"a number has at most {NUMBER_CHARACTERS} characters",
        )  # fmt: skip
    try:
        record_id = adapted_id(office.city, draft.system, draft.local_number)
        subject = _subject(office.city, draft)
    except Problem as problem:
        return why_refused(problem)
    content = office.contents.of_record(draft.kind, draft.body, draft.private, recipients, subject)
    return Ready(draft, Key(draft.system, draft.local_number), record_id, recipients, subject, content)


def _subject(city: str, draft: Draft) -> str | None:
    """The id of the record that a draft answers: a record's id as it is, or one made of a local number."""
    if draft.subject is None:
        return None
    if _is_record_id(draft.subject):
        return draft.subject.lower()
    return adapted_id(city, draft.subject_system or draft.system, draft.subject)


def _is_record_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
