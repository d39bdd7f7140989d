"""A list of objects somewhere in a JSON document, read as it streams by (ijson over yajl).

Objects are put together here from ijson's events, so that nothing nests deeper than `JSON_DEPTH`, a member
that comes twice is seen, and numbers keep their digits. Bytes in GB18030 are decoded first: yajl takes UTF-8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, BinaryIO, ClassVar, Final

import ijson

from adapters.drafts import Place, Reason, Rejection, reject
from adapters.formats.decoding import Decoding
from adapters.formats.form import Entry, Form, Item, Outgoing, nested
from adapters.limits import JSON_DEPTH, ROW_CHARACTERS
from adapters.values.json_text import marked, whole_escapes

_MOST_DIGITS: Final = 4_000
_LONG_NUMBER: Final = re.compile(f"[0-9]{{{_MOST_DIGITS},}}")
_OPENING: Final = ("start_map", "start_array")
_CLOSING: Final = ("end_map", "end_array")


class JsonList(Form):
    """`JsonList("data.list")`: the list's place in the document; several where a file has several lists.

    `JsonList()` is a document that is itself the list. Every object's row number is its place in its list.
    """

    suffix: ClassVar[str] = "json"
    named: ClassVar[bool] = True
    source_suffix: ClassVar[str] = "json"
    whole: ClassVar[bool] = False

    def __init__(self, *lists: str, encoding: str = "utf-8") -> None:
        self.lists = lists or ("",)
        self.encoding = encoding

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonList) and (self.lists, self.encoding) == (other.lists, other.encoding)

    def __hash__(self) -> int:
        return hash((self.lists, self.encoding))

    def recognises(self, head: bytes, stream: BinaryIO) -> bool:
        return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")

    def read(self, stream: BinaryIO) -> Iterator[Item]:
        decoding = Decoding(stream, self.encoding, b'"')
        reading = _Reading(self.lists)
        try:
            yield from reading.items(ijson.basic_parse(JsonText(decoding), buf_size=65_536))
        except ijson.IncompleteJSONError:
            yield reject(Place(reading.number or None), "", Reason.NOT_JSON)
        except (ijson.JSONError, ValueError, ArithmeticError):
            yield reject(Place(reading.number or None), "", Reason.NOT_JSON)
        else:
            if not reading.found:
                where = " / ".join(self.lists) or "[]"
                yield reject(
                    Place(),
                    where,
                    Reason.WRONG_FORMAT,
                    zh=f"文件中没有列表 {where}，请核对接口",
                    en=f"the document has no list {where}; look at what was exported",
                )
        yield from decoding.notes()

    def write(self, stream: BinaryIO, outgoing: Sequence[Outgoing]) -> None:
        before, after = _around((outgoing[0].at if outgoing else "") or self.lists[0])
        stream.write(before.encode(self.encoding))
        comma = ""
        for table in outgoing:
            for row in table.rows:
                text = comma + "\n" + json.dumps(nested(row), ensure_ascii=False, default=_number)
                stream.write(text.encode(self.encoding))
                comma = ","
        stream.write(("\n" + after + "\n").encode(self.encoding))

    def holds(self, cell: Any) -> bool:
        return True

    def sample(self, sources: Mapping[str, bytes]) -> bytes:
        (source,) = sources.values()
        return source.decode().encode(self.encoding)


class JsonText:
    """Decoded text as the stream of UTF-8 that ijson takes.

    Python makes no number of more than 4,300 digits (CVE-2020-10735), and ijson's C reader, which does not
    look whether it did, brings the process down. So no such run of digits is handed to it, not even split.
    Halves of characters, which it would replace or join to others, are marked (`json_text`).
    """

    def __init__(self, decoding: Decoding) -> None:
        self._pieces = decoding.pieces()
        self._before = ""
        self._held = ""

    def read(self, size: int = -1) -> bytes:
        if size == 0:
            return b""
        for piece in self._pieces:
            text = self._held + piece
            end = whole_escapes(text)
            self._held = text[end:]
            if end:
                return self._checked(text[:end])
        rest, self._held = self._held, ""
        return self._checked(rest)

    def _checked(self, text: str) -> bytes:
        if _LONG_NUMBER.search(self._before + text) is not None:
            raise ValueError("a number is too long")
        self._before = text[-_MOST_DIGITS:] if text[-1:].isdigit() else ""
        return marked(text).encode("utf-8", "replace")


class _Reading:
    """Where in the document the reading stands."""

    def __init__(self, lists: Sequence[str]) -> None:
        self._lists = {tuple(name.split(".")) if name else (): name for name in lists}
        self._deepest = max(map(len, self._lists))
        self.found = False
        self.number = 0

    def items(self, events: Iterator[tuple[str, Any]]) -> Iterator[Entry | Rejection]:
        """Raises: what ijson raises."""
        path: list[str | None] = []
        key: str | None = None
        depth = 0
        for event, value in events:
            if event == "map_key":
                key = value
            elif event in _OPENING:
                depth += 1
                if depth > self._deepest + JSON_DEPTH:
                    raise ValueError("nested too deeply")
                if key is not None or path or depth > 1:
                    path.append(key)
                name = self._lists.get(tuple(path)) if event == "start_array" else None  # type: ignore[arg-type]
                if name is not None:
                    self.found = True
                    yield from self._list(events, name)
                    depth -= 1
                    if path:
                        path.pop()
                key = None
            elif event in _CLOSING:
                depth -= 1
                if path:
                    path.pop()
                key = None
            else:
                key = None

    def _list(self, events: Iterator[tuple[str, Any]], name: str) -> Iterator[Entry | Rejection]:
        self.number = 0
        for event, _ in events:
            if event == "end_array":
                return
            self.number += 1
            place = Place(self.number)
            if event == "start_map":
                yield _object(events, place, name)
                continue
            if event == "start_array":
                _pass_over(events)
            yield reject(place, name, Reason.BROKEN_ROW, zh="该项不是对象", en="this item is no object")


def _object(events: Iterator[tuple[str, Any]], place: Place, name: str) -> Entry | Rejection:
    try:
        cells, repeated = _members(events, 1)
    except _TooDeep as error:
        _skip(events, error.open)
        return reject(place, name, Reason.TOO_LARGE)
    if sum(len(cell) for cell in cells.values() if type(cell) is str) > ROW_CHARACTERS:
        return reject(place, name, Reason.TOO_LARGE)
    return Entry(place, name, cells, repeated)


def _pass_over(events: Iterator[tuple[str, Any]]) -> None:
    try:
        _array(events, 1)
    except _TooDeep as error:
        _skip(events, error.open)


class _TooDeep(Exception):
    def __init__(self, still_open: int) -> None:
        super().__init__()
        self.open = still_open


def _members(events: Iterator[tuple[str, Any]], depth: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    members: dict[str, Any] = {}
    repeated: tuple[str, ...] = ()
    key = ""
    for event, value in events:
        if event == "map_key":
            key = value
            if key in members:
                repeated += (key,)
        elif event == "end_map":
            break
        elif event == "start_map":
            members[key], more = _members(events, _deeper(depth))
            repeated += more
        elif event == "start_array":
            members[key] = _array(events, _deeper(depth))
        else:
            members[key] = value
    return members, repeated


def _array(events: Iterator[tuple[str, Any]], depth: int) -> list[Any]:
    items: list[Any] = []
    for event, value in events:
        if event == "end_array":
            break
        if event == "start_map":
            items.append(_members(events, _deeper(depth))[0])
        elif event == "start_array":
            items.append(_array(events, _deeper(depth)))
        else:
            items.append(value)
    return items


def _deeper(depth: int) -> int:
    if depth >= JSON_DEPTH:
        raise _TooDeep(depth + 1)
    return depth + 1


def _skip(events: Iterator[tuple[str, Any]], still_open: int) -> None:
    for event, _ in events:
        if event in _OPENING:
            still_open += 1
        elif event in _CLOSING:
            still_open -= 1
            if not still_open:
                return


def _around(where: str) -> tuple[str, str]:
    """What stands before and after the items of a list."""
    names = where.split(".") if where else []
    return "".join(f"{{{json.dumps(name)}: " for name in names) + "[", "]" + "}" * len(names)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
