"""Days without a year, in tables of one month whose title or sheet has it: 11月2日 below “2026年11月”."""

from __future__ import annotations

import re
from typing import Any, Final
from unicodedata import normalize

from adapters.drafts import Reason
from adapters.values.convert import Converter, Flaw, plain
from adapters.values.time import Date, DateTime

NO_MONTH: Final = "—"
"""What the column `@month` holds where nothing says which month a table is of."""

_MONTH: Final = re.compile(r"(?<!\d)(20\d{2})年(1[0-2]|0?[1-9])月(?!\d)")
_YEAR: Final = re.compile(r"(?<!\d)(20\d{2})年")
_SHEET: Final = re.compile(r"(?<!\d)(1[0-2]|0?[1-9])月(?!\d)")
_TABLE: Final = re.compile(rf"(?:(\d{{4}})年(\d{{1,2}})月|{NO_MONTH})(?:\s+(.*))?\Z", re.DOTALL)
_DAY: Final = re.compile(r"(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]?\s*(.*)\Z", re.DOTALL)


def month_of(sheet: str, title: str, file: str) -> str:
    """The month of a table, `2026年11月`: what its sheet, its title or its file is called; else `NO_MONTH`.

    A sheet that has the month alone takes the year from the title. A day (填报日期2026年12月3日) is no month.
    """
    texts = [normalize("NFKC", text) for text in (sheet, title, file)]
    for text in texts:
        if found := _MONTH.search(text):
            return f"{found.group(1)}年{int(found.group(2))}月"
    year, month = _YEAR.search(texts[1]), _SHEET.search(texts[0])
    return f"{year.group(1)}年{int(month.group(1))}月" if year and month else NO_MONTH


class OfMonth(Converter):
    """A day or time whose year may be left out: `Column(("@month", "受理时间"), "accepted_at", OfMonth(DateTime()))`.

    It lies in the twelve months that end with the table's or, `ahead`, in the twelve that begin with it. One
    with a year is read by `of` as it stands, and so it is written. Only 11月2日 is taken for a day without a
    year: 11.2 in a spreadsheet may have been 11.20 when it was typed.
    """

    def __init__(self, of: Date | DateTime, *, ahead: bool = False) -> None:
        self.of = of
        self.ahead = ahead

    def read(self, cell: Any) -> Any:
        text = plain(cell)
        table = None if text is None else _TABLE.match(text)
        said = text if table is None else table.group(3)
        if said is None:
            return None
        day = _DAY.match(said)
        if day is None:
            return self.of.read(said)
        if table is None or table.group(1) is None:
            raise Flaw(
                Reason.BAD_TIME,
                "表题和工作表名中没有年月，请写出年份，如 2026-11-02",
                "neither title nor sheet says of which month the table is: write the year, 2026-11-02",
            )
        month = int(day.group(1))
        year = int(table.group(1)) + self._away(month, int(table.group(2)))
        return self.of.read(f"{year}-{month}-{day.group(2)} {day.group(3)}".strip())

    def write(self, value: Any) -> Any:
        return self.of.write(value)

    def _away(self, month: int, of_table: int) -> int:
        """Years from the table's."""
        if self.ahead:
            return 1 if month < of_table else 0
        return -1 if month > of_table else 0
