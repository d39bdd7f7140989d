"""`hub adapt check`: what would become of an export, tried out. Needs no configuration, key, node or network.

1. Files are read as the node would read them, by the same engine; nothing is written but the page that is asked for.
2. No value of a row is shown: a place, a column, the shape of what stands there, and what to do.
3. It ends with 1 if anything must be mended, so that a script can stop there.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import click

from adapters.cities import DIALECTS, read_city
from adapters.cities import dialect as dialect_of
from adapters.dialect import Dialect
from adapters.drafts import MEANINGS, Reason
from adapters.limits import UNPACKED_BYTES
from hub.cli.faults import Situation, facing
from hub.cli.options import FILE, PRESENT_FILE, write_whole
from hub.cli.output import Output, json_option, pass_output
from hub.cli.words import argument, command, option
from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.offices import phrases
from hub.offices.findings import Finding, Findings, Listed, Remark, examined
from hub.offices.sheet import page
from hub.translation import _, language, mark
from schemas import divisions

_CODE: Final = re.compile(r"[1-9][0-9]{5}")
FILE_BYTES: Final = UNPACKED_BYTES
PIPED_BYTES: Final = 512 * 1024**2
"""Of what is piped, which is kept aside while it is read."""
IN_MEMORY_BYTES: Final = 8 * 1024**2
CHUNK_BYTES: Final = 1024**2
LISTED: Final = 20_000
"""Rejections that one run lists one by one for a program."""
SHOWN: Final = 5
"""Shapes of a finding that a terminal shows."""
SHOWN_RUNS: Final = 12
SHOWN_FINDINGS: Final = 40
SHOWN_REMARKS: Final = 20


def city(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A city that has an adapter, by code or Chinese name. Raises: BadParameter, with those that there are."""
    if value is None or value in DIALECTS:
        return value
    found = next(
        (
            code
            for code in DIALECTS
            if value and divisions.name(code).removesuffix("市") == value.removesuffix("市")
        ),
        None,
    )
    if found is None:
        raise click.BadParameter(_no_adapter(value))
    return found


def _no_adapter(city: str) -> str:
    known = " ".join(f"{code} {divisions.name(code, language())}" for code in DIALECTS)
    return _("there is no adapter for {city}; there are: {known}").format(city=city, known=known)


def city_or_code(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The same, and the code of any other city: a city file that stands elsewhere may be of one."""
    return value if value is not None and _CODE.fullmatch(value) else city(context, parameter, value)


@command(
    help=mark(
        "Try an export and say what must be mended in it. Nothing is sent."
        "\n\nNeeds no configuration, key or network. Ends with 1 if rows are refused. To see how an export looks: "
        "`hub adapt sample`."
    )
)
@argument(
    "files",
    nargs=-1,
    required=True,
    type=PRESENT_FILE,
    metavar="FILE...",
    help=mark("Exports, or - for standard input."),
)
@option(
    "--city",
    callback=city_or_code,
    metavar="CITY",
    help=mark("City whose export it is: its code or Chinese name."),
)
@option(
    "--dialect",
    "city_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE.py",
    help=mark("City file to read them with, in place of the city's own; it is run, so use your own only."),
)
@option("--html", type=FILE, metavar="FILE", help=mark("Write the report as a page, too, to read and print."))
@json_option
@pass_output
def check(
    output: Output, *, files: tuple[Path, ...], city: str | None, city_file: Path | None, html: Path | None
) -> None:
    dialect = _dialect(city, city_file)
    if html is not None:
        _spare(html, [*files, *([city_file] if city_file is not None else [])])
    accounts: list[Findings] = []
    for file in files:
        room = LISTED - sum(len(account.listed) for account in accounts) if output.as_json else 0
        name = "-" if str(file) == "-" else file.name
        with opened(file) as stream, output.progress(name) as advance:
            account = examined(dialect, stream, name, listed=room, watch=lambda rows: advance(rows, 0))
        accounts.append(account)
    if html is not None:
        write_whole(html, page(divisions.name(dialect.city, language()), accounts, utc_now()))
    if output.as_json:
        clean = all(account.clean for account in accounts)
        output.json({"city": dialect.city, "clean": clean, "files": [_members(each) for each in accounts]})
    else:
        for account in accounts:
            _show(output, account)
        _conclude(output, accounts, html)
    if not all(account.clean for account in accounts):
        raise click.exceptions.Exit(1)


def _dialect(city: str | None, city_file: Path | None) -> Dialect:
    with facing(Situation.CITY_FILE):
        if city_file is not None:
            found = read_city(city_file)
            if city not in (None, found.city):
                raise Problem(Code.INVALID, f"{city_file.name} is of {found.city}, --city says {city}")
            return found
        if city is None:
            raise click.UsageError(_("Give --city, or --dialect."))
        if city not in DIALECTS:
            raise click.BadParameter(_no_adapter(city), param_hint="--city")
        return dialect_of(city)


def _spare(html: Path, read: Sequence[Path]) -> None:
    """Raises: UsageError if the page would be written over what is read."""
    if any(html.exists() and str(file) != "-" and html.samefile(file) for file in read):
        raise click.UsageError(_("--html names a file that is read here."))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file as a seekable stream; what is piped is kept aside first, in a file without a name.

    Raises: Problem: `not-found`, `too-large`.
    """
    piped = str(path) == "-"
    with facing(Situation.EXPORT):
        try:
            if not piped:
                found = path.stat()
                piped = stat.S_ISFIFO(found.st_mode)
                if not piped and not stat.S_ISREG(found.st_mode):
                    raise Problem(Code.NOT_FOUND, f"{path} is a device, not a file")
                if found.st_size > FILE_BYTES:
                    raise Problem(Code.TOO_LARGE, f"{path}: at most {FILE_BYTES} bytes are read")
            with (
                click.open_file(str(path), "rb") as file,
                tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as aside,
            ):
                if piped:
                    _keep(cast(BinaryIO, file), cast(BinaryIO, aside), path)
                yield cast(BinaryIO, aside if piped else file)
        except OSError as error:
            raise Problem(
                Code.NOT_FOUND, f"{path} cannot be read: {os.strerror(error.errno or 0)}"
            ) from error


def _keep(piped: BinaryIO, aside: BinaryIO, path: Path) -> None:
    size = 0
    while chunk := piped.read(CHUNK_BYTES):
        size += len(chunk)
        if size > PIPED_BYTES:
            raise Problem(Code.TOO_LARGE, f"{path}: at most {PIPED_BYTES} bytes are read from a pipe")
        aside.write(chunk)
    aside.seek(0)


def _show(output: Output, account: Findings) -> None:
    """The account of one file for a person."""
    good = account.clean
    said = phrases.filled(_(phrases.verdict(account)), account)
    output.say(f"{'✓' if good else '✗'} {account.name}  {said}", style="bold green" if good else "bold red")
    passed = [_remark_line(account, remark, rows=True) for remark in account.passed_over.values()]
    facts = [
        (_("Format"), phrases.format_name(account.form)),
        (_("Rows read"), phrases.sum_of_rows(account)),
        (_("To send"), phrases.kinds(account)),
        (_("To cities"), phrases.cities(account)),
        *_listing(_("Passed over"), passed),
    ]
    output.lines([(heading, value) for heading, value in facts if value] if account.form is not None else [])
    for number, finding in enumerate(account.findings[:SHOWN_FINDINGS], 1):
        output.say("")
        output.say(f"{number}. {_title(finding)}", style="bold")
        output.lines(_finding_lines(account, finding))
    more = len(account.findings) - SHOWN_FINDINGS
    if more > 0:
        output.say("")
        output.say(
            _("There are {more} more flaws of other sorts; --html and --json have them.").format(more=more)
        )
    remarks = [
        *_listing(_("Look at"), [_remark_line(account, each) for each in account.reminders.values()]),
        *_listing(_("Notes"), [_remark_line(account, each) for each in account.notes.values()]),
        *_listing(
            _("Put in by rule"), ["  ".join(phrases.supplied(each)) for each in account.supplied.values()]
        ),
        *_listing(_("Not carried"), _not_carried(account)),
    ]
    if remarks:
        output.say("")
        output.lines(remarks)
    if account.left_out:
        output.say(
            _(
                "For {count} more rejections and notes there was no room in the report; mend these first."
            ).format(count=f"{account.left_out:,}")
        )
    output.say("")


def _title(finding: Finding) -> str:
    subject = phrases.subject(finding)
    text = phrases.what(finding)
    said = _("{subject}: {what}").format(subject=subject, what=text) if subject else text
    return _("{said} (rows: {rows})").format(said=said, rows=f"{finding.rows:,}") if finding.rows else said


def _finding_lines(account: Findings, finding: Finding) -> list[tuple[str, str]]:
    """What to do and where: a few rows with the shapes of what stands there, then where all of them are."""
    shared, particular = phrases.advice(finding)
    lines = [(_("Do this"), shared)]
    if finding.heading is not None:
        heading = _("Heading") if finding.reason is Reason.MISSING_COLUMN else _("Where")
        lines.append((heading, phrases.place(account, finding.heading or None)))
    for number, (shape, own) in enumerate(zip(finding.shapes[:SHOWN], particular, strict=False)):
        column = shape.column if shape.column != finding.column else ""
        parts = (phrases.places(account, shape.lines, SHOWN_RUNS), column, phrases.outline(shape), own)
        lines.append((_("Where") if number == 0 else "", "  ".join(part for part in parts if part)))
    if len(finding.shapes) > SHOWN or finding.crowded or (not finding.shapes and finding.rows):
        lines.append((_("All of them"), phrases.places(account, finding.lines, SHOWN_RUNS)))
    return [(heading, value) for heading, value in lines if value]


def _remark_line(account: Findings, remark: Remark, *, rows: bool = False) -> str:
    """A note with where it stands; those that pass rows over with how many."""
    where = phrases.places(account, remark.lines, SHOWN_RUNS)
    sheet = phrases.in_sheet(remark.sheet)
    said = remark.text(language())
    if rows and remark.rows > 1 and str(remark.rows) not in said:
        said = f"{said} ×{remark.rows:,}"
    return "  ".join(part for part in (said, phrases.joined(part for part in (sheet, where) if part)) if part)


def _not_carried(account: Findings) -> list[str]:
    named = [(remark.column, remark.times) for remark in account.not_carried.values()]
    return [phrases.counted(named)] if named else []


def _listing(heading: str, lines: Sequence[str]) -> list[tuple[str, str]]:
    """Lines under one heading, the first of them beside it; of very many the number that is left."""
    shown = [line for line in lines if line][:SHOWN_REMARKS]
    if len(lines) > SHOWN_REMARKS:
        shown.append(_("and {more} more; --json has them").format(more=f"{len(lines) - SHOWN_REMARKS:,}"))
    return [(heading if number == 0 else "", line) for number, line in enumerate(shown)]


def _conclude(output: Output, accounts: Sequence[Findings], html: Path | None) -> None:
    if any(shape.shape for account in accounts for each in account.findings for shape in each.shapes):
        output.say(_(phrases.LEGEND), style="dim")
    if len(accounts) > 1:
        good = sum(account.clean for account in accounts)
        output.say(_("{good} of {files} files have nothing to mend.").format(good=good, files=len(accounts)))
    if html is not None:
        output.say(_("The page is in {file}.").format(file=html))


def _members(account: Findings) -> dict[str, Any]:
    """The account of one file for a program."""
    spoken = language()
    return {
        "file": account.name,
        "clean": account.clean,
        "format": None if account.form is None else account.form.suffix,
        "rows": account.rows,
        "sent": account.sent,
        "refused": account.refused,
        "passed_over": account.passed,
        "kinds": dict(account.kinds),
        "to": dict(account.recipients),
        "to_none": account.unaddressed,
        "passed_over_why": _remarks(account.passed_over),
        "findings": [
            {
                "sheet": finding.sheet or None,
                "column": finding.column or None,
                "reason": str(finding.reason),
                "what": phrases.what(finding),
                "next": finding.advice(spoken),
                "rows": finding.rows,
                "lines": finding.lines.runs,
                "lines_left_out": finding.lines.left_out,
                "heading": finding.heading or None,
            }
            for finding in account.findings
        ],
        "rejections": [_listed(each) for each in account.listed],
        "rejections_left_out": account.rejections - len(account.listed),
        "reminders": _remarks(account.reminders),
        "notes": _remarks(account.notes),
        "supplied": _remarks(account.supplied),
        "not_carried": {remark.column: remark.times for remark in account.not_carried.values()},
        "left_out": account.left_out,
    }


def _listed(listed: Listed) -> dict[str, Any]:
    meaning = MEANINGS[listed.reason]
    return {
        "sheet": listed.sheet or None,
        "line": listed.line,
        "column": listed.shape.column or None,
        "reason": str(listed.reason),
        "what": meaning.zh if language() == "zh" else meaning.en,
        "shape": listed.shape.shape,
        "next": listed.shape.advice(language()),
    }


def _remarks(remarks: Mapping[tuple[str, str], Remark]) -> list[dict[str, Any]]:
    return [
        {
            "sheet": remark.sheet or None,
            "column": remark.column or None,
            "what": remark.text(language()),
            "value": remark.value or None,
            "times": remark.times,
            "rows": remark.rows,
            "lines": remark.lines.runs,
        }
        for remark in remarks.values()
    ]
