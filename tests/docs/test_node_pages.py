"""/docs and /problems/<code>: whole in both languages, and loading nothing from anywhere."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape

import pytest
from flask.testing import FlaskClient
from partner import World

from hub.errors import MEANINGS, Code
from hub.web.documents import EXAMPLE, WORDS
from schemas import limits
from schemas.json_schema import json_schema
from schemas.kinds import KINDS
from schemas.publish import openapi


@pytest.fixture
def browser(world: World) -> FlaskClient:
    return world.application.test_client()


def _read(browser: FlaskClient, path: str, **headers: str) -> str:
    """The page at `path`, with its character references resolved and code in backticks."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    page = re.sub("</?code>", "`", browser.get(path, headers=named).get_data(as_text=True))
    return unescape(re.sub(r'<a href="(/docs|/openapi.json)">\1</a>', r"\1", page))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_documents_name_every_endpoint_kind_member_code_limit_and_problem(
    browser: FlaskClient, language: str
) -> None:
    page = _read(browser, f"/docs?lang={language}")
    for path in openapi("http://node.example")["paths"]:
        assert f"`{path}`" in page
    for name, version in KINDS:
        schema = json_schema(name, version)
        assert schema["title" if language == "en" else "x-title-zh"] in page
        for shape in schema["$defs"].values():
            for member, said in shape["properties"].items():
                assert f"`{member}`" in page
                for code in said.get("x-labels", {}):
                    assert f"`{code}`" in page
    for code, meaning in MEANINGS.items():
        assert f'href="/problems/{code}?lang={language}"' in page
        assert (meaning.en if language == "en" else meaning.zh) in page
    assert page.count("`record_bytes`") == 1


def test_every_endpoint_parameter_and_limit_has_words_in_both_languages() -> None:
    document = openapi("http://node.example")
    operations = [each for path in document["paths"].values() for each in path.values()]
    wanted = {
        "operation": {operation["operationId"] for operation in operations},
        "parameter": set(document["components"]["parameters"]),
        "tag": {tag for operation in operations for tag in operation["tags"]},
        "limit": set(document["x-limits"]),
    }
    for table, names in wanted.items():
        assert set(WORDS[table]) == names
    assert set(document["x-limits"]) == {name.lower() for name in vars(limits) if name.isupper()}
    for words in WORDS.values():
        for said in words.values():
            assert said["zh"] and said["en"]


@pytest.mark.parametrize("code", Code)
def test_a_problem_page_says_what_to_do_in_both_languages_the_readers_first(
    browser: FlaskClient, code: Code
) -> None:
    meaning = MEANINGS[code]
    chinese = _read(browser, f"/problems/{code}?lang=zh")
    english = _read(browser, f"/problems/{code}", Accept_Language="en")
    for page in (chinese, english):
        for said in (str(code), meaning.zh, meaning.en, meaning.next_zh, meaning.next_en):
            assert said in page
    assert chinese.index(meaning.next_zh) < chinese.index(meaning.next_en)
    assert english.index(meaning.next_en) < english.index(meaning.next_zh)
    assert '<html lang="zh-CN">' in chinese
    assert '<html lang="en">' in english


def test_a_reader_who_asks_for_nothing_gets_chinese(browser: FlaskClient) -> None:
    answer = browser.get("/docs")
    assert answer.headers["Content-Language"] == "zh-CN"
    assert "节点接口文档" in answer.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/docs", "/problems/invalid"])
def test_a_page_loads_nothing_and_its_policy_admits_its_own_style_alone(
    browser: FlaskClient, path: str
) -> None:
    answer = browser.get(path)
    page = answer.get_data(as_text=True)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    assert not re.search(r"<(script|link|img|iframe)|<[^>]*\s(style|src|on[a-z]+)=", page)
    assert not re.search(r"url\(|@import", style)
    assert not re.search(r'href="(?!/|\?|#)', page)


def test_every_link_within_the_documents_leads_somewhere(browser: FlaskClient) -> None:
    page = browser.get("/docs").get_data(as_text=True)
    ids = set(re.findall(r'id="([^"]+)"', page))
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert anchor in ids
    for path in sorted(set(re.findall(r'href="(/[^"]*)"', page))):
        with browser.get(path) as answer:
            assert answer.status_code == 200, path


def test_the_example_names_this_nodes_address(world: World, browser: FlaskClient) -> None:
    page = _read(browser, "/docs")
    assert f"`NODE={world.node.config.url}\n" in page
    assert EXAMPLE in page


def test_problems_of_a_record_are_told_apart_from_those_of_the_request(browser: FlaskClient) -> None:
    page = _read(browser, "/docs?lang=en")
    outcomes = page.partition("Problems of a single record: ")[2].partition("</p>")[0]
    assert "`no-agreement`" in outcomes
    assert "`replayed`" not in outcomes


def test_a_next_step_that_names_the_documents_links_them(browser: FlaskClient) -> None:
    page = browser.get("/problems/malformed?lang=en").get_data(as_text=True)
    assert '<a href="/docs">/docs</a>' in page
