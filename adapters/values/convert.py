"""What all converters share: the text of a cell, cells that say nothing, and flaws.

A cell is what a format gives: text, a whole or decimal number, a truth value, a day, a time, and in JSON and
XML lists and objects.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from unicodedata import normalize

from adapters.drafts import Reason

BLANK: Final = frozenset(
    {"", "/", "\\", "-", "--", "—", "——", "无", "暂无", "不详", "null", "NULL", "\\N", "None"}
)
"""What offices write into a cell that says nothing. In texts, words are words: see `Text`."""

LOST: Final = "\ufffd"
"""Stands before what could not be decoded; a text with it was destroyed here or before."""

LARGEST_EXACT: Final = 10**15
"""Spreadsheets keep 15 digits; a longer number was changed when it was typed."""


class NoResult:
    """A cell with a formula and no stored result."""

    __slots__ = ()

    def __str__(self) -> str:
        return "="


NO_RESULT: Final = NoResult()


class Flaw(Exception):
    """A cell that cannot be read; `zh` and `en` say what to do, empty for the reason's own advice."""

    def __init__(self, reason: Reason, zh: str = "", en: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.zh = zh
        self.en = en


class Converter(ABC):
    """Reads a cell and writes it back.

    `read` gives None for a cell that says nothing, and raises `Flaw`. A converter for several fields at once
    reads and writes a tuple. `write` raises `Flaw` for a value that the column has no words for.
    """

    @abstractmethod
    def read(self, cell: Any) -> Any:
        """The value of a cell that is neither None nor empty."""

    def write(self, value: Any) -> Any:
        """The cell for a value that is not None."""
        return value

    def lacks(self) -> tuple[str, ...]:
        """Codes of its field that it has no word for."""
        return ()


def as_text(cell: Any) -> str:
    """A cell's text, for people and for reading; a whole number has no decimals, a time no zone it lacks.

    Raises: Flaw for a number that a spreadsheet has changed, for a formula without a result, and for bytes of a
        database that are no text.
    """
    if type(cell) is str:
        return cell
    if type(cell) is float:
        if cell.is_integer():
            if abs(cell) >= LARGEST_EXACT:
                raise Flaw(
                    Reason.BAD_NUMBER,
                    "长数字已被电子表格改写，请把该列设为文本后重新录入",
                    "the spreadsheet changed a long number: make the column text and type it again",
                )
            return str(int(cell))
        return repr(cell)
    if cell is NO_RESULT:
        raise Flaw(Reason.FORMULA)
    if isinstance(cell, bytes | memoryview):
        try:
            return bytes(cell).decode()
        except UnicodeDecodeError:
            raise Flaw(
                Reason.ENCODING,
                "该列是二进制内容，请在视图中改为文本",
                "the column holds bytes: make it text in the view",
            ) from None
    if isinstance(cell, dict | list):
        return _text_of(cell)
    return shown(cell)


def _text_of(cell: dict[str, Any] | list[Any]) -> str:
    """The text of an element that has attributes; a list or any other object is no text."""
    if isinstance(cell, list):
        raise Flaw(Reason.REPEATED)
    if any(name[:1] not in "@#" for name in cell):
        raise Flaw(
            Reason.WRONG_FORMAT, "此处应为单个值，而不是一组内容", "one value is wanted here, not an object"
        )
    return as_text(cell.get("#text", ""))


def shown(cell: Any) -> str:
    """A cell's text whatever it is, for the row that is kept."""
    match cell:
        case None:
            return ""
        case str():
            return cell
        case bool():
            return "true" if cell else "false"
        case float() if cell.is_integer() and abs(cell) < LARGEST_EXACT:
            return str(int(cell))
        case Decimal():
            return f"{cell:f}" if abs(cell.adjusted()) < 40 else str(cell)
        case datetime():
            return cell.isoformat(sep=" " if cell.tzinfo is None else "T")
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
        case bytes() | memoryview():
            return bytes(cell).decode("utf-8", "backslashreplace")
        case dict() | list() | tuple():
            return _nested(cell)
    return str(cell)


def _nested(cell: Any) -> str:
    try:
        return json.dumps(cell, ensure_ascii=False, default=shown)
    except (ValueError, TypeError, RecursionError):
        return "…"


def holds_lost(cell: Any) -> bool:
    """Whether something in a cell, however deep and be it a name, could not be decoded."""
    left = [cell]
    while left:
        match left.pop():
            case str() as text:
                if LOST in text:
                    return True
            case dict() as members:
                left += (*members, *members.values())
            case list() | tuple() as items:
                left += items
    return False


def plain(cell: Any) -> str | None:
    """A cell's text in half-width form (NFKC) without white space around it; None if it says nothing."""
    text = cell if type(cell) is str else as_text(cell)
    text = text.strip() if text.isascii() else normalize("NFKC", text).replace("\ufeff", "").strip()
    return None if text in BLANK else text
