"""Reading .xlsx (ECMA-376): openpyxl for the workbook's parts and styles, lxml row by row for its sheets.

openpyxl's own sheet reader keeps every row's element and, in the mode that gives stored results, hides that a
cell is a formula. Here:
1. The zip is within bounds (`packed`), no part has a DOCTYPE, nothing is resolved or fetched.
2. Shared texts are kept packed, at most `SHARED_TEXT_BYTES`.
3. Empty rows cost their bytes and nothing else; at most `COLUMNS` cells of a row are looked at.
4. A formula counts as its stored result; one without a result is refused in its place.
5. Numbers in cells with a date format are days or times; text is text.
"""

from __future__ import annotations

import math
import re
import warnings
import zipfile
from array import array
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO, Final

from lxml import etree
from openpyxl.packaging.manifest import Manifest
from openpyxl.reader.workbook import WorkbookParser
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.datetime import CALENDAR_MAC_1904, from_excel
from openpyxl.xml.constants import ARC_CONTENT_TYPES, SHARED_STRINGS, XLSM, XLSX, XLTM, XLTX

from adapters.drafts import Note, Place, Reason, Rejection, reject
from adapters.formats.form import Item, Line, shown_name
from adapters.formats.packed import UNREADABLE, danger, open_zip
from adapters.limits import COLUMNS, PART_BYTES, SHARED_TEXT_BYTES
from adapters.values.convert import NO_RESULT

_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT: Final = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_MALFORMED: Final = (*UNREADABLE, etree.LxmlError, ArithmeticError, TypeError, AttributeError, IndexError)
"""What a damaged sheet raises."""


def read_workbook(stream: BinaryIO, *, backwards: bool = False) -> Iterator[Item]:
    """The rows of all its visible sheets, in their order or `backwards` from the last."""
    archive = open_zip(stream)
    if isinstance(archive, Rejection):
        yield archive
        return
    flaw = next(filter(None, map(danger, archive.infolist())), None)
    if flaw is not None:
        yield flaw
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = _Book(archive)
    except _Refused as refused:
        yield refused.rejection
        return
    except Exception:  # openpyxl's parts are made for workbooks that Excel wrote, and raise anything
        yield reject(
            Place(), "xlsx", Reason.WRONG_FORMAT, zh="请用 Excel 打开后另存为 .xlsx", en="save it as .xlsx"
        )
        return
    for name, part, hidden in reversed(book.sheets) if backwards else book.sheets:
        sheet = shown_name(name)
        if hidden:
            yield Note(Place(sheet=sheet), "隐藏的工作表，已跳过", "a hidden sheet was left out")
            continue
        yield from _rows(archive, part, sheet, book)


class _Refused(Exception):
    def __init__(self, rejection: Rejection) -> None:
        super().__init__()
        self.rejection = rejection


class _Texts(Sequence[str]):
    """Shared texts, packed: their bytes one after the other, and where each ends."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def add(self, text: str) -> None:
        self._bytes += text.encode("utf-8", "replace")
        if len(self._bytes) > SHARED_TEXT_BYTES:
            raise _Refused(reject(Place(), "xlsx", Reason.TOO_LARGE))
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: Any) -> Any:
        if index < 0:
            raise IndexError
        return self._bytes[self._ends[index] : self._ends[index + 1]].decode()


class _Book:
    """What must be known of a workbook before its sheets are read."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        for member in archive.infolist():
            if member.filename.endswith((".rels", "workbook.xml", "styles.xml", "[Content_Types].xml")):
                _check_part(archive, member)
        manifest: Any = Manifest.from_tree(_tree(archive.read(ARC_CONTENT_TYPES)))
        part = next(filter(None, map(manifest.find, (XLSX, XLSM, XLTX, XLTM))), None)
        path = "xl/workbook.xml" if part is None else part.PartName[1:]
        parser = WorkbookParser(archive, path, keep_links=False)
        parser.parse()
        book: Any = parser.wb
        apply_stylesheet(archive, book)
        self.dates: set[int] = set(book._date_formats)
        self.durations: set[int] = set(book._timedelta_formats)
        if book.epoch == CALENDAR_MAC_1904:
            raise _Refused(
                reject(
                    Place(),
                    "xlsx",
                    Reason.WRONG_FORMAT,
                    zh="请在 Excel 选项中取消“使用 1904 日期系统”后另存",
                    en="switch off the 1904 date system and save again",
                )
            )
        names = set(archive.namelist())
        self.sheets = [
            (sheet.name, rel.target, sheet.state != "visible")
            for sheet, rel in parser.find_sheets()
            if rel.target in names and "chartsheet" not in rel.Type
        ]
        strings = manifest.find(SHARED_STRINGS)
        self.texts = _Texts()
        if strings is not None and strings.PartName[1:] in names:
            self._read_texts(archive, strings.PartName[1:])

    def _read_texts(self, archive: zipfile.ZipFile, part: str) -> None:
        with archive.open(part) as source:
            for element in _elements(source, "si"):
                self.texts.add(_text(element))


def _check_part(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    if member.file_size > PART_BYTES:
        raise _Refused(reject(Place(), shown_name(member.filename), Reason.TOO_LARGE))
    if b"<!DOCTYPE" in archive.read(member):
        raise _Refused(reject(Place(), shown_name(member.filename), Reason.FORBIDDEN_MARKUP))


def _tree(content: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(content, parser)


def _elements(source: Any, name: str) -> Iterator[etree._Element]:
    """The elements of that name, each emptied when the next is asked for, and their older kin taken away."""
    elements = etree.iterparse(
        source,
        events=("end",),
        tag=(_MAIN + name, _STRICT + name),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
    )
    first = True
    for _, element in elements:
        if first and element.getroottree().docinfo.internalDTD is not None:
            raise _Refused(reject(Place(), "xlsx", Reason.FORBIDDEN_MARKUP))
        first = False
        yield element
        element.clear()
        while (older := element.getprevious()) is not None:
            older.getparent().remove(older)


def _text(element: etree._Element) -> str:
    """The text of a string item, its phonetic runs left out (§18.4.8)."""
    parts = []
    for child in element:
        name = etree.QName(child).localname
        if name == "t":
            parts.append(child.text or "")
        elif name == "r":
            parts += [run.text or "" for run in child if etree.QName(run).localname == "t"]
    text = "".join(parts)
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text) if "_x" in text else text


def _rows(archive: zipfile.ZipFile, part: str, sheet: str, book: _Book) -> Iterator[Item]:
    number = 0
    try:
        with archive.open(part) as source:
            for row in _elements(source, "row"):
                number = _number(row, number)
                cells = _cells(row, book)
                if cells:
                    yield Line(Place(number, sheet), cells)
    except _Refused as refused:
        yield refused.rejection
    except _MALFORMED:
        yield reject(Place(number or None, sheet), "xlsx", Reason.UNFINISHED, zh="工作表损坏，此行之后未读")


def _number(row: etree._Element, before: int) -> int:
    stated = row.get("r")
    return before + 1 if stated is None else int(stated)


def _cells(row: etree._Element, book: _Book) -> list[Any]:
    """The cells of a row up to its last one that says anything."""
    cells: list[Any] = []
    for cell in row:
        value = _value(cell, book)
        if value is None:
            continue
        reference = cell.get("r")
        column = len(cells) if reference is None else _column(reference)
        if column >= COLUMNS:
            break
        if column > len(cells):
            cells += [None] * (column - len(cells))
        if column == len(cells):
            cells.append(value)
        else:
            cells[column] = value
    return cells


def _column(reference: str) -> int:
    """`AB12` -> 27."""
    column = 0
    for character in reference:
        if not "A" <= character <= "Z":
            break
        column = column * 26 + ord(character) - 64
    return column - 1


def _value(cell: etree._Element, book: _Book) -> Any:
    """None for a cell that is only formatted."""
    stored, formula, inline = None, False, None
    for child in cell:
        tag = child.tag
        if tag.endswith("}v"):
            stored = child.text
        elif tag.endswith("}f"):
            formula = True
        elif tag.endswith("}is"):
            inline = child
    kind = cell.get("t", "n")
    if inline is not None:
        return _text(inline) or None
    if stored is None or stored == "":
        return NO_RESULT if formula else None
    match kind:
        case "s":
            return book.texts[int(stored)]
        case "n":
            return _numeric(stored, int(cell.get("s", "0")), book)
        case "b":
            return stored == "1"
        case "d":
            return stored
        case "str" | "inlineStr":
            return (
                _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), stored) if "_x" in stored else stored
            )
    return stored


def _numeric(stored: str, style: int, book: _Book) -> Any:
    number = float(stored)
    if not math.isfinite(number):
        return stored
    if style in book.dates:
        return _moment(number, style in book.durations)
    if number.is_integer() and not stored.strip().isdigit():
        return number
    return int(stored) if stored.strip().isdigit() else number


def _moment(number: float, duration: bool) -> datetime | date | time | timedelta | float:
    """A day where there is no time of day; what no day can be stays the number."""
    try:
        moment = from_excel(number, timedelta=duration)
    except (OverflowError, ValueError):
        return number
    if isinstance(moment, datetime) and number.is_integer():
        return moment.date()
    return moment if isinstance(moment, datetime | date | time | timedelta) else number
