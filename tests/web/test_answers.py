"""What a node answers: signed, errors included; described in its own document; in the reader's language."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import wire
from partner import ORDOS, YULIN, World

from hub.errors import MEANINGS, Code
from schemas import limits
from schemas.kinds import KINDS


def document(world: World) -> dict[str, Any]:
    answer = world.send("GET", "/openapi.json", None, {})
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


def check(schema: Any, value: Any, world: dict[str, Any], place: str = "") -> None:
    """Assert that `value` is as `schema` describes it, with no member that it does not name."""
    if "$ref" in schema:
        schema = world["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:
        (fitting,) = [each for each in schema["oneOf"] if fits(each, value, world)]
        return check(fitting, value, world, place)
    named = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "boolean": bool,
        "null": type(None),
        "number": float,
    }
    wanted = schema.get("type", [])
    types = tuple(named[each] for each in ([wanted] if isinstance(wanted, str) else wanted))
    assert not types or isinstance(value, types), f"{place}: {value!r} is not {wanted}"
    assert "const" not in schema or value == schema["const"], place
    assert "enum" not in schema or value in schema["enum"], f"{place}: {value!r}"
    if isinstance(value, str) and "pattern" in schema:
        assert re.search(schema["pattern"], value), f"{place}: {value!r}"
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", [])) <= set(value) <= set(schema["properties"]), (
            f"{place}: {set(value)}"
        )
        for name, member in value.items():
            check(schema["properties"][name], member, world, f"{place}/{name}")
    if isinstance(value, list):
        for position, member in enumerate(value):
            check(schema["items"], member, world, f"{place}/{position}")
    return None


def fits(schema: Any, value: Any, world: dict[str, Any]) -> bool:
    try:
        check(schema, value, world)
    except AssertionError:
        return False
    return True


def test_answers_are_as_the_openapi_document_describes_them(world: World) -> None:
    openapi = document(world)
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    record = yulin.record()
    pushed = yulin.post({"records": [record, record, "nonsense", yulin.record(marking="red")]}).json
    record_id = pushed["outcomes"][0]["id"]
    shown = {
        "PushAnswer": [pushed],
        "Page": [ordos.pull(), ordos.pull("?after=1000")],
        "Revisions": [yulin.get(f"/v1/records/{record_id}").json],
        "Delivery": [yulin.get(f"/v1/records/{record_id}/delivery").json],
        "Problem": [yulin.get("/v1/records?after=x").json, yulin.get("/v1/nowhere").json],
    }
    for name, answers in shown.items():
        for answer in answers:
            check(openapi["components"]["schemas"][name], answer, openapi, name)


def test_the_openapi_document_names_every_limit_and_problem(world: World) -> None:
    openapi = document(world)
    stated = {name.lower(): value for name, value in vars(limits).items() if name.isupper()}
    assert openapi["x-limits"] == {name: value for name, value in stated.items() if isinstance(value, int)}
    assert openapi["x-limits"]["record_bytes"] == 262_144
    assert openapi["x-limits"]["push_records"] == 1_000
    assert set(openapi["x-problems"]) == set(MEANINGS)
    assert openapi["servers"] == [{"url": world.node.config.url}]


def test_every_path_of_the_openapi_document_is_served(world: World) -> None:
    rules = {
        re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", "{}", rule.rule) for rule in world.application.url_map.iter_rules()
    }
    for path in document(world)["paths"]:
        assert re.sub(r"\{[a-z_]+\}", "{}", path) in rules


@pytest.mark.parametrize(("name", "version"), KINDS)
def test_every_schema_is_published(world: World, name: str, version: int) -> None:
    answer = world.send("GET", f"/v1/schemas/{name}/{version}", None, {})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/schema+json")
    assert answer.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    wire.check_answer(answer.status, answer.headers, answer.body, {}, world.partner(YULIN).node_key)


def test_a_schema_that_there_is_not_is_an_unknown_kind(world: World) -> None:
    assert world.send("GET", "/v1/schemas/gossip/1", None, {}).problem == "unknown-kind"
    assert world.send("GET", "/v1/schemas/alert/99", None, {}).problem == "unknown-kind"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/nowhere"), ("DELETE", "/v1/records"), ("PUT", "/v1/records"), ("GET", "/v1/schemas/x/y")],
)
def test_what_there_is_not_answers_signed(world: World, method: str, path: str) -> None:
    assert world.partner(YULIN).ask(method, path).problem == "not-found"


def test_an_answer_outside_of_v1_is_signed_for_those_who_sign(world: World) -> None:
    auditor = world.auditor()
    for target in ("/log/tile/entries/000.p/2", "/log/checkpoint", "/trust/timestamp.json", "/healthz"):
        answer = auditor.get(target)
        assert answer.status == 200
        wire.check_answer(answer.status, answer.headers, answer.body, auditor.last_request, auditor.node_key)
    assert "Signature" not in world.send("GET", "/log/checkpoint", None, {}).headers


def test_a_failure_that_nobody_foresaw_is_bland_and_signed(world: World) -> None:
    def broken() -> str:
        raise RuntimeError("a secret of the house")

    world.application.add_url_rule("/v1/broken", view_func=broken)
    answer = world.partner(YULIN).get("/v1/broken")
    assert (answer.problem, answer.status) == ("internal", 500)
    assert answer.json["detail"] == f"request {answer.headers['X-Request-Id']}"
    assert b"secret" not in answer.body


def test_a_failure_while_an_answer_is_finished_is_not_blamed_on_the_sender(world: World) -> None:
    @world.application.after_request
    def broken(answer: Any) -> Any:
        if answer.status_code == 200:
            raise RuntimeError("a secret of the house")
        return answer

    answer = world.partner(YULIN).get("/v1/records")
    assert (answer.problem, answer.status) == ("internal", 500)


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("zh-CN,zh;q=0.9", MEANINGS[Code.NOT_FOUND].zh),
        ("en-GB", MEANINGS[Code.NOT_FOUND].en),
        ("fr", MEANINGS[Code.NOT_FOUND].zh),
        ("", MEANINGS[Code.NOT_FOUND].zh),
        ("fr;q=1, en;q=0.5", MEANINGS[Code.NOT_FOUND].en),
        ("zh-CN,en;q=0.5", MEANINGS[Code.NOT_FOUND].zh),
        ("en-US,zh;q=0.9", MEANINGS[Code.NOT_FOUND].en),
        ("zh;q=0.4, EN-gb;q=0.8", MEANINGS[Code.NOT_FOUND].en),
        ("english", MEANINGS[Code.NOT_FOUND].zh),
        (";;;=,q=x", MEANINGS[Code.NOT_FOUND].zh),
    ],
)
def test_a_problems_title_is_in_the_readers_language(world: World, asked: str, title: str) -> None:
    answer = world.partner(YULIN).ask("GET", "/v1/nowhere", headers={"Accept-Language": asked})
    assert answer.json["title"] == title


def test_a_reader_of_a_hundred_thousand_languages_is_answered_in_chinese_at_once(world: World) -> None:
    begun = time.monotonic()
    answer = world.partner(YULIN).ask("GET", "/v1/nowhere", headers={"Accept-Language": "en," * 100_000})
    assert time.monotonic() - begun < 0.5
    assert answer.json["title"] == MEANINGS[Code.NOT_FOUND].zh


def test_every_problem_has_a_page_in_both_languages(world: World) -> None:
    for code, meaning in MEANINGS.items():
        for language, title in (("zh", meaning.zh), ("en", meaning.en)):
            page = world.send("GET", f"/problems/{code}?lang={language}", None, {})
            assert page.status == 200
            assert title in page.content.decode()
    assert world.send("GET", "/problems/nonsense", None, {}).problem == "not-found"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_documents_page_names_every_kind(world: World, language: str) -> None:
    page = world.send("GET", f"/docs?lang={language}", None, {})
    assert page.status == 200
    for name, _ in KINDS:
        assert name in page.content.decode()


# -- the log and the trust repository ----------------------------------------------------------------------


def test_the_log_is_served_as_tiles_that_may_be_kept(world: World) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(260)))
    full = world.send("GET", "/log/tile/0/000", None, {})
    assert len(full.body) == 256 * 32
    assert "immutable" in full.headers["Cache-Control"]
    partial = world.send("GET", "/log/tile/0/001.p/6", None, {})
    assert len(partial.body) == 6 * 32
    assert "Cache-Control" not in partial.headers
    assert len(world.send("GET", "/log/tile/1/000.p/1", None, {}).body) == 32
    assert world.send("GET", "/log/checkpoint", None, {}).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        *("0/001", "0/000.p/255", "0/0", "0/000.p/0", "0/000.p/256", "0/x000/000", "64/000", "0/-01"),
        *("9/000.p/1", "0/000.p/01", "0/x001/x002/003", "00/000"),
    ],
)
def test_a_tile_that_there_is_not_is_a_named_refusal(world: World, path: str) -> None:
    assert world.send("GET", f"/log/tile/{path}", None, {}).problem in ("not-found", "malformed")


def test_the_trust_repository_is_served_and_nothing_beside_it(world: World) -> None:
    timestamp = world.send("GET", "/trust/timestamp.json", None, {})
    assert timestamp.body == (world.folder / "trust" / "timestamp.json").read_bytes()
    assert world.send("GET", "/trust/1.root.json", None, {}).status == 200
    (target,) = (world.folder / "trust" / "targets").glob("*.agreements.json")
    assert world.send("GET", f"/trust/targets/{target.name}", None, {}).body == target.read_bytes()
    for name in (
        *("../ceremony/city-1.pem", "%2e%2e/lab.json", "targets/../../nodes", ".timestamp.json.x", "x.json"),
        *("targets/", "targets", "", "../keys/audit.pem", "/etc/passwd", "targets/..%2f..%2fx.json"),
    ):
        assert world.send("GET", f"/trust/{name}", None, {}).problem in ("not-found", "malformed")
