"""How the account of a city's file is said, in a terminal and on a page alike: verdicts, sums, places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Final

from adapters.drafts import MEANINGS, Reason
from adapters.formats import Archive, Calendar, CapAlert, Csv, Form, JsonList, Sheets, XmlRows
from hub.offices.findings import Finding, Findings, Lines, Remark, Shape
from hub.sheet import listing
from hub.translation import _, language, mark
from schemas import divisions
from schemas.labels import label, member_label

LEGEND: Final = mark(
    "What stands in a cell is shown by its shape, never by its value: 9 is a digit, a or A a letter, "
    "字 a Chinese character."
)
_BRACKETS: Final = (("(", ")"), ("\uff08", "\uff09"))
_WORTH_SHARING: Final = 16
"""Characters with which all advice on a flaw begins, from which on they are said once."""
_FORMATS: Final[tuple[tuple[type[Form], str], ...]] = (
    (Csv, mark("comma-separated text (CSV)")),
    (Sheets, mark("workbook (Excel)")),
    (JsonList, mark("list in JSON")),
    (XmlRows, mark("rows in XML")),
    (Calendar, mark("calendar (iCalendar)")),
    (CapAlert, mark("alert (CAP)")),
)


def format_name(form: Form | None) -> str:
    """A format in words."""
    if isinstance(form, Archive):
        return _("zip: {inner}").format(inner=format_name(form.of))
    return next((_(words) for known, words in _FORMATS if isinstance(form, known)), _("not recognised"))


def verdict(account: Findings) -> str:
    """What became of a file, as a marked sentence in English with its places filled (see `said`)."""
    if account.form is None or not (account.clean or account.rows):
        return mark("The file cannot be read")
    if account.refused:
        return mark("{refused} of {rows} rows must be mended")
    if not account.clean:
        return mark("The file must be mended")
    if account.sent:
        return mark("Ready: all {sent} rows can be sent")
    return mark("There is nothing to send in it")


def filled(sentence: str, account: Findings) -> str:
    """A verdict with its numbers."""
    return sentence.format(**{name: f"{getattr(account, name):,}" for name in ("refused", "rows", "sent")})


def sum_of_rows(account: Findings) -> str:
    """The sum that the counts make."""
    return _("{rows} = {sent} to send + {refused} refused + {passed} passed over").format(
        **{name: f"{getattr(account, name):,}" for name in ("rows", "sent", "refused", "passed")}
    )


def kinds(account: Findings) -> str:
    """How many records of which kinds would be sent."""
    return counted((label("kind", kind, language()), count) for kind, count in account.kinds.most_common())


def cities(account: Findings) -> str:
    """To which cities they would go."""
    named = [(divisions.name(code, language()), count) for code, count in account.recipients.most_common()]
    return counted([*named, *([(_("no city named"), account.unaddressed)] if account.unaddressed else [])])


def counted(counts: Iterable[tuple[str, int]]) -> str:
    """Names with their counts."""
    return joined(f"{name} {count:,}" for name, count in counts)


def joined(texts: Iterable[str]) -> str:
    """Several things in one text, in the language in use."""
    return listing(texts, language())


def subject(finding: Finding) -> str:
    """Which column of which sheet it is about; empty for the file as a whole."""
    column = _("column “{column}”").format(column=finding.column) if finding.column else ""
    sheet = in_sheet(finding.sheet)
    return joined(part for part in (sheet, column) if part)


def in_sheet(sheet: str) -> str:
    """The name of a sheet or of a file in an archive."""
    return _("sheet “{sheet}”").format(sheet=sheet) if sheet else ""


def supplied(remark: Remark) -> tuple[str, str]:
    """What was put in, how often, and why."""
    word = member_label(f"{remark.kind}/{remark.column}", language())
    name = remark.column if word == remark.column.rpartition("/")[2] else f"{word} {remark.column}"
    value = f" = {remark.value}" if remark.value else ""
    return f"{name}{value} ×{remark.times:,}", remark.text(language())


def what(finding: Finding) -> str:
    """What is wrong; where a schema refuses, what it says."""
    meaning, spoken = MEANINGS[finding.reason], language()
    if finding.reason is Reason.INVALID:
        return finding.advice(spoken).removesuffix(".")
    return meaning.en if spoken == "en" else meaning.zh


def outline(shape: Shape) -> str:
    """The shape of a value, in brackets."""
    return _("[{shape}]").format(shape=shape.shape) if shape.shape else ""


def advice(finding: Finding) -> tuple[str, list[str]]:
    """What to do about all of a finding's rejections, and about each shape what is particular to it."""
    spoken = language()
    if finding.reason is Reason.INVALID:
        return _("Mend the cell so that this is no longer so."), [""] * len(finding.shapes)
    if finding.alike or not finding.shapes:
        return finding.advice(spoken), [""] * len(finding.shapes)
    each = [shape.advice(spoken) for shape in finding.shapes]
    alike = takewhile(lambda characters: len(set(characters)) == 1, zip(*each, strict=False))
    shared = _before_bracket("".join(characters[0] for characters in alike))
    if len(shared) < _WORTH_SHARING:
        return "", each
    return shared.strip(), [text[len(shared) :].strip() for text in each]


def _before_bracket(text: str) -> str:
    """A beginning, up to a bracket that is not closed in it."""
    for opening, closing in _BRACKETS:
        if text.count(opening) > text.count(closing):
            text = text[: text.rindex(opening)]
    return text


def place(account: Findings, line: int | None) -> str:
    """One place, as the file's reader counts."""
    if line is None:
        return ""
    return _(_SINGLE[_counting(account)]).format(number=f"{line}")


def places(account: Findings, lines: Lines, shown: int) -> str:
    """Places in runs, the first `shown` of them."""
    runs = lines.runs[:shown]
    if not runs:
        return ""
    if len(lines.runs) == 1 and runs[0][0] == runs[0][1]:
        return place(account, runs[0][0])
    numbers = joined(f"{first}" if first == last else f"{first}–{last}" for first, last in runs)
    text = _(_SEVERAL[_counting(account)]).format(numbers=numbers)
    more = lines.left_out + sum(last - first + 1 for first, last in lines.runs[shown:])
    return _("{places} and {more} more").format(places=text, more=f"{more:,}") if more else text


_SINGLE: Final[Mapping[str, str]] = {
    "line": mark("line {number}"), "row": mark("row {number}"), "item": mark("item {number}"),
}  # fmt: skip
_SEVERAL: Final[Mapping[str, str]] = {
    "line": mark("lines {numbers}"), "row": mark("rows {numbers}"), "item": mark("items {numbers}"),
}  # fmt: skip


def _counting(account: Findings) -> str:
    """What places count: rows of a sheet, items of a list, lines of a text."""
    if account.counts_items:
        return "item"
    return "row" if isinstance(account.form, Sheets) else "line"
