"""The members of a kind of record as rows of a table, read from its published JSON Schema."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.fields import Digest, Division, Money, RecordId

_FORMS: Final[Mapping[str, Mapping[str, str]]] = tomllib.loads(
    (Path(__file__).parent / "templates" / "documents.toml").read_text(encoding="utf-8")
)["form"]
_PATTERNS: Final = {
    f"^(?:{Digest.pattern})$": "digest",
    f"^(?:{Division.pattern})$": "division",
    f"^(?:{Money.pattern})$": "money",
    f"^(?:{RecordId.pattern})$": "uuid",
    "^(?:[A-Za-z0-9_-]{21}[AQgw])$": "salt",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One member: how deep it lies, its name and word, what may stand in it, and its codes with their words."""

    depth: int
    name: str
    word: str
    form: str
    required: bool
    personal: bool
    codes: list[tuple[str, str]]


def rows(
    schema: Mapping[str, Any], spoken: str, *, private: bool = False, envelope: bool = False
) -> Iterator[Row]:
    """The rows of a kind's body, of its private part (none where there is none), or of the envelope."""
    definitions = schema["$defs"]
    if envelope:
        yield from _members(schema, definitions, spoken, 0, deep=False)
    elif private:
        if "Private" in definitions:
            yield from _members(definitions["Private"], definitions, spoken, 0)
    else:
        yield from _members(_referred(schema["properties"]["body"], definitions), definitions, spoken, 0)


def _members(
    shape: Mapping[str, Any], definitions: Mapping[str, Any], spoken: str, depth: int, *, deep: bool = True
) -> Iterator[Row]:
    required = shape.get("required", [])
    for name, member in shape["properties"].items():
        inner = _referred(member, definitions)
        several = _is(inner, "array")
        item = _referred(inner["items"], definitions) if several else inner
        nested = deep and "properties" in item
        yield Row(
            depth,
            name,
            member.get("title" if spoken == "en" else "x-title-zh", name),
            _form(name, inner, item, spoken, nested=nested, several=several)
            + (_FORMS["null"][spoken] if name in required and _may_be_null(member) else ""),
            name in required,
            bool(member.get("x-personal")),
            [(code, words[spoken]) for code, words in item.get("x-labels", {}).items()],
        )
        if nested:
            yield from _members(item, definitions, spoken, depth + 1)


def _form(
    name: str,
    member: Mapping[str, Any],
    item: Mapping[str, Any],
    spoken: str,
    *,
    nested: bool,
    several: bool,
) -> str:
    said = []
    if several:
        if _is(item, "array"):
            return _FORMS["points"][spoken]
        said.append(
            _FORMS["list"][spoken].format(least=member.get("minItems", 0), most=member.get("maxItems", "…"))
        )
    if not (several and nested):
        said.append(_single(name, item, spoken))
    return (": " if spoken == "en" else "\uff1a").join(said)


def _single(name: str, item: Mapping[str, Any], spoken: str) -> str:
    if name in ("sealed", "body"):
        return _FORMS["jwe" if name == "sealed" else "record"][spoken]
    if "const" in item:
        return _FORMS["constant"][spoken].format(value=item["const"])
    key = _key(item)
    bounds = {"least": item.get("minimum"), "most": item.get("maximum")}
    said = _FORMS[key][spoken]
    if key == "text" and "maxLength" in item:
        said += (", " if spoken == "en" else "\uff0c") + _FORMS["most"][spoken].format(most=item["maxLength"])
    elif key in ("whole", "number") and None not in bounds.values():
        said += (", " if spoken == "en" else "\uff0c") + _FORMS["range"][spoken].format(**bounds)
    return said


def _key(item: Mapping[str, Any]) -> str:
    if "x-labels" in item or "enum" in item:
        return "code" if "enum" in item else "open"
    if item.get("pattern") in _PATTERNS:
        return _PATTERNS[item["pattern"]]
    if "format" in item:
        return {"date-time": "time", "date": "date", "uuid": "uuid"}[item["format"]]
    for kind, key in (("integer", "whole"), ("number", "number"), ("boolean", "flag"), ("object", "object")):
        if _is(item, kind):
            return key
    return "text" if "maxLength" in item else "pattern"


def _is(schema: Mapping[str, Any], kind: str) -> bool:
    stated = schema.get("type", ())
    return kind in ([stated] if isinstance(stated, str) else stated)


def _may_be_null(member: Mapping[str, Any]) -> bool:
    return _is(member, "null") or any(_is(each, "null") for each in member.get("anyOf", ()))


def _referred(member: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind a `$ref`, or behind the one of two that is not null."""
    if "anyOf" in member:
        member = next(each for each in member["anyOf"] if each.get("type") != "null")
    if "$ref" in member:
        found: Mapping[str, Any] = definitions[member["$ref"].rpartition("/")[2]]
        return found
    return member
