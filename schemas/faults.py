"""From marshmallow's errors to JSON pointers (RFC 6901) and sentences that repeat no value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from marshmallow import ValidationError
from marshmallow.exceptions import SCHEMA

from schemas.personal import objection
from schemas.wording import Wording

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.+-]{1,64}\Z")

_UNKNOWN: Final = Wording("模式中没有这一项", "The schema has no such member.")
_UNNAMED: Final = Wording("含有模式中没有的项", "Holds a member that the schema does not have.")
_MARSHMALLOW: Final[Mapping[str, Wording]] = {
    "Unknown field.": _UNKNOWN,
    "Missing data for required field.": Wording("必须填写", "Is required."),
    "Field may not be null.": Wording("不得为 null", "Must not be null."),
    "Invalid input type.": Wording("须为对象", "Must be an object."),
}
"""What marshmallow says by itself."""

_Path: TypeAlias = tuple[str | int, ...]


class Fault(NamedTuple):
    """Where something is wrong, as a JSON pointer, and why: `detail` in English, `zh` in Chinese."""

    where: str
    detail: str
    zh: str


def faults(error: ValidationError) -> list[Fault]:
    """All faults, each once, in the order of their pointers; items of a list in the order of their numbers."""
    told = sorted((_told(path, wording) for path, wording in _flatten(_messages(error), ())), key=_order)
    return list(dict.fromkeys(_fault(path, wording) for path, wording in told))


def first_fault(error: ValidationError) -> Fault:
    """The first fault in the order of the schema, and how many more; unknown members come last, by name.

    A member's name that the sender made up is repeated only if it is a plain one.
    """
    found = list(_flatten(_messages(error), ()))
    known = [each for each in found if each[1] != _UNKNOWN]
    first = known[0] if known else min(found, key=lambda each: [str(step) for step in each[0]])
    fault = _fault(*_told(*first))
    more = len(found) - 1
    if not more:
        return fault
    return Fault(fault.where, f"{fault.detail} ({more} more)", f"{fault.zh}（另有 {more} 处）")


def _told(path: _Path, wording: Wording) -> tuple[_Path, Wording]:
    """A fault without a name that the sender made up, unless that is a plain one."""
    if wording == _UNKNOWN and not _is_plain(path):
        return path[:-1], _UNNAMED
    return path, wording


def _is_plain(path: _Path) -> bool:
    name = str(path[-1]) if path else ""
    return _PLAIN_NAME.match(name) is not None and objection(name) is None


def _order(told: tuple[_Path, Wording]) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (-1, step) for step in told[0]]


def _fault(path: _Path, wording: Wording) -> Fault:
    where = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return Fault(where, wording.en, wording.zh)


def _messages(error: ValidationError) -> Any:
    return error.messages if isinstance(error.messages, dict) else {SCHEMA: error.messages}


def _flatten(messages: Any, path: _Path) -> Iterator[tuple[_Path, Wording]]:
    if isinstance(messages, dict):
        for step, inner in messages.items():
            yield from _flatten(inner, path if step == SCHEMA else (*path, step))
    else:
        for message in messages:
            yield path, message if isinstance(message, Wording) else _wording(str(message))


def _wording(message: str) -> Wording:
    return _MARSHMALLOW.get(message) or Wording("不符合模式", message)
