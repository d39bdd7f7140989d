"""What the format's own library takes to hand over an export's rows, and nothing done with them.

| format | library |
|---|---|
| CSV | `csv` over a decoding stream |
| .xlsx | openpyxl, read-only, values only |
| .xls | xlrd |
| JSON | ijson, whole items |
| XML | lxml's pull parser, an element's children by name |
| iCalendar | icalendar, an event at a time |
| zip | `zipfile` below one of these |
| CAP | lxml, a document at a time, its children by name |
| database | none: the rows come as they are |
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO, cast

import icalendar
import ijson
import openpyxl
import xlrd
from lxml import etree

from adapters.formats import Archive, Calendar, CapAlert, Csv, Form, JsonList, Sheets, SqlRows, XmlRows
from bench.exports import Export

_CHUNK: Final = 64 * 1024
_UTF_8: Final = ("utf-8", "utf8")


def bare_rows(export: Export, folder: Path) -> Iterator[Any]:
    """The export's rows as the library gives them, a heading's among them."""
    if isinstance(export.form, CapAlert):
        return (_members(etree.fromstring(document)) for document in export.documents())
    if isinstance(export.form, SqlRows):
        return export.grown()
    return _of_file(export, folder)


def _of_file(export: Export, folder: Path) -> Iterator[Any]:
    path = export.file(folder)
    if export.old:
        book = xlrd.open_workbook(str(path), on_demand=True)
        for sheet in book.sheets():
            for number in range(sheet.nrows):
                yield sheet.row_values(number)
        return
    with path.open("rb") as stream:
        yield from _rows(export.form, stream, export.table.at)


def _rows(form: Form, stream: BinaryIO, at: str) -> Iterator[Any]:
    match form:
        case Archive():
            with zipfile.ZipFile(stream) as archive:
                for name in archive.namelist():
                    with archive.open(name) as member:
                        yield from _rows(form.of, cast(BinaryIO, member), at)
        case Csv():
            with io.TextIOWrapper(stream, form.encoding, newline="") as text:
                yield from csv.reader(text, delimiter=form.delimiter)
        case Sheets():
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            for sheet in book.worksheets:
                yield from sheet.iter_rows(values_only=True)
        case JsonList():
            where = ".".join(filter(None, (at or form.lists[0], "item")))
            if form.encoding.lower() in _UTF_8:
                yield from ijson.items(stream, where)
            else:
                with io.TextIOWrapper(stream, form.encoding) as text:
                    yield from ijson.items(_recoded(text), where)
        case XmlRows():
            with io.TextIOWrapper(stream, form.encoding) as text:
                yield from _elements(form, text)
        case Calendar():
            with io.TextIOWrapper(stream, "utf-8", newline="") as text:
                yield from map(icalendar.Event.from_ical, _events(text))
        case _:
            raise TypeError(f"no library is named for {type(form).__name__}")


def _recoded(text: TextIO) -> Any:
    """As UTF-8, which is all that ijson takes."""
    return ijson.from_iter(piece.encode() for piece in iter(lambda: text.read(_CHUNK), ""))


def _elements(form: XmlRows, text: TextIO) -> Iterator[dict[str, Any]]:
    """Decoded already: lxml does not take all of GB18030."""
    parser = etree.XMLPullParser(events=("end",), tag=form.elements)
    text.readline()
    while piece := text.read(_CHUNK):
        parser.feed(piece)
        for _, found in parser.read_events():
            element = cast(etree._Element, found)
            yield _members(element)
            element.clear()
            parent = element.getparent()
            while parent is not None and parent[0] is not element:
                parent.remove(parent[0])


def _members(element: etree._Element) -> dict[str, Any]:
    return {str(child.tag): _members(child) if len(child) else child.text for child in element}


def _events(lines: Iterable[str]) -> Iterator[str]:
    event: list[str] = []
    for line in lines:
        if line.startswith("BEGIN:VEVENT"):
            event.clear()
        event.append(line)
        if line.startswith("END:VEVENT"):
            yield "".join(event)
