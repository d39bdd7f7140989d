"""What a node publishes about itself: JSON Schema of every kind, and an OpenAPI 3.1 document of every endpoint.

The endpoints are those of the wire contract, section 4, but for the witness, whose form is C2SP's. Limits
and problem codes are read from where the program reads them.
"""

from __future__ import annotations

from typing import Final

from hub.errors import MEANINGS, Code
from schemas import limits
from schemas.fields import Division, RecordId
from schemas.json_schema import Json, components, json_schema
from schemas.kinds import KINDS
from schemas.markings import MARKINGS
from schemas.messages import RECORD_PROBLEMS, message_schemas, ref

__all__ = ["components", "json_schema", "openapi"]

CONTRACT_VERSION: Final = "1.0.0"

_STORED: Final = (Code.BUSY, Code.INTERNAL)
"""What an answer that needs the database may be instead."""
_SIGNED: Final = (
    Code.MALFORMED,
    Code.UNSIGNED,
    Code.UNKNOWN_KEY,
    Code.BAD_SIGNATURE,
    Code.STALE,
    Code.REPLAYED,
    Code.NOT_ALLOWED,
    *_STORED,
)
_PLAIN_HEADERS: Final = ("X-Request-Id",)
_SIGNATURE_HEADERS: Final = ("Content-Digest", "Signature-Input", "Signature")


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
            "schemas": {**components(), **message_schemas()},
            "parameters": _parameters(),
            "headers": _headers(),
            "responses": {"Problem": _problem_response(_PLAIN_HEADERS)},
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
    record_id, issuer = _parameter("RecordId"), _parameter("IssuingCity")
    asked = (*_SIGNED, Code.INVALID)
    held = (*asked, Code.NOT_FOUND)
    push = _operation(
        "pushRecords",
        "Push records; an outcome for each, in order",
        "records",
        (*asked, Code.TOO_LARGE, Code.TOO_MANY_REQUESTS),
        answers=_json("PushAnswer"),
        body=_json("Push"),
    )
    return {
        "/v1/records": {
            "post": {**push, "x-record-problems": [str(code) for code in RECORD_PROBLEMS]},
            "get": _operation(
                "pullRecords",
                "Pull what is addressed to the caller's cities, in log order",
                "records",
                asked,
                answers=_json("Page"),
                parameters=[
                    _parameter(name)
                    for name in ("After", "Limit", "Wait", "KindName", "FromCity", "Marking", "Sent")
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
                parameters=[record_id, _parameter("After"), issuer],
            )
        },
        "/v1/records/{id}/proof": {
            "get": _operation(
                "getProof",
                "The receipt: a C2SP tlog-proof whose extra line holds the entry",
                "records",
                held,
                answers=_text(),
                parameters=[record_id, _parameter("RevisionNumber"), issuer],
            )
        },
        "/v1/records/{id}/delivery": {
            "get": _operation(
                "getDelivery",
                "For each recipient: pending, fetched or acknowledged, when, and by when an alert is to be answered",
                "records",
                held,
                answers=_json("Delivery"),
                parameters=[record_id, _parameter("RevisionNumber"), issuer],
            )
        },
        "/v1/logs/{origin}/checkpoint": {
            "get": _operation(
                "getHeldCheckpoint",
                "For nodes and auditors: the largest checkpoint of another node's log that is held here",
                "log",
                held,
                answers=_text(),
                parameters=[_parameter("Origin")],
            )
        },
    }


def _public_paths() -> Json:
    octets = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    any_json = {"application/json": {"schema": {"type": "object"}}}

    def public(
        name: str, summary: str, tag: str, answers: Json, *parameters: str, problems: tuple[Code, ...]
    ) -> Json:
        return {
            "get": _operation(
                name,
                summary,
                tag,
                (*problems, Code.INTERNAL),
                answers=answers,
                parameters=[_parameter(each) for each in parameters],
                signed=False,
            )
        }

    page: Json = {"text/html": {"schema": {"type": "string"}}}
    missing = (Code.NOT_FOUND,)
    schema = public(
        "getSchema",
        "JSON Schema 2020-12 of a kind of record",
        "schemas",
        {"application/schema+json": {"schema": {"type": "object"}}},
        "KindPath",
        "VersionPath",
        problems=(Code.NOT_FOUND, Code.UNKNOWN_KIND),
    )
    schema["get"]["responses"] = _signed(schema["get"]["responses"])
    entries = _operation(
        "getEntries",
        "An entry bundle",
        "log",
        (*_SIGNED, Code.NOT_FOUND),
        answers=octets,
        parameters=[_parameter("TilePath")],
    )
    return {
        "/v1/schemas/{kind}/{version}": schema,
        "/openapi.json": public("getOpenapi", "This document", "schemas", any_json, problems=()),
        "/docs": public("getDocs", "A readable page", "schemas", page, "Language", problems=()),
        "/problems/{code}": public(
            "getProblem",
            "What a problem's code means and what to do about it",
            "schemas",
            page,
            "ProblemPath",
            "Language",
            problems=missing,
        ),
        "/log/checkpoint": public(
            "getCheckpoint", "The newest checkpoint, a signed note", "log", _text(), problems=(Code.BUSY,)
        ),
        "/log/tile/{level}/{path}": public(
            "getTile",
            "A tile of up to 256 hashes",
            "log",
            octets,
            "TileLevel",
            "TilePath",
            problems=(Code.MALFORMED, Code.NOT_FOUND, Code.BUSY),
        ),
        "/log/tile/entries/{path}": {"get": entries},
        "/trust/{path}": public(
            "getTrust", "A file of the TUF repository", "trust", any_json, "TrustPath", problems=missing
        ),
    }


def _operation_paths() -> Json:
    def operated(name: str, summary: str, content: Json) -> Json:
        problems = (Code.INTERNAL,)
        return {"get": _operation(name, summary, "operation", problems, answers=content, signed=False)}

    ready = operated("getReadiness", "Whether the node can take records", _json("Readiness"))
    ready["get"]["responses"]["503"] = {
        "description": "It cannot; `faults` says why",
        "headers": _header_refs(_PLAIN_HEADERS),
        "content": _json("Readiness"),
    }
    return {
        "/healthz": operated("getHealth", "Whether the process lives", _json("Liveness")),
        "/readyz": ready,
        "/metrics": operated("getMetrics", "Prometheus metrics", _text()),
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
    responses = _responses(answers, problems)
    written["responses"] = _signed(responses) if signed else responses
    return written


def _responses(answers: Json, problems: tuple[Code, ...]) -> Json:
    plain = _header_refs(_PLAIN_HEADERS)
    responses: Json = {"200": {"description": "OK", "headers": plain, "content": answers}}
    for status in sorted({MEANINGS[code].status for code in problems}):
        codes = [str(code) for code in problems if MEANINGS[code].status == status]
        waits = status in (MEANINGS[Code.BUSY].status, MEANINGS[Code.TOO_MANY_REQUESTS].status)
        responses[str(status)] = {
            **_problem_response((*_PLAIN_HEADERS, *(("Retry-After",) if waits else ()))),
            "description": ", ".join(codes),
            "x-problems": codes,
        }
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    return responses


def _signed(responses: Json) -> Json:
    """The same answers, signed by the node (section 3)."""
    return {
        status: answer
        if "$ref" in answer
        else {**answer, "headers": {**answer["headers"], **_header_refs(_SIGNATURE_HEADERS)}}
        for status, answer in responses.items()
    }


def _problem_response(headers: tuple[str, ...]) -> Json:
    return {
        "description": "A named refusal (RFC 9457)",
        "headers": _header_refs(headers),
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }


def _header_refs(names: tuple[str, ...]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _headers() -> Json:
    described = {
        "X-Request-Id": "By which the node's operator finds the request in the node's log.",
        "Content-Digest": "RFC 9530, sha-256, of the bytes of the answer as they travel.",
        "Signature-Input": (
            'RFC 9421, label sig1: "@status" "content-digest" and, where the request was signed, '
            '"signature";key="sig1";req; parameters created, keyid, alg="ed25519", tag="exchange".'
        ),
        "Signature": "By the node's key. An answer under /v1 without it is no answer.",
    }
    headers: Json = {
        name: {"description": words, "required": True, "schema": {"type": "string"}}
        for name, words in described.items()
    }
    headers["Retry-After"] = {
        "description": "Seconds to wait before the same content is signed and sent anew.",
        "schema": {"type": "integer", "minimum": 0},
    }
    return headers


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
        "IssuingCity": query(
            "from", Division().published(), "The city that issued the record, where two cities use one id"
        ),
        "Marking": query(
            "marking",
            {"type": "string", "enum": list(MARKINGS)},
            "Of this marking only; the plus of amber+strict is written %2B (unescaped it is taken, too)",
        ),
        "Sent": query(
            "sent",
            {"type": "string", "enum": ["true"]},
            "For nodes, with after and limit alone: what their cities have sent and is held here, by its own log order",
        ),
        "Origin": path("origin", {"type": "string"}, "The log's name, which is its node's"),
        "Language": query("lang", {"type": "string", "enum": ["zh", "en"]}, "Else that of Accept-Language"),
        "ProblemPath": path(
            "code", {"type": "string", "enum": [str(code) for code in MEANINGS]}, "The problem's code"
        ),
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


def _json(name: str) -> Json:
    return {"application/json": {"schema": ref(name)}}


def _text() -> Json:
    return {"text/plain": {"schema": {"type": "string"}}}


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}
