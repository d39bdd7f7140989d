"""The answer to any record, itself a record: `subject` is the record's id, `digest` the digest of its JWS."""

from __future__ import annotations

from typing import Final

from schemas.codes import CodeList
from schemas.fields import Code, Digest, OpenCode, Text
from schemas.shape import Shape

OUTCOME: Final = CodeList("outcome", ("received", "accepted", "rejected", "unreadable"))
REASON: Final = CodeList(
    "acknowledgement_reason",
    (
        "not_ours",
        "already_known",
        "incomplete",
        "wrong_division",
        "cannot_unseal",
        "unknown_kind",
        "not_competent",
        "other",
    ),
    open=True,
)


class Acknowledgement(Shape):
    """What became of a record at one of its recipients."""

    digest = Digest(required=True)
    outcome = Code(OUTCOME, required=True)
    reason = OpenCode(REASON)
    note = Text(1000)
