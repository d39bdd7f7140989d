"""Events of an iCalendar file (RFC 5545), each read by itself through icalendar.

A VEVENT becomes a row: a column for each property, by its name in capitals; times as times, several of one
name as a list, GEO as "latitude;longitude". What has no type of its own (`X-…`) is text (section 3.8.8.2). An
event that repeats is refused: a record names every session. Out, times are in UTC; one without an offset is
China's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, BinaryIO, ClassVar, Final

from icalendar import Event, vCategory, vText, vUnknown

from adapters.drafts import Place, Reason, Rejection, reject
from adapters.formats.decoding import Decoding
from adapters.formats.form import Entry, Form, Item, Outgoing
from adapters.limits import ROW_CHARACTERS
from adapters.values.time import SHANGHAI

_BEGIN: Final = "BEGIN:VEVENT"
_END: Final = "END:VEVENT"
_REPEATING: Final = frozenset({"RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})
_TIMES: Final = frozenset({"DTSTART", "DTEND", "DTSTAMP", "CREATED", "LAST-MODIFIED"})
_ESCAPED: Final = (vUnknown, vCategory)
"""What icalendar leaves with its backslashes."""
_ESCAPE: Final = re.compile(r"\\([\\;,nN])")
"""Of texts (RFC 5545 section 3.3.11)."""


@dataclass(frozen=True)
class Calendar(Form):
    """`product` is the PRODID on the way out."""

    product: str = "-//border-exchange//adapters//ZH"

    suffix: ClassVar[str] = "ics"
    named: ClassVar[bool] = True
    source_suffix: ClassVar[str] = "ics"

    def recognises(self, head: bytes, stream: BinaryIO) -> bool:
        return head.lstrip(b"\xef\xbb\xbf \t\r\n").upper().startswith(b"BEGIN:VCALENDAR")

    def read(self, stream: BinaryIO) -> Iterator[Item]:
        decoding = Decoding(stream, "utf-8", b"\n")
        number, start, size = 0, 0, 0
        event: list[str] | None = None
        tail = ""
        finished = False
        for piece in decoding.pieces():
            lines = (tail + piece).split("\n")
            tail = lines.pop()
            for line in map(str.rstrip, lines):
                number += 1
                word = line.upper()
                finished = finished or word == "END:VCALENDAR"
                if word == _BEGIN:
                    event, start, size = [], number, 0
                if event is None:
                    continue
                size += len(line)
                if size <= ROW_CHARACTERS:
                    event.append(line)
                if word == _END:
                    yield _event("\r\n".join(event), Place(start), size)
                    event = None
        if event is not None or not (finished or tail.strip().upper() == "END:VCALENDAR"):
            yield reject(Place(start or None), "VCALENDAR", Reason.UNFINISHED)
        yield from decoding.notes()

    def write(self, stream: BinaryIO, outgoing: Sequence[Outgoing]) -> None:
        stream.write(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:{self.product}\r\n".encode())
        for table in outgoing:
            for row in table.rows:
                stream.write(_written(row))
        stream.write(b"END:VCALENDAR\r\n")

    def holds(self, cell: Any) -> bool:
        return "\ufffe" not in str(cell)

    def sample(self, sources: Mapping[str, bytes]) -> bytes:
        (source,) = sources.values()
        return source.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _event(text: str, place: Place, size: int) -> Entry | Rejection:
    if size > ROW_CHARACTERS:
        return reject(place, "VEVENT", Reason.TOO_LARGE)
    try:
        event = Event.from_ical(text)
        if event.errors:
            return reject(place, event.errors[0][0] or "VEVENT", Reason.BROKEN_ROW)
        repeating = sorted(_REPEATING & set(event))
        if repeating:
            return reject(
                place,
                repeating[0],
                Reason.OUTSIDE_SCHEMA,
                zh="重复日程请逐场列出",
                en="write the sessions of a repeating event one by one",
            )
        return Entry(place, "VEVENT", {str(name): _cell(value) for name, value in event.items()})
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
        return reject(place, "VEVENT", Reason.BROKEN_ROW)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return [_cell(item) for item in value]
    moment = getattr(value, "dt", None)
    if isinstance(moment, datetime | date):
        return moment
    if hasattr(value, "latitude"):
        return f"{value.latitude};{value.longitude}"
    text = str(value) if isinstance(value, str) else value.to_ical().decode("utf-8", "replace")
    return _ESCAPE.sub(_unescaped, text) if isinstance(value, _ESCAPED) else text


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] in "nN" else found[1]


def _written(row: Mapping[str, Any]) -> bytes:
    event = Event()
    for name, value in row.items():
        if value is None or value == "":
            continue
        if name in _TIMES and isinstance(value, str):
            event.add(name, _utc(datetime.fromisoformat(value)))
        elif name == "GEO":
            latitude, _, longitude = str(value).partition(";")
            event.add(name, (float(latitude), float(longitude)))
        else:
            event.add(name, list(map(_text, value)) if isinstance(value, list) else _text(value))
    return bytes(event.to_ical())


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)


def _text(value: Any) -> vText:
    """Escaped whatever the property: a line break would begin another one."""
    return vText(str(value))
