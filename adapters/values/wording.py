"""Texts, lists of texts in one cell, and parts of a text."""

from __future__ import annotations

import re
from typing import Any, Final

from adapters.drafts import Reason
from adapters.values.convert import LOST, Converter, Flaw, as_text, plain
from adapters.values.json_text import parsed

_NOTHING: Final = frozenset({"", "/", "\\", "-", "--", "—", "——", "null", "NULL", "\\N"})
_FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
"""From each mark of ASCII to its full-width form."""
_PHONE: Final = re.compile(r"[0-9+()/、,;转\- ]{5,60}\Z")


class Text(Converter):
    """Text as it stands, without white space around it; line ends become one character."""

    def read(self, cell: Any) -> Any:
        text = (cell if type(cell) is str else as_text(cell)).strip()
        if text in _NOTHING:
            return None
        if not text.isascii():
            if LOST in text:
                raise Flaw(Reason.ENCODING)
            text = text.replace("\ufeff", "")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text


class Phone(Converter):
    """Telephone numbers; full-width digits become plain ones."""

    def read(self, cell: Any) -> Any:
        text = plain(cell)
        if text is None:
            return None
        if not _PHONE.match(text):
            raise Flaw(Reason.BAD_NUMBER, "请只填电话号码", "write telephone numbers only")
        return text


class Each(Converter):
    """Several values in one cell, "甲;乙": each is read by `of`, or by what fits the column's field. JSON and XML
    may give a list instead.

    The separators are read in full width, too, and the first is written; `Each(separators="")` writes a list,
    for JSON, and reads one that came as text. For a path with `[*]` it is `aligned`: the values of several such
    columns belong together by their places, so that blanks count.
    """

    def __init__(self, of: Converter | None = None, separators: str = "、;,\n") -> None:
        self.given = of
        self.of = of or Text()
        self.separators = separators
        self.aligned = False
        either = separators + separators.translate(_FULL_WIDTH)
        self._split = re.compile(f"[{re.escape(either)}]" if separators else "(?!)")

    def read(self, cell: Any) -> Any:
        parts = cell if isinstance(cell, list) else self._parts(as_text(cell))
        values = [None if part in (None, "") else self.of.read(part) for part in parts]
        if self.aligned:
            return values
        return [value for value in values if value is not None] or None

    def write(self, value: Any) -> Any:
        cells = ["" if each is None else self.of.write(each) for each in value]
        return self.separators[0].join(map(as_text, cells)) if self.separators else cells

    def lacks(self) -> tuple[str, ...]:
        return self.of.lacks()

    def _parts(self, text: str) -> list[Any]:
        if not self.separators and text.lstrip().startswith("["):
            try:
                parts = parsed(text)
            except ValueError:
                return [text]
            assert isinstance(parts, list)  # nothing else begins so
            return parts
        return self._split.split(text)


class Extract(Converter):
    """The part of a text that `pattern` finds (its first group), read by `of`: `Extract(r"(\\d{4}年\\d+月)")`."""

    def __init__(self, pattern: str, of: Converter | None = None) -> None:
        self.pattern = re.compile(pattern)
        self.of = of or Text()

    def read(self, cell: Any) -> Any:
        text = plain(cell)
        if text is None:
            return None
        found = self.pattern.search(text)
        if found is None:
            raise Flaw(Reason.BAD_TEXT, "该处文字不合格式，请核对", "the text is not of its form; look it up")
        return self.of.read(found.group(1))

    def write(self, value: Any) -> Any:
        return self.of.write(value)
