"""JSON as the wire contract has it (section 2): one text, one value, and nothing that two readers could differ on.

Refused, all as `malformed`: bytes that are not UTF-8, a byte order mark, trailing bytes, duplicate names
at any depth, NaN and infinities (also as `1e400`), integers beyond 64 bits, nesting deeper than the
limit, lone surrogates whether escaped or not.

The good case costs little: a text that orjson reads and writes back byte for byte can have no duplicate
names, no other spelling of a number and no escape that was not needed. Every other text goes through the
slow reader, which alone decides.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import orjson

from hub.errors import Code, Problem
from schemas.limits import JSON_DEPTH

_BRACKETS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
"""Strings (skipped whole, an unclosed one to the end), opening and closing brackets."""

_INTEGER_DIGITS: Final = 20
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**64 - 1

_WRITE: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def loads(text: str | bytes, *, depth: int = JSON_DEPTH) -> Any:
    """The value of a JSON text, nested at most `depth` deep.

    Raises:
        Problem: `malformed`, whatever is wrong with it; never anything else.
    """
    try:
        raw = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError:
        _refuse("a lone surrogate")
    try:
        value = orjson.loads(raw)
        same = orjson.dumps(value) == raw
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return _loads_slowly(raw, depth)
    if same and (raw.count(b"{") + raw.count(b"[") <= depth or _is_shallow(value, depth)):
        return value
    return _loads_slowly(raw, depth)


def dumps(value: Any) -> bytes:
    """Compact JSON: names sorted, UTF-8, escaped only where JSON needs it.

    Raises:
        Problem: `malformed` for what JSON cannot carry.
    """
    try:
        return orjson.dumps(value, option=_WRITE)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise Problem(Code.MALFORMED, "this value cannot be written as JSON") from error


def _loads_slowly(raw: bytes, depth: int) -> Any:
    try:
        text = raw.decode("utf-8", "strict")
    except UnicodeDecodeError:
        _refuse("bytes that are not UTF-8")
    if not nested_within(text, depth):
        _refuse(f"nesting deeper than {depth}")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except (ValueError, RecursionError):
        _refuse("text that is not JSON")
    if "\\u" in text:
        try:
            orjson.dumps(value)
        except (orjson.JSONEncodeError, RecursionError):
            _refuse("a lone surrogate")
    return value


def _is_shallow(value: Any, most: int) -> bool:
    """Whether a value's objects and lists nest at most `most` deep, told level by level."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        inner: list[Any] = []
        for each in level:
            inner += [
                child
                for child in (each.values() if type(each) is dict else each)
                if type(child) is dict or type(child) is list
            ]
        if not inner:
            return True
        level = inner
    return not level


def nested_within(text: str, most: int) -> bool:
    """Whether brackets nest at most `most` deep; stops at the first that does not."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        mark = text[match.start()]
        if mark in "[{":
            depth += 1
            if depth > most:
                return False
        elif mark in "]}":
            depth -= 1
    return True


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            _refuse("a name that stands twice in one object")
        members[name] = value
    return members


def _constant(_: str) -> NoReturn:
    _refuse("NaN or an infinity")


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS:
        _refuse("an integer beyond 64 bits")
    value = int(digits)
    if not _LOWEST <= value <= _HIGHEST:
        _refuse("an integer beyond 64 bits")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        _refuse("a number too large for a double")
    return value


def _refuse(what: str) -> NoReturn:
    raise Problem(Code.MALFORMED, f"The JSON text holds {what}.") from None
