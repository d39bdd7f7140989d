"""The account of a city's files as one page, to read and to print: it loads nothing and runs nothing.

Everything that comes from a file (its name, sheets, columns) is escaped by the template engine; values of rows are
not in the account to begin with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from adapters.drafts import Reason
from hub.offices import phrases
from hub.offices.findings import Finding, Findings, Remark
from hub.sheet import LOCAL_TIME
from hub.translation import _, language, mark

_TEMPLATES: Final = Path(__file__).parent / "templates"
_RUNS: Final = 60
"""Runs of lines that the page names for a finding."""

_WORDS: Final[Mapping[str, str]] = {
    "house": mark("Border exchange"),
    "title": mark("Check of exports"),
    "made": mark("Checked on {day}, +08:00"),
    "promise": mark("Nothing was sent, and this page holds no value of any row."),
    "file": mark("File"),
    "verdict": mark("Result"),
    "format": mark("Format"),
    "rows": mark("Rows read"),
    "sent": mark("To send"),
    "refused": mark("Refused"),
    "passed": mark("Passed over"),
    "kinds": mark("Kinds"),
    "cities": mark("To cities"),
    "mend": mark("To mend"),
    "number": mark("No."),
    "flaw": mark("Flaw, and what to do"),
    "where": mark("Where"),
    "affected": mark("Rows"),
    "whole": mark("whole file"),
    "do": mark("Do this"),
    "all": mark("All of them"),
    "know": mark("Good to know"),
    "reminders": mark("Look at"),
    "notes": mark("Notes"),
    "supplied": mark("Put in by rule"),
    "not_carried": mark("Not carried"),
    "legend": phrases.LEGEND,
    "again": mark("Mend the export where it comes from, take it again, and run the same check."),
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A finding as the page shows it."""

    sheet: str
    column: str
    what: str
    advice: str
    rows: str
    heading: str
    lines: list[tuple[str, str, str]]
    everywhere: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A file as the page shows it."""

    name: str
    good: bool
    verdict: str
    english: str
    counts: Mapping[str, int]
    format: str
    sum: str
    kinds: str
    cities: str
    findings: list[_Row]
    remarks: list[tuple[str, list[tuple[str, str]]]]
    crowded: str


def page(city: str, accounts: Sequence[Findings], now: datetime) -> str:
    """The page for accounts of a city's files, in the language in use."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = {name: _(text) for name, text in _WORDS.items()}
    day = now.astimezone(LOCAL_TIME).strftime("%Y-%m-%d %H:%M")
    parts = [_part(account) for account in accounts]
    good = sum(part.good for part in parts)
    overall = mark("{good} of {files} files have nothing to mend.")
    return environment.get_template("findings.html").render(
        words={**words, "made": words["made"].format(day=day)},
        english={name: text if language() == "zh" else "" for name, text in _WORDS.items()},
        spoken="en" if language() == "en" else "zh-CN",
        style=Markup((_TEMPLATES / "findings.css").read_text(encoding="utf-8")),  # noqa: S704 # our own file
        city=city,
        parts=parts,
        good=good == len(parts),
        overall=_(overall).format(good=good, files=len(parts)),
        overall_english=overall.format(good=good, files=len(parts)) if language() == "zh" else "",
    )


def _part(account: Findings) -> _Part:
    sentence = phrases.verdict(account)
    return _Part(
        name=account.name,
        good=account.clean,
        verdict=phrases.filled(_(sentence), account),
        english=phrases.filled(sentence, account) if language() == "zh" else "",
        counts={"sent": account.sent, "refused": account.refused, "passed": account.passed},
        format=phrases.format_name(account.form),
        sum=phrases.sum_of_rows(account),
        kinds=phrases.kinds(account),
        cities=phrases.cities(account),
        findings=[_row(account, finding) for finding in account.findings],
        remarks=[(heading, lines) for heading, lines in _remarks(account) if lines],
        crowded=""
        if not account.left_out
        else _(
            "For {count} more rejections and notes there was no room in the report; mend these first."
        ).format(count=f"{account.left_out:,}"),
    )


def _row(account: Findings, finding: Finding) -> _Row:
    shared, particular = phrases.advice(finding)
    lines = []
    for shape, own in zip(finding.shapes, particular, strict=True):
        column = shape.column if shape.column != finding.column else ""
        where = phrases.places(account, shape.lines, _RUNS)
        lines.append((where, " ".join(part for part in (column, own) if part), phrases.outline(shape)))
    at = phrases.place(account, finding.heading or None)
    heading = _("Heading") if finding.reason is Reason.MISSING_COLUMN else ""
    return _Row(
        sheet=phrases.in_sheet(finding.sheet),
        column=finding.column,
        what=phrases.what(finding),
        advice=shared,
        rows=f"{finding.rows:,}" if finding.rows else "",
        heading=f"{heading} {at}".strip() if at else "",
        lines=lines,
        everywhere="" if lines and not finding.crowded else phrases.places(account, finding.lines, _RUNS),
    )


def _remarks(account: Findings) -> list[tuple[str, list[tuple[str, str]]]]:
    """What to know beside the findings: headings, each with lines of words and places."""
    carried = [(remark.column, remark.times) for remark in account.not_carried.values()]
    return [
        (_("Look at"), [_line(account, each) for each in account.reminders.values()]),
        (_("Passed over"), [_line(account, each) for each in account.passed_over.values()]),
        (_("Notes"), [_line(account, each) for each in account.notes.values()]),
        (_("Put in by rule"), [phrases.supplied(each) for each in account.supplied.values()]),
        (_("Not carried"), [(phrases.counted(carried), "")] if carried else []),
    ]


def _line(account: Findings, remark: Remark) -> tuple[str, str]:
    where = (phrases.in_sheet(remark.sheet), phrases.places(account, remark.lines, _RUNS))
    return remark.text(language()), phrases.joined(part for part in where if part)
