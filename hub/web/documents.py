"""The pages that a person reads at a node: `/docs` and `/problems/<code>`.

What they say of endpoints, members, codes, limits and problems is read from where the program reads it; only the
words for endpoints and limits stand beside the templates, in `documents.toml`. The pages load nothing: their
style is in them, and the Content-Security-Policy admits that style alone.
"""

from __future__ import annotations

import tomllib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias

from flask import Response, render_template, request
from markupsafe import Markup

from hub.errors import MEANINGS, Code
from hub.web.answering import language
from hub.web.members import Row, rows
from schemas.json_schema import json_schema
from schemas.kinds import KINDS
from schemas.labels import label
from schemas.publish import openapi

TEMPLATES: Final = Path(__file__).parent / "templates"
WORDS: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = tomllib.loads(
    (TEMPLATES / "documents.toml").read_text(encoding="utf-8")
)
STYLE: Final = (TEMPLATES / "page.css").read_text(encoding="utf-8")
EXAMPLE: Final = (TEMPLATES / "example.sh").read_text(encoding="utf-8")
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Move: TypeAlias = tuple[str, str, list[tuple[str, str]]]
"""A state with its word, and those that may follow it with theirs."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path, as the page shows it; `parameters` are (name, meaning, range).

    `problems` answer the request as a whole, `outcomes` a single record of it.
    """

    method: str
    path: str
    tag: str
    summary: str
    caller: str
    parameters: list[tuple[str, str, str]]
    problems: list[str]
    outcomes: list[str]


@dataclass(frozen=True, slots=True)
class KindPage:
    """One kind of record, as the page shows it."""

    name: str
    version: int
    word: str
    body: list[Row]
    private: list[Row]
    moves: list[Move]


def docs_page(node: str, url: str) -> Response:
    """`/docs`: what this node is, how it is called, what it takes and what it refuses."""
    spoken = _spoken()
    document = openapi(url)
    return _page(
        "docs.html",
        spoken,
        node=node,
        url=url,
        endpoints=list(_endpoints(document, spoken)),
        envelope=list(_envelope(spoken)),
        kinds=[_kind(*name, spoken) for name in KINDS],
        limits=list(_limits(document, spoken)),
        meanings=MEANINGS,
        example=EXAMPLE,
        tags={tag: words[spoken] for tag, words in WORDS["tag"].items()},
    )


def problem_page(node: str, code: Code) -> Response:
    """`/problems/<code>`: what a code means and what to do, in both languages."""
    return _page("problem.html", _spoken(), node=node, code=str(code), meaning=MEANINGS[code])


def _page(template: str, spoken: str, **shown: Any) -> Response:
    style = Markup(STYLE)  # noqa: S704 - our own file; it may hold no entities, or its hash would not fit
    answer = Response(render_template(template, spoken=spoken, style=style, **shown))
    answer.headers["Content-Language"] = "en" if spoken == "en" else "zh-CN"
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.vary.add("Accept-Language")
    return answer


def _spoken() -> str:
    asked = request.args.get("lang")
    return asked if asked in ("zh", "en") else language(request)


def _endpoints(document: Mapping[str, Any], spoken: str) -> Iterator[Endpoint]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name, tag = operation["operationId"], operation["tags"][0]
            caller = name if name in WORDS["caller"] else "operator" if tag == "operation" else "anyone"
            answers = operation["responses"].values()
            yield Endpoint(
                method.upper(),
                path,
                tag,
                WORDS["operation"][name][spoken],
                WORDS["caller"][caller][spoken],
                [_parameter(each["$ref"], document, spoken) for each in operation.get("parameters", [])],
                sorted({code for answer in answers for code in answer.get("x-problems", [])}),
                sorted(operation.get("x-record-problems", [])),
            )


def _parameter(reference: str, document: Mapping[str, Any], spoken: str) -> tuple[str, str, str]:
    key = reference.rpartition("/")[2]
    parameter = document["components"]["parameters"][key]
    schema = parameter["schema"]
    bounds = {"least": schema.get("minimum"), "most": schema.get("maximum")}
    form = ""
    if bounds["most"] is not None:
        form = WORDS["form"]["range"][spoken].format(**bounds)
    elif bounds["least"] is not None:
        form = WORDS["form"]["from"][spoken].format(**bounds)
    return parameter["name"], WORDS["parameter"][key][spoken], form


def _envelope(spoken: str) -> Iterator[Row]:
    """The members that all kinds share; what binds them to one kind is said of any."""
    for row in rows(json_schema(*next(iter(KINDS))), spoken, envelope=True):
        if row.name in ("kind", "version"):
            codes = [(name, label("kind", name, "en" if spoken == "en" else "zh")) for name, _ in KINDS]
            yield replace(
                row, form=WORDS["form"][row.name][spoken], codes=codes if row.name == "kind" else []
            )
        else:
            yield row


def _kind(name: str, version: int, spoken: str) -> KindPage:
    schema = json_schema(name, version)
    body = list(rows(schema, spoken))
    states = [row.codes for row in body if row.name == "state" and row.depth == 0]
    moves = KINDS[name, version].transitions
    return KindPage(
        name,
        version,
        schema["title"] if spoken == "en" else schema["x-title-zh"],
        body,
        list(rows(schema, spoken, private=True)),
        [] if moves is None else list(_moves(moves, dict(states[0]))),
    )


def _moves(moves: Mapping[str, frozenset[str]], words: Mapping[str, str]) -> Iterator[Move]:
    """Which state may follow which, in the order of the code list."""
    for before, word in words.items():
        yield before, word, [(after, words[after]) for after in words if after in moves.get(before, ())]


def _limits(document: Mapping[str, Any], spoken: str) -> Iterator[tuple[str, str, str]]:
    for name, value in document["x-limits"].items():
        words = WORDS["limit"][name]
        yield name, words[spoken], _measure(value, words["unit"], spoken)


def _measure(value: int, unit: str, spoken: str) -> str:
    if unit == "seconds":
        return f"{value} s" if spoken == "en" else f"{value} 秒"
    if unit == "bytes":
        for size, name in ((1024**2, "MiB"), (1024, "KiB")):
            if value % size == 0:
                return f"{value // size} {name}"
        return f"{value:,} bytes" if spoken == "en" else f"{value:,} 字节"
    return f"{value:,}"
