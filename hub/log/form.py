"""The form of an entry: every member of every type, as a check for one entry and as a pattern for millions.

`check` and `numberings` judge by the same parts below; a property test holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import orjson

from hub.errors import Code, Problem
from hub.log.note import split_note
from schemas.limits import PAGE_RECORDS, RECIPIENTS
from schemas.markings import MARKINGS

VERSION: Final = 1
NUMBER_LIMIT: Final = 10**15
"""Numbers in entries stay below this, which every JSON reader holds exactly (RFC 8259 §6)."""
BASIS_LENGTH: Final = 500
OPERATOR_LENGTH: Final = 128
AHEAD: Final = 2_000
"""Of the numbers that a city's old node had fetched ahead of others, at most so many are told."""

_CITY: Final = "[1-9][0-9]{5}"
_POSITIVE: Final = "[1-9][0-9]{0,14}+"
_ID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_DIGEST: Final = "[0-9a-f]{64}"
_KIND: Final = "[a-z][a-z0-9_]{0,63}+"
_MARKING: Final = f"(?:{'|'.join(re.escape(marking) for marking in MARKINGS)})"
_ORIGIN: Final = "[A-Za-z0-9][A-Za-z0-9._/-]{0,127}+"
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_AFTER_DAY: Final = rf"T{_TIME}:[0-5][0-9](?:\.[0-9]{{1,6}}+)?+(?:Z|[+-]{_TIME})"
_DAY: Final = "[0-9-]{10}"
"""The outline; `_is_day` then knows the calendar."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_Form = Callable[[Any], bool]


def _like(pattern: str) -> _Form:
    matches = re.compile(pattern).fullmatch
    return lambda value: isinstance(value, str) and matches(value) is not None


def _number(lowest: int) -> _Form:
    return lambda value: type(value) is int and lowest <= value < NUMBER_LIMIT


def _text(longest: int) -> _Form:
    return lambda value: isinstance(value, str) and 0 < len(value) <= longest and not _CONTROL.search(value)


@lru_cache(maxsize=1024)
def _is_day(outlined: str | bytes) -> bool:
    try:
        date.fromisoformat(outlined.decode() if isinstance(outlined, bytes) else outlined)
    except ValueError:
        return False
    return True


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and _OUTLINE.fullmatch(value) is not None and _is_day(value[:10])


_OUTLINE: Final = re.compile(_DAY + _AFTER_DAY)


def _is_numbering(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and 0 < len(value) <= RECIPIENTS
        and all(_is_city(city) and _is_positive(n) for city, n in value.items())
    )


def _is_index_list(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= PAGE_RECORDS and all(map(_is_index, value))


def _is_number_list(value: Any) -> bool:
    """Numbers of a stream, each greater than the one before; there may be none."""
    return (
        isinstance(value, list)
        and len(value) <= AHEAD
        and all(map(_is_positive, value))
        and all(one < other for one, other in pairwise(value))
    )


def _is_checkpoint(value: Any) -> bool:
    try:
        split_note(value)
    except Problem:
        return False
    return True


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and value in _CODES


_CODES: Final = frozenset(code.value for code in Code)
_is_city = _like(_CITY)
_is_positive = _number(1)
_is_index = _number(0)
_is_digest = _like(_DIGEST)
_is_id = _like(_ID)
_is_kid = _like("[A-Za-z0-9_-]{43}")

_ROUTED: Final[dict[str, _Form]] = {
    "id": _is_id,
    "revision": _is_positive,
    "digest": _is_digest,
    "kind": _like(_KIND),
    "from": _is_city,
    "marking": _like(_MARKING),
    "to": _is_numbering,
}
FORMS: Final[dict[str, dict[str, _Form]]] = {
    "accepted": _ROUTED,
    "received": {**_ROUTED, "via": _like(_ORIGIN), "via_index": _is_index},
    "moved": {**_ROUTED, "via": _like(_ORIGIN), "via_index": _is_index},
    "departed": {"city": _is_city, "node": _like(_ORIGIN), "last": _is_index},
    "hosted": {
        "city": _is_city,
        "via": _like(_ORIGIN),
        "via_size": _is_index,
        "last": _is_index,
        "begins": _is_index,
        "before": _is_index,
        "ahead": _is_number_list,
    },
    "served": {"by": _is_kid, "request": _is_digest, "indexes": _is_index_list},
    "opened": {"by": _text(OPERATOR_LENGTH), "id": _is_id, "revision": _is_positive},
    "refused": {"by": _is_kid, "code": _is_code, "digest": _is_digest},
    "trust": {"file": _like("[a-z0-9][a-z0-9._-]{0,63}"), "version": _is_positive, "digest": _is_digest},
    "erased": {"index": _is_index, "digest": _is_digest, "basis": _text(BASIS_LENGTH)},
    "equivocation": {"origin": _like(_ORIGIN), "ours": _is_checkpoint, "theirs": _is_checkpoint},
    "epoch": {"abandoned": _is_checkpoint, "basis": _text(BASIS_LENGTH)},
}
TYPES: Final = tuple(FORMS)


def check(members: Mapping[str, Any]) -> str:
    """Hold an entry's members against the row of its type; the type. Raises `Problem` MALFORMED (`where`)."""
    type_ = members.get("type")
    forms = FORMS.get(type_) if isinstance(type_, str) else None
    if forms is None:
        raise Problem(Code.MALFORMED, "the entry is of no known type", where="/type")
    if type(members.get("v")) is not int or members["v"] != VERSION:
        raise Problem(Code.MALFORMED, "the entry is of another version", where="/v")
    if not _is_time(members.get("at")):
        raise Problem(Code.MALFORMED, "at is an RFC 3339 time with an offset", where="/at")
    for name, fits in forms.items():
        if name not in members:
            raise Problem(Code.MALFORMED, f"an entry of type {type_} has a member {name}", where=f"/{name}")
        if not fits(members[name]):
            raise Problem(Code.MALFORMED, f"{name} has not the form that an entry's has", where=f"/{name}")
    if len(members) != len(forms) + 3:
        raise Problem(Code.MALFORMED, f"an entry of type {type_} has a member that is unknown")
    if "to" in forms and members["from"] in members["to"]:
        raise Problem(Code.MALFORMED, "a sender is no recipient of its own record", where="/to")
    return str(type_)


_NUMBERED: Final = f'(?!(?P=sender))"{_CITY}":{_POSITIVE}'
_ROUTED_LINE: Final = (
    rf'\{{"at":"({_DAY}){_AFTER_DAY}","digest":"(.{{64}})","from":(?P<sender>"{_CITY}"),'
    rf'"id":"(.{{36}})","kind":"{_KIND}","marking":"{_MARKING}","revision":{_POSITIVE},'
    rf'"to":(\{{{_NUMBERED}(?:,{_NUMBERED}){{0,{RECIPIENTS - 1}}}+\}}),"type":"(?:accepted","v":1|'
    rf'received","v":1,"via":"{_ORIGIN}","via_index":(?:0|{_POSITIVE}))\}}'
)
_LINES: Final = re.compile(rf"^(?:{_ROUTED_LINE}|.*+)$".encode(), re.MULTILINE)
"""Matches once a line; its groups (day, digest, sender, id, `to`) are empty where the line is no routed entry.

Of digest and id it knows the length alone; `_all_digests` and `_all_ids` look at those of all lines together.
"""
_HEX: Final = b"0123456789abcdef"
_HEX_TO_ZERO: Final = bytes.maketrans(_HEX, b"0" * len(_HEX))
_ZERO_ID: Final = b"00000000-0000-0000-0000-000000000000"


def _all_digests(digests: Sequence[bytes]) -> bool:
    return not b"".join(digests).translate(None, _HEX)


def _all_ids(ids: Sequence[bytes]) -> bool:
    return b"".join(ids).translate(_HEX_TO_ZERO) == _ZERO_ID * (len(ids) - ids.count(b""))


def numberings(lines: Sequence[bytes]) -> list[dict[str, int] | None]:
    """`to` of each line that is an `accepted` or `received` entry; None for other entries and broken lines.

    It judges as `decode` does, at a tenth of the cost: all lines go through one pattern and one JSON parser
    together. A property test holds the two against each other.
    """
    if not lines:
        return []
    found = _LINES.findall(b"\n".join(lines))
    if len(found) != len(lines):  # an entry with a newline is none, and would be two lines here
        found = _LINES.findall(b"\n".join([b"" if b"\n" in line else line for line in lines]))
    days, digests, _, ids, numbered = zip(*found, strict=True)
    joined = b"[" + b",".join(filter(None, numbered)) + b"]"
    parsed: list[dict[str, int] | None] = orjson.loads(joined)
    canonical = orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)
    # Some city stands twice or out of order, or a digest or id is none: which line's, they tell one by one.
    if canonical != joined or not _all_digests(digests) or not _all_ids(ids):
        return [None] if len(lines) == 1 else [numberings([line])[0] for line in lines]
    if len(parsed) == len(lines) and all(map(_is_day, set(days))):
        return parsed
    to = iter(parsed)
    routed = [(day, next(to) if day else None) for day in days]
    return [numbering if day and _is_day(day) else None for day, numbering in routed]
