"""A record's envelope, body and private part as lines for a person: members by their labels, codes by their words.

1. The schema says what is a code, a time, a division, and what is personal; so nothing here lists members.
2. What came from elsewhere cannot move or turn around what stands beside it: of the characters that would,
   newlines and tabs are left in values; all others are shown by their number, `<U+202E>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from marshmallow import fields

from schemas import divisions
from schemas.fields import Code, DateTime, Division, Flag, Many, OpenCode, Part
from schemas.labels import Language, label, member_label
from schemas.shape import Shape

MASK: Final = "●●●"
LOCAL_TIME: Final = ZoneInfo("Asia/Shanghai")
OFFSET: Final = "+08:00"
Lines = Iterator[tuple[str, str]]

_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
"""C0 and C1 but for tab and newline; what turns text around or ends a line (Unicode UAX 9), lone surrogates, marks."""


def lines(shape: type[Shape] | None, value: Mapping[str, Any], path: str, language: Language) -> Lines:
    """The members of an object, one a line, those that say nothing left out. `path` begins with the kind."""
    for heading, said in _Speaker(language).lines(shape, value, path, 0):
        yield " ".join(visible(heading).split("\n")), visible(said)


def envelope(members: Mapping[str, Any], names: Iterable[str], language: Language) -> Lines:
    """The named members of a record beside its body, by their wire names, whether they fit its schema or not."""
    for name in names:
        if members.get(name) is not None:
            yield member_label(name, language), visible(_of_envelope(name, members[name], language))


def visible(text: str) -> str:
    """`text` with what would not be seen, and yet do something, shown by its number."""
    return _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def city_name(code: str, language: Language) -> str:
    """A division's code with its name."""
    name = divisions.name(code, language)
    return code if name == code else f"{code} {name}"


def listing(items: Iterable[str], language: Language) -> str:
    """Several things in one text, parted as the language does it."""
    return ("、" if language == "zh" else ", ").join(items)


def clock(moment: datetime | str) -> str:
    """A time as people write it here, without its offset."""
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return parsed.astimezone(LOCAL_TIME).strftime("%Y-%m-%d %H:%M:%S")


def local(moment: datetime | str) -> str:
    """The same with its offset."""
    return f"{clock(moment)} {OFFSET}"


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


def members(shape: type[Shape]) -> dict[str, fields.Field[Any]]:
    """A schema's fields by their names in JSON."""
    declared: Mapping[str, fields.Field[Any]] = shape._declared_fields
    return {field.data_key or name: field for name, field in declared.items()}


class _Speaker:
    """Members in a language."""

    def __init__(self, language: Language) -> None:
        self._language: Language = language

    def lines(self, shape: type[Shape] | None, value: Mapping[str, Any], path: str, depth: int) -> Lines:
        declared = {} if shape is None else members(shape)
        ordered = [
            *(name for name in declared if name in value),
            *(name for name in value if name not in declared),
        ]
        for name in ordered:
            held = value[name]
            if held is None or held == []:
                continue
            heading = "  " * depth + member_label(f"{path}/{name}", self._language)
            yield from self._member(declared.get(name), held, f"{path}/{name}", heading, depth)

    def _member(
        self, field: fields.Field[Any] | None, value: Any, path: str, heading: str, depth: int
    ) -> Lines:
        if isinstance(field, Part) and isinstance(value, dict):
            yield heading, ""
            yield from self.lines(field.shape, value, path, depth + 1)
        elif isinstance(field, Many) and isinstance(value, list) and isinstance(field.item, Part):
            for number, item in enumerate(value, start=1):
                yield f"{heading} {number}", ""
                if isinstance(item, dict):
                    yield from self.lines(field.item.shape, item, path, depth + 1)
        elif isinstance(field, Many) and isinstance(value, list):
            yield heading, listing((self._said(field.item, item) for item in value), self._language)
        else:
            yield heading, self._said(field, value)

    def _said(self, field: fields.Field[Any] | None, value: Any) -> str:
        if isinstance(value, str):
            if isinstance(field, Code | OpenCode):
                return label(field.codes.name, value, self._language)
            if isinstance(field, Division):
                return city_name(value, self._language)
            if isinstance(field, DateTime):
                return _time(value)
            return value
        if isinstance(field, Flag) and isinstance(value, bool):
            return label("flag", str(value).lower(), self._language)
        return orjson.dumps(value).decode()


def _of_envelope(name: str, value: Any, language: Language) -> str:
    try:
        match name:
            case "kind" | "marking":
                return label(name, value, language)
            case "from":
                return city_name(value, language)
            case "to":
                return listing((city_name(code, language) for code in value), language)
            case "issued_at" | "expires_at":
                return local(value)
    except (TypeError, ValueError, KeyError, OverflowError):
        pass
    return str(value)


def _time(text: str) -> str:
    try:
        return local(text)
    except (ValueError, OverflowError):
        return text


def _hidden(value: Any, steps: Sequence[str]) -> Any:
    if not steps:
        return MASK
    step, *rest = steps
    if isinstance(value, dict) and step in value:
        return {**value, step: _hidden(value[step], rest)}
    if isinstance(value, list) and step.isdigit() and int(step) < len(value):
        return [_hidden(each, rest) if place == int(step) else each for place, each in enumerate(value)]
    return value


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
