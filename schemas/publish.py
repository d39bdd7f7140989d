"""What a node publishes about itself: JSON Schema of every kind, and an OpenAPI 3.1 document of every endpoint.

The endpoints are those of the wire contract, section 4, but for the witness, whose form is C2SP's. Limits
and problem codes are read from where the program reads them.
"""

from __future__ import annotations

from typing import Any, Final

from hub.errors import MEANINGS, Code
from schemas import limits
from schemas.acknowledgement import OUTCOME
from schemas.fields import TIME_PATTERN, Digest, Division, RecordId
from schemas.json_schema import Json, components, json_schema
from schemas.kinds import KINDS
from schemas.markings import MARKINGS

__all__ = ["components", "json_schema", "openapi"]

CONTRACT_VERSION: Final = "1.0.0"

_ALWAYS: Final = (Code.TOO_MANY_REQUESTS, Code.BUSY, Code.INTERNAL)
_SIGNED: Final = (
    Code.MALFORMED,
    Code.UNSIGNED,
    Code.UNKNOWN_KEY,
    Code.BAD_SIGNATURE,
    Code.STALE,
    Code.REPLAYED,
    Code.NOT_ALLOWED,
    *_ALWAYS,
)


def openapi(server_url: str) -> Json:
    """The OpenAPI 3.1 document of a node that is reached at `server_url`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Border exchange 毗邻地区协同交换",
            "version": CONTRACT_VERSION,
            "description": (
                "Records go in signed and come out with a receipt. Every request under /v1, the published "
                "schemas apart, is signed per RFC 9421; every answer under /v1 is signed by the node."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server_url}],
        "tags": [
            {"name": "records", "description": "推送与拉取 Push and pull"},
            {"name": "schemas", "description": "模式与文档 Schemas and documents"},
            {"name": "log", "description": "交换日志 Exchange log"},
            {"name": "trust", "description": "信任清单 Trust list"},
            {"name": "operation", "description": "运行状态 Operation"},
        ],
        "paths": {**_record_paths(), **_public_paths(), **_operation_paths()},
        "components": {
            "schemas": {**components(), **_message_schemas()},
            "parameters": _parameters(),
            "responses": {"Problem": _problem_response()},
            "securitySchemes": {
                "httpSignature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": (
                        'RFC 9421, label sig1, over "@method" "@target-uri" and, with a body, '
                        '"content-digest"; parameters created, nonce, keyid, alg="ed25519", tag="exchange".'
                    ),
                }
            },
        },
        "x-limits": {
            name.lower(): value
            for name, value in vars(limits).items()
            if name.isupper() and isinstance(value, int)
        },
        "x-problems": {
            str(code): {
                "status": meaning.status,
                "title": {"zh": meaning.zh, "en": meaning.en},
                "next": {"zh": meaning.next_zh, "en": meaning.next_en},
            }
            for code, meaning in MEANINGS.items()
        },
    }


def _record_paths() -> Json:
    record_id = _parameter("RecordId")
    held = (*_SIGNED, Code.NOT_FOUND)
    return {
        "/v1/records": {
            "post": _operation(
                "pushRecords",
                "Push records; an outcome for each, in order",
                "records",
                (*_SIGNED, Code.TOO_LARGE, Code.NO_AGREEMENT),
                answers=_json("PushAnswer"),
                body=_json("Push"),
            ),
            "get": _operation(
                "pullRecords",
                "Pull what is addressed to the caller's cities, in log order",
                "records",
                _SIGNED,
                answers=_json("Page"),
                parameters=[
                    _parameter(name) for name in ("After", "Limit", "Wait", "KindName", "FromCity", "Marking")
                ],
            ),
        },
        "/v1/records/{id}": {
            "get": _operation(
                "getRecord",
                "All revisions held, with their entries",
                "records",
                held,
                answers=_json("Revisions"),
                parameters=[record_id],
            )
        },
        "/v1/records/{id}/proof": {
            "get": _operation(
                "getProof",
                "The receipt: a C2SP tlog-proof whose extra line holds the entry",
                "records",
                held,
                answers=_text(),
                parameters=[record_id, _parameter("RevisionNumber")],
            )
        },
        "/v1/records/{id}/delivery": {
            "get": _operation(
                "getDelivery",
                "For each recipient: pending, fetched or acknowledged, and when",
                "records",
                held,
                answers=_json("Delivery"),
                parameters=[record_id, _parameter("RevisionNumber")],
            )
        },
    }


def _public_paths() -> Json:
    nowhere = (Code.NOT_FOUND, *_ALWAYS)
    octets = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    any_json = {"application/json": {"schema": {"type": "object"}}}

    def public(name: str, summary: str, tag: str, answers: Json, *parameters: str) -> Json:
        return {
            "get": _operation(
                name,
                summary,
                tag,
                nowhere,
                answers=answers,
                parameters=[_parameter(each) for each in parameters],
                signed=False,
            )
        }

    entries = public("getEntries", "An entry bundle", "log", octets, "TilePath")
    entries["get"].update(
        security=[{"httpSignature": []}], responses=_responses(octets, (*_SIGNED, Code.NOT_FOUND))
    )
    return {
        "/v1/schemas/{kind}/{version}": public(
            "getSchema",
            "JSON Schema 2020-12 of a kind of record",
            "schemas",
            {"application/schema+json": {"schema": {"type": "object"}}},
            "KindPath",
            "VersionPath",
        ),
        "/openapi.json": public("getOpenapi", "This document", "schemas", any_json),
        "/docs": public(
            "getDocs", "A readable page", "schemas", {"text/html": {"schema": {"type": "string"}}}
        ),
        "/log/checkpoint": public("getCheckpoint", "The newest checkpoint, a signed note", "log", _text()),
        "/log/tile/{level}/{path}": public(
            "getTile", "A tile of up to 256 hashes", "log", octets, "TileLevel", "TilePath"
        ),
        "/log/tile/entries/{path}": entries,
        "/trust/{path}": public("getTrust", "A file of the TUF repository", "trust", any_json, "TrustPath"),
    }


def _operation_paths() -> Json:
    def operated(name: str, summary: str, media: str) -> Json:
        content = {media: {"schema": {"type": "object" if media == "application/json" else "string"}}}
        return {"get": _operation(name, summary, "operation", _ALWAYS, answers=content, signed=False)}

    return {
        "/healthz": operated("getHealth", "Whether the process lives", "application/json"),
        "/readyz": operated("getReadiness", "Whether the node can take records", "application/json"),
        "/metrics": operated("getMetrics", "Prometheus metrics", "text/plain"),
    }


def _operation(
    name: str,
    summary: str,
    tag: str,
    problems: tuple[Code, ...],
    *,
    answers: Json,
    body: Json | None = None,
    parameters: list[Json] | None = None,
    signed: bool = True,
) -> Json:
    written: Json = {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "security": [{"httpSignature": []}] if signed else [],
    }
    if parameters:
        written["parameters"] = parameters
    if body is not None:
        written["requestBody"] = {"required": True, "content": body}
    written["responses"] = _responses(answers, problems)
    return written


def _responses(answers: Json, problems: tuple[Code, ...]) -> Json:
    responses: Json = {"200": {"description": "OK", "content": answers}}
    for status in sorted({MEANINGS[code].status for code in problems}):
        codes = [str(code) for code in problems if MEANINGS[code].status == status]
        responses[str(status)] = {**_problem_response(), "description": ", ".join(codes), "x-problems": codes}
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    return responses


def _problem_response() -> Json:
    return {
        "description": "A named refusal (RFC 9457)",
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }


def _message_schemas() -> Json:
    """The bodies of requests and answers that are not records."""
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
                    "items": {"oneOf": [_ref("Stored"), _ref("Refused")]},
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
            }
        ),
        "Refused": _object({"status": {"const": "refused"}, "problem": _ref("Problem")}),
        "Page": _object(
            {
                "items": {"type": "array", "items": item, "maxItems": limits.PAGE_RECORDS},
                "next": {"type": "integer", "minimum": -1},
                "more": {"type": "boolean"},
                "checkpoint": text,
            }
        ),
        "Revisions": _object(
            {
                "items": {
                    "type": "array",
                    "items": held,
                    "description": "`record` is null once a revision was forgotten; its entry stays.",
                },
                "checkpoint": text,
            }
        ),
        "Delivery": _object(
            {
                "id": record_id,
                "revision": {"type": "integer", "minimum": 1},
                "index": index,
                "digest": digest,
                "recipients": {"type": "array", "items": _ref("Recipient")},
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
            }
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


def _parameters() -> Json:
    def query(name: str, schema: Json, description: str) -> Json:
        return {"name": name, "in": "query", "schema": schema, "description": description}

    def path(name: str, schema: Json, description: str) -> Json:
        return {"name": name, "in": "path", "required": True, "schema": schema, "description": description}

    names = sorted({name for name, _ in KINDS})
    whole: Json = {"type": "integer", "minimum": 1}
    return {
        "RecordId": path("id", RecordId().published(), "The record's id"),
        "RevisionNumber": query("revision", whole, "The newest, unless given"),
        "After": query(
            "after", {"type": "integer", "minimum": -1, "default": -1}, "The last index seen; -1 at the start"
        ),
        "Limit": query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": limits.PAGE_RECORDS},
            "At most so many items",
        ),
        "Wait": query(
            "wait",
            {"type": "integer", "minimum": 0, "maximum": limits.WAIT_SECONDS, "default": 0},
            "Seconds to hold the request open until something comes",
        ),
        "KindName": query("kind", {"type": "string", "enum": names}, "Records of this kind only"),
        "FromCity": query("from", Division().published(), "Records of this city only"),
        "Marking": query("marking", {"type": "string", "enum": list(MARKINGS)}, "Of this marking only"),
        "KindPath": path("kind", {"type": "string", "enum": names}, "The kind's name"),
        "VersionPath": path("version", whole, "The schema's version"),
        "TileLevel": path(
            "level", {"type": "integer", "minimum": 0, "maximum": 63}, "0 is that of the leaves"
        ),
        "TilePath": path(
            "path",
            {"type": "string", "pattern": r"^(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[0-9]{1,3})?$"},
            "The tile's number in groups of three digits, and its width where it is partial (C2SP tlog-tiles)",
        ),
        "TrustPath": path("path", {"type": "string"}, "A file of the repository, such as timestamp.json"),
    }


def _object(properties: dict[str, Any]) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _json(name: str) -> Json:
    return {"application/json": {"schema": _ref(name)}}


def _text() -> Json:
    return {"text/plain": {"schema": {"type": "string"}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}
