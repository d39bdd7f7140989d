"""The bodies of requests and answers that are not records, as JSON Schema: what OpenAPI publishes of them."""

from __future__ import annotations

from typing import Any, Final

from hub.errors import MEANINGS, Code
from schemas import limits
from schemas.acknowledgement import OUTCOME
from schemas.fields import TIME_PATTERN, Digest, Division, RecordId
from schemas.json_schema import Json

RECORD_PROBLEMS: Final = (
    Code.MALFORMED,
    Code.TOO_LARGE,
    Code.UNKNOWN_KEY,
    Code.BAD_SIGNATURE,
    Code.STALE,
    Code.NOT_ALLOWED,
    Code.NO_AGREEMENT,
    Code.UNKNOWN_KIND,
    Code.INVALID,
    Code.WRONG_REVISION,
    Code.CONFLICT,
)
"""What a single record of a push may be refused for, in its outcome; the push itself is answered with 200."""


def message_schemas() -> Json:
    """Each by its name among the components."""
    index: Json = {"type": "integer", "minimum": 0}
    text: Json = {"type": "string"}
    digest = Digest().published()
    record_id = RecordId().published()
    time: Json = {"type": "string", "format": "date-time", "pattern": f"^(?:{TIME_PATTERN})$"}
    jws: Json = {
        "type": "string",
        "maxLength": limits.RECORD_BYTES,
        "description": "JWS in compact serialisation; its payload is one of the record schemas.",
    }
    entry: Json = {**text, "description": "The exact text of the log entry, to be hashed as it is."}
    item = _object({"index": index, "entry": entry, "record": jws})
    gone: Json = {
        **_object(
            {
                "index": index,
                "entry": entry,
                "record": {"type": "null"},
                "erased": _object({"index": index, "entry": entry}),
            }
        ),
        "description": "To nodes alone: a record that was erased, and the entry that says so.",
    }
    held = _object({"index": index, "entry": entry, "record": {**jws, "type": ["string", "null"]}})
    when: Json = {**time, "type": ["string", "null"]}
    return {
        "Push": _object(
            {"records": {"type": "array", "minItems": 1, "maxItems": limits.PUSH_RECORDS, "items": jws}}
        ),
        "PushAnswer": _object(
            {
                "outcomes": {
                    "type": "array",
                    "items": {"oneOf": [ref("Stored"), ref("Refused")]},
                    "maxItems": limits.PUSH_RECORDS,
                },
                "checkpoint": text,
            }
        ),
        "Stored": _object(
            {
                "status": {"type": "string", "enum": ["accepted", "duplicate"]},
                "id": record_id,
                "digest": digest,
                "index": index,
            },
            {"warnings": {"type": "array", "minItems": 1, "items": ref("Warning")}},
        ),
        "Warning": {
            **_object({"code": text, "where": text, "zh": text, "en": text}),
            "description": (
                "What the sender should look at in a record that was accepted all the same; `where` is a JSON "
                "pointer."
            ),
        },
        "Refused": _object(
            {
                "status": {"const": "refused"},
                "problem": {
                    **ref("Problem"),
                    "properties": {"type": {"enum": [f"/problems/{code}" for code in RECORD_PROBLEMS]}},
                },
            }
        ),
        "Page": _object(
            {
                "items": {
                    "type": "array",
                    "items": {"anyOf": [item, gone]},
                    "maxItems": limits.PAGE_RECORDS,
                },
                "next": {"type": "integer", "minimum": -1},
                "more": {"type": "boolean"},
                "checkpoint": text,
            },
            {
                "hosted": {
                    **_object({"index": index, "entry": entry}),
                    "description": "To a city that moved to this node: the entry that says so, by whose numbers "
                    "its stream is to be checked.",
                },
                "departed": {
                    **_object({"index": index, "entry": entry}),
                    "description": "To a city that moved to another node: the entry that says so. Its stream here ends "
                    "before it.",
                },
            },
        ),
        "Revisions": _object(
            {
                "items": {
                    "type": "array",
                    "items": held,
                    "maxItems": limits.PAGE_RECORDS,
                    "description": "`record` is null once a revision was forgotten; its entry stays.",
                },
                "next": {"type": "integer", "minimum": -1},
                "more": {"type": "boolean"},
                "checkpoint": text,
            }
        ),
        "Delivery": _object(
            {
                "id": record_id,
                "revision": {"type": "integer", "minimum": 1},
                "index": index,
                "digest": digest,
                "recipients": {"type": "array", "items": ref("Recipient")},
            }
        ),
        "Recipient": _object(
            {
                "city": Division().published(),
                "status": {"type": "string", "enum": ["pending", "fetched", "acknowledged"]},
                "at": {**when, "description": "Since when the present status holds."},
                "fetched_at": when,
                "outcome": {"type": ["string", "null"], "enum": [*OUTCOME.codes, None]},
                "acknowledged_at": when,
                "due_at": {
                    **when,
                    "description": "By when an alert's answer is due; null where none is awaited (any more).",
                },
                "overdue": {"type": "boolean"},
            }
        ),
        "Liveness": _object({"alive": {"const": True}, "name": text}),
        "Readiness": _object(
            {"ready": {"type": "boolean"}, "faults": {"type": "array", "items": text}},
            {
                "name": text,
                "log_entries": index,
                "trust_expires_at": time,
                "alerts_awaited": index,
                "alerts_overdue": index,
            },
        ),
        "Problem": {
            "type": "object",
            "description": "RFC 9457; `where` is a JSON pointer to what failed validation.",
            "properties": {
                "type": {"type": "string", "enum": [f"/problems/{code}" for code in MEANINGS]},
                "title": text,
                "status": {"type": "integer"},
                "detail": text,
                "where": text,
            },
            "required": ["type", "title", "status"],
        },
    }


def ref(name: str) -> Json:
    """A reference to one of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], optional: dict[str, Any] | None = None) -> Json:
    return {"type": "object", "properties": properties | (optional or {}), "required": list(properties)}
