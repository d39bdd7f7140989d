"""A record's body or private part as lines for a person: members by their labels, codes by their words.

The schema says what is a code, a time, a division, and what is personal; so nothing here lists members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from marshmallow import fields

from hub.cli.output import city_name, listing, local
from hub.translation import language
from schemas.fields import Code, DateTime, Division, Flag, Many, OpenCode, Part
from schemas.labels import label, member_label
from schemas.shape import Shape

MASK: Final = "●●●"
Lines = Iterator[tuple[str, str]]


def lines(shape: type[Shape] | None, value: Mapping[str, Any], path: str, depth: int = 0) -> Lines:
    """The members of an object, one a line, those that say nothing left out. `path` begins with the kind."""
    declared = {} if shape is None else members(shape)
    ordered = [
        *(name for name in declared if name in value),
        *(name for name in value if name not in declared),
    ]
    for name in ordered:
        held = value[name]
        if held is None or held == []:
            continue
        heading = "  " * depth + member_label(f"{path}/{name}", language())
        yield from _member(declared.get(name), held, f"{path}/{name}", heading, depth)


def masked(shape: type[Shape], value: Any) -> Any:
    """`value` with every personal member of its schema, and every unknown one, hidden."""
    if not isinstance(value, dict):
        return MASK
    declared = members(shape)
    return {name: _masked_member(declared.get(name), held) for name, held in value.items()}


def hidden(value: Any, pointers: Iterable[str]) -> Any:
    """`value` with what JSON pointers (RFC 6901) lead to hidden, too."""
    for pointer in pointers:
        value = _hidden(
            value, [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        )
    return value


def _hidden(value: Any, steps: Sequence[str]) -> Any:
    if not steps:
        return MASK
    step, *rest = steps
    if isinstance(value, dict) and step in value:
        return {**value, step: _hidden(value[step], rest)}
    if isinstance(value, list) and step.isdigit() and int(step) < len(value):
        return [_hidden(each, rest) if place == int(step) else each for place, each in enumerate(value)]
    return value


def members(shape: type[Shape]) -> dict[str, fields.Field[Any]]:
    """A schema's fields by their names in JSON."""
    declared: Mapping[str, fields.Field[Any]] = shape._declared_fields
    return {field.data_key or name: field for name, field in declared.items()}


def _masked_member(field: fields.Field[Any] | None, value: Any) -> Any:
    if value is None:
        return None
    if field is None or field.metadata.get("personal"):
        return MASK
    if isinstance(field, Part):
        return masked(field.shape, value)
    if isinstance(field, Many):
        return [_masked_member(field.item, item) for item in value] if isinstance(value, list) else MASK
    return value


def _member(field: fields.Field[Any] | None, value: Any, path: str, heading: str, depth: int) -> Lines:
    if isinstance(field, Part) and isinstance(value, dict):
        yield heading, ""
        yield from lines(field.shape, value, path, depth + 1)
    elif isinstance(field, Many) and isinstance(value, list) and isinstance(field.item, Part):
        for number, item in enumerate(value, start=1):
            yield f"{heading} {number}", ""
            if isinstance(item, dict):
                yield from lines(field.item.shape, item, path, depth + 1)
    elif isinstance(field, Many) and isinstance(value, list):
        yield heading, listing(_shown(field.item, item) for item in value)
    else:
        yield heading, _shown(field, value)


def _shown(field: fields.Field[Any] | None, value: Any) -> str:
    if isinstance(value, str):
        if isinstance(field, Code | OpenCode):
            return label(field.codes.name, value, language())
        if isinstance(field, Division):
            return city_name(value)
        if isinstance(field, DateTime):
            return _time(value)
        return value
    if isinstance(field, Flag) and isinstance(value, bool):
        return label("flag", str(value).lower(), language())
    return orjson.dumps(value).decode()


def _time(text: str) -> str:
    try:
        return local(text)
    except ValueError:
        return text
