"""One page of a list in JSON, looked through before it is handed on: is it whole, has it items, what is next?

Rows are not read here. What counts is that a page which is no list (an error, a login form) is never taken for
the end of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import ijson

from adapters.formats.decoding import UTF_8, Decoding
from adapters.formats.json_list import JsonText
from adapters.limits import JSON_DEPTH

_SCALARS: Final = frozenset({"string", "number", "boolean", "null"})


@dataclass(frozen=True, slots=True)
class Page:
    """What was seen: whether the list is there, whether it has items, and the member that leads on."""

    has_list: bool
    has_items: bool
    following: str | None


def look_through(stream: BinaryIO, items: str, following: str | None) -> Page:
    """Look through a page; `items` is the list's place (`data.list`, empty: the document), as is `following`.

    The stream is at its beginning again afterwards. Raises: ValueError if the page is not JSON, and whole.
    """
    wanted = tuple(items.split(".")) if items else ()
    member = tuple(following.split(".")) if following else None
    has_list = has_items = False
    leads: str | None = None
    deepest = max(len(wanted), len(member or ())) + JSON_DEPTH
    try:
        for path, event, value in _paths(stream, deepest):
            if path == wanted:
                has_list = has_list or event == "start_array"
            elif path == (*wanted, None) and has_list:
                has_items = True
            if path == member and event in ("string", "number"):
                leads = str(value)
    except (ijson.JSONError, ArithmeticError) as error:
        raise ValueError("not JSON") from error
    stream.seek(0)
    return Page(has_list, has_items, leads or None)


def _paths(stream: BinaryIO, deepest: int) -> Iterator[tuple[tuple[str | None, ...], str, Any]]:
    """ijson's events that begin a value, with the way there: names of members, None for an item of a list.

    ijson's own prefixes grow with the square of the depth, and its depth has no end.
    """
    path: list[str | None] = []
    for event, value in ijson.basic_parse(JsonText(Decoding(stream, UTF_8, b'"')), buf_size=65_536):
        if event == "map_key":
            path[-1] = value
        elif event in _SCALARS:
            yield tuple(path), event, value
        elif event in ("start_map", "start_array"):
            yield tuple(path), event, value
            if len(path) >= deepest:
                raise ValueError("nested too deeply")
            path.append(None)
        else:
            path.pop()
