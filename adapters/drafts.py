"""What an adapter produces: drafts of records, and rejections that say what to mend.

Rules:
1. Hostile or broken input is never an exception. An adapter's `read…` function returns a `Report`, in which
   every unit of the source (a CAP file, a row of a sheet) is a `Draft` or has at least one `Rejection`.
2. A unit with a rejection has no draft: half a case or half a warning is worse than none.
3. A rejection shows the `shape` of the value, never the value (`PROTOCOL` section 3: details name fields,
   never values of personal data).
4. A caller's mistake (an argument, not the input) is a `hub.errors.Problem`, like everywhere else.
5. A draft and a rejection of a row of a table keep that row as it came (`row`), so that it can be mended and
   read again; it is in no `repr`, no line and no comparison. Rejections of one row follow each other.
6. Rows that are neither (empty, a sum, not of this kind) are counted by `Note`, so that the counts add up.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

SHAPE_LENGTH: Final = 40
"""The longest shape shown, in characters."""


NO_ROW: Final[Mapping[str, str]] = MappingProxyType({})
"""Of a unit that is no row of a table."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the source something stands: a line of a text file or a row of a sheet, counted from 1."""

    row: int | None = None
    sheet: str | None = None

    def text(self, language: str = "zh") -> str:
        """The place in words, empty for the source as a whole."""
        parts = [] if self.sheet is None else [f"{self.sheet}!"]
        if self.row is not None:
            parts.append(f"line {self.row}" if language == "en" else f"第 {self.row} 行")
        return "".join(parts)


class Reason(StrEnum):
    """Why a unit of the source is refused; `MEANINGS` has the words."""

    TOO_LARGE = "too-large"
    ENCODING = "encoding"
    NOT_XML = "not-xml"
    NOT_JSON = "not-json"
    BROKEN_ROW = "broken-row"
    BAD_ARCHIVE = "bad-archive"
    UNFINISHED = "unfinished"
    MISSING_COLUMN = "missing-column"
    DUPLICATE_NUMBER = "duplicate-number"
    FORMULA = "formula"
    FORBIDDEN_MARKUP = "forbidden-markup"
    WRONG_FORMAT = "wrong-format"
    WRONG_VERSION = "wrong-version"
    SEVERAL_UNITS = "several-units"
    MISSING = "missing"
    REPEATED = "repeated"
    UNKNOWN_FIELD = "unknown-field"
    UNKNOWN_CODE = "unknown-code"
    UNKNOWN_DIVISION = "unknown-division"
    BAD_TIME = "bad-time"
    BAD_NUMBER = "bad-number"
    BAD_GEOMETRY = "bad-geometry"
    BAD_TEXT = "bad-text"
    CONTRADICTION = "contradiction"
    OUTSIDE_SCHEMA = "outside-schema"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is wrong, and what to do unless the adapter knows better."""

    zh: str
    en: str
    next_zh: str
    next_en: str


MEANINGS: Final[Mapping[Reason, Meaning]] = {
    Reason.TOO_LARGE: Meaning(
        "超出大小或嵌套限制",
        "too large or nested too deeply",
        "请拆分或精简后重新导出",
        "export a smaller file",
    ),
    Reason.ENCODING: Meaning(
        "字符编码无法识别或与声明不符",
        "the character encoding is not known or not the one declared",
        "请以 UTF-8 重新导出",
        "export it again as UTF-8",
    ),
    Reason.NOT_XML: Meaning(
        "不是完整的 XML", "not well-formed XML", "请重新导出该文件", "export the file again"
    ),
    Reason.NOT_JSON: Meaning(
        "不是完整的 JSON", "not well-formed JSON", "请重新导出该文件", "export the file again"
    ),
    Reason.BROKEN_ROW: Meaning(
        "该行的单元格与表头对不上或引号不成对",
        "the row's cells do not fit the heading, or a quotation mark is not closed",
        "请在原表中检查该行的逗号、引号和换行",
        "check the commas, quotation marks and line breaks of that row",
    ),
    Reason.BAD_ARCHIVE: Meaning(
        "压缩包损坏、加密或有危险",
        "the archive is damaged, encrypted or dangerous",
        "请重新打包，只放入导出的文件",
        "pack it again with nothing but the exported files",
    ),
    Reason.UNFINISHED: Meaning(
        "文件没有写完",
        "the file ends before it is finished",
        "请等导出完成后再取",
        "take it again when the export is finished",
    ),
    Reason.MISSING_COLUMN: Meaning(
        "表中没有这一列",
        "the table has no such column",
        "请补上该列；若已改名，请改回或在城市文件中登记别名",
        "add the column; if it was renamed, name it back or add the alias to the city's file",
    ),
    Reason.DUPLICATE_NUMBER: Meaning(
        "编号重复",
        "the local number appears more than once",
        "请核对两行，只保留正确的一行或改正编号",
        "compare the two rows and keep the right one, or mend the number",
    ),
    Reason.FORMULA: Meaning(
        "单元格是公式且没有保存计算结果",
        "the cell is a formula without a stored result",
        "请把公式粘贴为数值后重新导出",
        "paste the value over the formula and export again",
    ),
    Reason.FORBIDDEN_MARKUP: Meaning(
        "含有 DOCTYPE 或实体声明，出于安全不予读取",
        "has a DOCTYPE or entity declarations, which are never read",
        "请去掉 DOCTYPE；若非本单位所加，请按可疑文件上报",
        "remove the DOCTYPE; report the file as suspicious if you did not put it there",
    ),
    Reason.WRONG_FORMAT: Meaning(
        "不是此处所读的格式",
        "not in a format that is read here",
        "请核对文件、城市和格式是否对应",
        "check that file, city and format belong together",
    ),
    Reason.WRONG_VERSION: Meaning(
        "格式版本不受支持",
        "this version of the format is not supported",
        "请以受支持的版本导出",
        "export a supported version",
    ),
    Reason.SEVERAL_UNITS: Meaning(
        "是清单而非单条",
        "a list, not a single message",
        "请逐条导出后分别转换",
        "convert its messages one by one",
    ),
    Reason.MISSING: Meaning("缺少必填内容", "required and missing", "请补填", "fill it in"),
    Reason.REPEATED: Meaning("重复出现", "appears more than once", "请只保留一个", "keep one of them"),
    Reason.UNKNOWN_FIELD: Meaning("名称不认识", "the name is not known", "请核对拼写", "check its spelling"),
    Reason.UNKNOWN_CODE: Meaning(
        "代码不在代码表中", "not a code of the list", "请改用代码表中的代码", "use a code of the list"
    ),
    Reason.UNKNOWN_DIVISION: Meaning(
        "行政区划代码不认识",
        "the division code is not known",
        "请改用现行六位代码（GB/T 2260）",
        "use the present six digits of GB/T 2260",
    ),
    Reason.BAD_TIME: Meaning(
        "日期或时间不合要求",
        "not a day or time as it is wanted here",
        "请写成 2026-11-21T08:30:00+08:00",
        "write it like 2026-11-21T08:30:00+08:00",
    ),
    Reason.BAD_NUMBER: Meaning("不是合格的数字", "not a proper number", "请改为数字", "write a number"),
    Reason.BAD_GEOMETRY: Meaning(
        "坐标或图形不合格",
        "the coordinates do not make a shape",
        "请核对坐标（WGS 84）",
        "check the coordinates (WGS 84)",
    ),
    Reason.BAD_TEXT: Meaning(
        "文字中有不允许的字符",
        "has characters that are not allowed here",
        "请去掉这些字符",
        "remove those characters",
    ),
    Reason.CONTRADICTION: Meaning(
        "与同一来源的其他内容矛盾",
        "contradicts another part of the source",
        "请核对两处并改正",
        "compare the two and mend one",
    ),
    Reason.OUTSIDE_SCHEMA: Meaning(
        "此类内容不由该种记录承载",
        "this kind of record does not carry that",
        "请改用对应种类的记录",
        "send it as the kind of record meant for it",
    ),
    Reason.INVALID: Meaning(
        "不符合记录模式（长度、字符、取值或先后关系）",
        "does not fit the record's schema (length, characters, value or order)",
        "请对照模式说明 /docs 修正",
        "mend it by the schema's page under /docs",
    ),
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """One flaw of one unit of the source.

    `field` is the column's heading or the element's path; `zh` and `en` say what to do. Of a row of a table,
    `table` says which, `local_number` its number as far as it could be read, `row` all of it (personal data).
    """

    place: Place
    field: str
    reason: Reason
    shape: str
    zh: str
    en: str
    table: str = ""
    local_number: str = dataclasses.field(default="", repr=False)
    row: Mapping[str, str] = dataclasses.field(default_factory=lambda: NO_ROW, repr=False, compare=False)

    def line(self, language: str = "zh") -> str:
        """The rejection on one line, in `zh` or `en`."""
        meaning = MEANINGS[self.reason]
        if language == "en":
            shown = f" [{self.shape}]" if self.shape else ""
            return f"{self.place.text('en')} {self.field}: {meaning.en}{shown}; {self.en}".lstrip()
        shown = f"〔{self.shape}〕" if self.shape else ""
        return f"{self.place.text()} {self.field}：{meaning.zh}{shown}；{self.zh}".lstrip()


def reject(
    place: Place, field: str, reason: Reason, value: str | None = None, *, zh: str = "", en: str = ""
) -> Rejection:
    """A rejection of `value`, of which only the shape is kept; without `zh`, `en` the reason's own advice."""
    meaning = MEANINGS[reason]
    shown = "" if value is None else shape(value)
    return Rejection(place, field, reason, shown, zh or meaning.next_zh, en or meaning.next_en)


@dataclass(frozen=True, slots=True)
class Supplied:
    """A value that the source lacks, or writes in a way of the past, and that the conversion put in.

    `zh` and `en` say whence it comes.
    """

    field: str
    value: str
    zh: str
    en: str

    def line(self, language: str = "zh") -> str:
        """The addition on one line, in `zh` or `en`."""
        if language == "en":
            return f"{self.field} = {self.value} ({self.en})"
        return f"{self.field} = {self.value}（{self.zh}）"


@dataclass(frozen=True, slots=True)
class Draft:
    """A record to be: what the source says, before anyone signs it.

    `local_number` names the unit in its own system and never changes, so that the record's id can be made
    from it (UUIDv5) with its city and `system`. `subject` is the local number, in `subject_system`, of what
    this one answers, or a record's id. Without `recipients` whoever runs the adapter names them.
    `not_carried` lists columns or element paths. `table` and `row` are those of a row of a table.
    """

    kind: str
    version: int
    body: Mapping[str, Any]
    local_number: str
    place: Place
    private: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    recipients: tuple[str, ...] = ()
    subject: str | None = None
    not_carried: tuple[str, ...] = ()
    supplied: tuple[Supplied, ...] = ()
    system: str = ""
    subject_system: str = ""
    table: str = ""
    row: Mapping[str, str] = dataclasses.field(default_factory=lambda: NO_ROW, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about the source that stops nothing.

    `rows` is how many rows it accounts for that are neither drafts nor rejections: empty, sums, not meant.
    """

    place: Place
    zh: str
    en: str
    rows: int = 0

    def line(self, language: str = "zh") -> str:
        """The note on one line."""
        return f"{self.place.text(language)} {self.en if language == 'en' else self.zh}".lstrip()


@dataclass(frozen=True, slots=True)
class Report:
    """All that came of one source, in its order."""

    drafts: tuple[Draft, ...]
    rejections: tuple[Rejection, ...]


def shape(value: str) -> str:
    """The outline of a value: digits become 9, letters a or A, Chinese characters 字；nothing of it is told.

    >>> shape("2026-13-01"), shape("张三 13900000000"), shape("")
    （'9999-99-99', '字字 99999999999', ''）
    """
    outline = "".join(_outline(character) for character in value[: SHAPE_LENGTH + 1])
    return outline if len(value) <= SHAPE_LENGTH else outline[:SHAPE_LENGTH] + "…"


def _outline(character: str) -> str:
    category = unicodedata.category(character)
    if category.startswith("N"):
        return "9"
    if category == "Lu":
        return "A"
    if category.startswith("L"):
        return "字" if "CJK" in unicodedata.name(character, "") else "a"
    if category.startswith("Z") or character in "\t\r\n":
        return " "
    return character if category.startswith("P") or character in "+<>=|~^$`" else "?"
