"""What is published accepts what the node accepts, and says everything that the contract says."""

import json
import re
from typing import Any

import pytest
from record_examples import KIND_NAMES, LENIENT, SEALED, body, members, private

from hub.errors import Code, Problem
from schemas import limits
from schemas.publish import components, json_schema, openapi

Json = dict[str, Any]
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "format", "examples"}


def fits(value: Any, schema: Json, root: Json) -> bool:
    """A judge of the part of JSON Schema 2020-12 that is published; an unknown keyword fails the test."""
    for keyword, said in schema.items():
        if keyword.startswith("x-") or keyword in ANNOTATIONS | {"then", "else"}:
            continue
        if not _holds(keyword, said, value, schema, root):
            return False
    return True


def _holds(keyword: str, said: Any, value: Any, schema: Json, root: Json) -> bool:
    match keyword:
        case "$ref":
            return fits(value, _resolve(said, root), root)
        case "anyOf":
            return any(fits(value, each, root) for each in said)
        case "allOf":
            return all(fits(value, each, root) for each in said)
        case "if":
            branch = schema.get("then" if fits(value, said, root) else "else", {})
            return fits(value, branch, root)
        case "type":
            return any(_is(value, name) for name in ([said] if isinstance(said, str) else said))
        case "enum":
            return value in said
        case "const":
            return bool(value == said)
        case "properties":
            return not isinstance(value, dict) or all(
                fits(value[name], each, root) for name, each in said.items() if name in value
            )
        case "required":
            return not isinstance(value, dict) or all(name in value for name in said)
        case "not":
            return not fits(value, said, root)
        case "additionalProperties" if isinstance(said, dict):
            return not isinstance(value, dict) or all(fits(each, said, root) for each in value.values())
        case "additionalProperties":
            return not isinstance(value, dict) or value.keys() <= schema["properties"].keys()
        case "items":
            return not isinstance(value, list) or all(fits(each, said, root) for each in value)
        case "prefixItems":
            return not isinstance(value, list) or all(
                fits(each, rule, root) for each, rule in zip(value, said, strict=False)
            )
        case "minItems" | "maxItems":
            return not isinstance(value, list) or (
                len(value) >= said if keyword == "minItems" else len(value) <= said
            )
        case "uniqueItems":
            return not isinstance(value, list) or len({json.dumps(each) for each in value}) == len(value)
        case "minLength" | "maxLength":
            return not isinstance(value, str) or (
                len(value) >= said if keyword == "minLength" else len(value) <= said
            )
        case "pattern":
            return not isinstance(value, str) or re.search(said.replace("$", r"\Z"), value) is not None
        case "minimum":
            return isinstance(value, bool) or not isinstance(value, int | float) or value >= said
        case "maximum":
            return isinstance(value, bool) or not isinstance(value, int | float) or value <= said
    raise AssertionError(f"keyword {keyword} is not judged by this test")


def _is(value: Any, name: str) -> bool:
    if name in ("integer", "number"):
        return type(value) is int or (name == "number" and type(value) is float)
    return type(value) is TYPES[name]


def _resolve(reference: str, root: Json) -> Json:
    at: Any = root
    for step in reference.removeprefix("#/").split("/"):
        at = at[step]
    return at  # type: ignore[no-any-return]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for inner in value.values() for each in references(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in references(inner)]
    return []


@pytest.mark.parametrize("name", KIND_NAMES)
def test_the_published_schema_accepts_the_worked_example(name: str) -> None:
    schema = json_schema(name, 1)
    assert fits(members(name), schema, schema)
    assert fits(members(name, withdrawn="重复录入", body=None), schema, schema)


@pytest.mark.parametrize("name", KIND_NAMES)
@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"body": None},
        {"body": {}},
        {"withdrawn": "x"},
        {"revision": 2},
        {"to": ["150600", "150600"]},
        {"version": 2},
        {"kind": "other"},
        {"marking": "white"},
        {"issued_at": "2026-11-21"},
        {"salt": "x"},
        {"sealed": {"x": 1}},
    ],
)
def test_the_published_schema_refuses_a_broken_record(name: str, changes: Json) -> None:
    schema = json_schema(name, 1)
    assert not fits(members(name, **changes), schema, schema)


def test_the_published_schema_refuses_broken_bodies() -> None:
    schema = json_schema("alert", 1)
    spoilt: list[Json] = [
        {"xyz": 1},
        {"status": "Actual"},
        {"category": []},
        {"areas": [{"geocodes": []}]},
        {"areas": [{"geocodes": ["610822"], "polygon": [[1, 1]]}]},
        {"acknowledge_within": 0},
        {"headline": None},
    ]
    for broken in spoilt:
        assert not fits(members("alert", body=body("alert", **broken)), schema, schema), broken


@pytest.mark.parametrize("name", LENIENT)
def test_the_published_schema_refuses_a_body_that_says_nothing_and_takes_any_member(name: str) -> None:
    schema = json_schema(name, 1)
    whole = body(name)
    nothings: list[Any] = [None, "", [], {}]
    for nothing in nothings:
        assert not fits(members(name, body=dict.fromkeys(whole, nothing)), schema, schema)
    for member, value in whole.items():
        assert fits(members(name, body={member: value}), schema, schema)


def test_sealed_parts_and_subjects_are_published_as_they_are_checked() -> None:
    case, alert = json_schema("mediation_case", 1), json_schema("alert", 1)
    assert fits(members("mediation_case", sealed=SEALED), case, case)
    assert not fits(members("alert", sealed=SEALED), alert, alert)
    answer = json_schema("acknowledgement", 1)
    assert not fits(members("acknowledgement", subject=None), answer, answer)


def test_the_private_part_is_published_and_its_personal_members_are_marked() -> None:
    schema = json_schema("mediation_case", 1)
    assert fits(private(), schema["$defs"]["Private"], schema)
    assert schema["$defs"]["Party"]["properties"]["phone"]["x-personal"] is True
    assert "x-personal" not in json.dumps(schema["$defs"]["MediationCase"])
    assert "Private" not in json_schema("alert", 1)["$defs"]


def test_every_member_and_code_carries_its_words() -> None:
    schema = json_schema("mediation_case", 1)
    properties = schema["$defs"]["MediationCase"]["properties"]
    assert properties["agreement"]["x-title-zh"] == "调解协议"
    assert schema["properties"]["agreement"]["x-title-zh"] == "所依协议"
    assert properties["state"]["x-labels"]["mediating"] == {"zh": "调解中", "en": "Mediating"}


def test_no_schema_is_published_for_an_unknown_kind() -> None:
    with pytest.raises(Problem) as caught:
        json_schema("horoscope", 1)
    assert caught.value.code is Code.UNKNOWN_KIND


def test_the_document_names_every_endpoint_of_the_contract_but_the_witness() -> None:
    paths = openapi("https://node.example")["paths"]
    assert {(path, method) for path, methods in paths.items() for method in methods} == {
        ("/v1/records", "post"),
        ("/v1/records", "get"),
        ("/v1/records/{id}", "get"),
        ("/v1/records/{id}/proof", "get"),
        ("/v1/records/{id}/delivery", "get"),
        ("/v1/logs/{origin}/checkpoint", "get"),
        ("/v1/schemas/{kind}/{version}", "get"),
        ("/openapi.json", "get"),
        ("/docs", "get"),
        ("/problems/{code}", "get"),
        ("/log/checkpoint", "get"),
        ("/log/tile/{level}/{path}", "get"),
        ("/log/tile/entries/{path}", "get"),
        ("/trust/{path}", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    }


def test_every_operation_has_its_path_parameters_an_answer_and_named_problems() -> None:
    document = openapi("https://node.example")
    names = set()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            names.add(operation["operationId"])
            given = [_resolve(each["$ref"], document) for each in operation.get("parameters", [])]
            in_path = {each["name"] for each in given if each["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))
            assert "200" in operation["responses"] and "default" in operation["responses"]
            needs_key = path.startswith(("/v1/records", "/v1/logs", "/log/tile/entries"))
            assert bool(operation["security"]) is needs_key
            assert ("401" in operation["responses"]) is needs_key
    assert len(names) == sum(len(methods) for methods in document["paths"].values())


def test_every_reference_of_the_documents_leads_somewhere() -> None:
    document = openapi("https://node.example")
    for reference in references(document):
        assert _resolve(reference, document), reference
    for name in KIND_NAMES:
        schema = json_schema(name, 1)
        for reference in references(schema):
            assert _resolve(reference, schema), reference


def test_the_document_holds_limits_and_problem_codes_from_where_the_program_reads_them() -> None:
    document = openapi("https://node.example")
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "https://node.example"}]
    assert document["x-limits"]["record_bytes"] == limits.RECORD_BYTES
    assert document["x-limits"]["json_depth"] == limits.JSON_DEPTH
    assert set(document["x-problems"]) == {str(code) for code in Code}
    assert document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"] == [
        f"/problems/{code}" for code in Code
    ]


def answer(name: str, value: Any) -> bool:
    document = openapi("https://node.example")
    return fits(value, document["components"]["schemas"][name], document)


def test_the_revisions_of_a_record_are_published_with_what_was_erased_and_a_checkpoint() -> None:
    held = {"index": 7, "entry": "{}", "record": "a.b.c"}
    erased = {"index": 8, "entry": "{}", "record": None}
    whole = {"items": [held, erased], "next": 8, "more": False, "checkpoint": "note"}
    assert answer("Revisions", whole)
    for member in whole:
        assert not answer("Revisions", {name: value for name, value in whole.items() if name != member})
    assert not answer("Page", {"items": [erased], "next": 8, "more": False, "checkpoint": "note"})


def test_the_delivery_of_a_revision_is_published_as_it_is_answered() -> None:
    pending = {
        "city": "150600",
        "status": "pending",
        "at": None,
        "fetched_at": None,
        "outcome": None,
        "acknowledged_at": None,
        "due_at": "2026-11-21T08:45:00+08:00",
        "overdue": True,
    }
    acknowledged = {
        "city": "640300",
        "status": "acknowledged",
        "at": "2026-11-21T09:00:00+08:00",
        "fetched_at": "2026-11-21T08:40:00+08:00",
        "outcome": "accepted",
        "acknowledged_at": "2026-11-21T09:00:00+08:00",
        "due_at": None,
        "overdue": False,
    }
    whole = {
        "id": members("alert")["id"],
        "revision": 2,
        "index": 7,
        "digest": "ab" * 32,
        "recipients": [pending, acknowledged],
    }
    assert answer("Delivery", whole)
    for member in whole:
        assert not answer("Delivery", {name: value for name, value in whole.items() if name != member})
    for broken in ({"status": "lost"}, {"outcome": "shredded"}, {"at": "yesterday"}):
        assert not answer("Delivery", {**whole, "recipients": [{**pending, **broken}]})
    operation = openapi("https://node.example")["paths"]["/v1/records/{id}/delivery"]["get"]
    assert {"$ref": "#/components/parameters/RevisionNumber"} in operation["parameters"]


def test_the_components_hold_every_kind_and_accept_the_worked_examples() -> None:
    document = openapi("https://node.example")
    assert components().items() <= document["components"]["schemas"].items()
    for name, written in (("alert", "Alert1"), ("mediation_case", "MediationCase1")):
        schema = document["components"]["schemas"][written]
        assert fits(members(name), schema, document)
    assert json.loads(json.dumps(document)) == document


def test_an_outcome_is_published_with_its_warnings_and_the_codes_of_a_refusal() -> None:
    stored = {"status": "accepted", "id": members("alert")["id"], "digest": "ab" * 32, "index": 7}
    warning = {"code": "permit-authority", "where": "/body/permit", "zh": "\u8bb8\u53ef", "en": "permit"}
    assert answer("Stored", stored)
    assert answer("Stored", stored | {"warnings": [warning]})
    assert not answer("Stored", stored | {"warnings": [{"code": "permit-authority"}]})
    refused = {"status": "refused", "problem": Problem(Code.CONFLICT, "detail").to_dict()}
    assert answer("Refused", refused)
    assert not answer("Refused", {**refused, "problem": Problem(Code.REPLAYED, "detail").to_dict()})
    push = openapi("https://node.example")["paths"]["/v1/records"]["post"]
    assert {"invalid", "conflict", "wrong-revision", "unknown-kind", "no-agreement"} <= set(
        push["x-record-problems"]
    )


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/records", Code.INVALID),
        ("/v1/records/{id}", Code.INVALID),
        ("/v1/records/{id}/proof", Code.INVALID),
        ("/v1/records/{id}/delivery", Code.INVALID),
        ("/v1/schemas/{kind}/{version}", Code.UNKNOWN_KIND),
        ("/v1/schemas/{kind}/{version}", Code.NOT_FOUND),
        ("/log/tile/{level}/{path}", Code.MALFORMED),
        ("/log/tile/entries/{path}", Code.MALFORMED),
        ("/problems/{code}", Code.NOT_FOUND),
    ],
)
def test_an_endpoint_names_the_problems_that_it_answers_with(path: str, code: Code) -> None:
    responses = openapi("https://node.example")["paths"][path]["get"]["responses"]
    status = str(Problem(code, "").meaning.status)
    assert str(code) in responses[status]["x-problems"]


def test_answers_are_published_with_their_header_fields() -> None:
    document = openapi("https://node.example")
    for path, methods in document["paths"].items():
        for operation in methods.values():
            signed = path.startswith("/v1/") or bool(operation["security"])
            for status, response in operation["responses"].items():
                if status == "default":
                    continue
                assert "X-Request-Id" in response["headers"]
                assert (
                    {"Signature", "Signature-Input", "Content-Digest"} <= response["headers"].keys()
                ) is signed
                waits = {"busy", "too-many-requests"} & set(response.get("x-problems", []))
                assert ("Retry-After" in response["headers"]) is bool(waits)
