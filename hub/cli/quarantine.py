"""`hub quarantine`: rows of a city's exports that were not sent, looked at, mended and let go."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from hub.cli.check import city_or_code
from hub.cli.faults import Situation, facing
from hub.cli.output import Column, Output, city_name, clock, json_option, pass_output
from hub.cli.runs import office_config, office_of
from hub.cli.words import Group, argument, option
from hub.clock import utc_now
from hub.diagnostics import configure_logging
from hub.errors import Code, Problem
from hub.offices import keeping, reasons
from hub.offices.office import open_office
from hub.offices.quarantine import CELL_CHARACTERS, Quarantine, Released
from hub.offices.reasons import Why, why_refused
from hub.offices.settings import read_offices
from hub.store.offices import Entry, OfficeMemory
from hub.translation import _, language, mark


@click.group(cls=Group, help=mark("Rows that were not sent: look at them, mend them, let them go."))
def quarantine() -> None:
    configure_logging(logging.ERROR)


_number = argument("number", type=click.IntRange(min=1), metavar="NUMBER", help=mark("Number in the list."))


@quarantine.command(name="list", help=mark("List what waits, with its reasons; no personal data is shown."))
@option("--city", callback=city_or_code, metavar="CODE", help=mark("This city's alone."))
@office_config
@json_option
@pass_output
def list_entries(output: Output, city: str | None, config: Path) -> None:
    with facing(Situation.QUARANTINE), _memory(config) as memory:
        entries = memory.quarantine.listed(city)
    rows = [_members(entry) for entry in entries]
    if not rows and not output.as_json:
        output.say(_("Nothing is in quarantine."), style="green")
        return
    output.table("entries", _COLUMNS, rows)


@quarantine.command(help=mark("Show a row with what is wrong in it. It is personal data: mind who looks on."))
@_number
@office_config
@json_option
@pass_output
def show(output: Output, number: int, config: Path) -> None:
    with _at(config, number) as desk, facing(Situation.QUARANTINE):
        opened = desk.show(number)
    if output.as_json:
        output.json({**_members(opened.entry), "row": opened.row})
        return
    entry = opened.entry
    output.lines(
        [
            (_("City"), city_name(entry.city)),
            (_("File"), entry.unit),
            (_("Place"), keeping.place_of(entry).text(language())),
            (_("Local number"), entry.number),
            (_("In quarantine since"), clock(entry.since)),
        ]
    )
    _tell(output, opened.why)
    if opened.row is not None:
        output.say("")
        wrong = {each.field for each in opened.why}
        output.lines(
            [(f"✗ {name}" if name in wrong else f"  {name}", str(cell)) for name, cell in opened.row.items()]
        )
        said = _("Mend it, cell by cell: hub quarantine fix {number} COLUMN")
        output.say("")
        output.say(said.format(number=number))


@quarantine.command(
    help=mark(
        "Change cells of a row, and send it.\n\nCOLUMN is named as `hub quarantine show` names it. Without =VALUE it "
        "is asked for, or read from standard input, a line for each: so personal data stays out of the shell's "
        "history and the list of processes."
    )
)
@_number
@argument(
    "changes", nargs=-1, required=True, metavar="COLUMN[=VALUE]...", help=mark("Cells and their new values.")
)
@office_config
@json_option
@pass_output
def fix(output: Output, number: int, changes: tuple[str, ...], config: Path) -> None:
    given = [change.partition("=") for change in changes]
    if not all(column for column, _equals, _value in given):
        raise click.BadParameter(_("write COLUMN or COLUMN=VALUE"), param_hint="COLUMN[=VALUE]")
    if not all(equals for _column, equals, _value in given):
        with facing(Situation.QUARANTINE), _memory(config) as memory:
            _entry(memory, number)  # before anything is asked
    cells = {column: value if equals else _asked(column) for column, equals, value in given}
    with _at(config, number) as desk, facing(Situation.QUARANTINE):
        released = desk.fix(number, cells)
    _show(output, [released])


@quarantine.command(
    help=mark("Send rows as they are: the city's file, the agreement or the settings may be others by now.")
)
@argument(
    "numbers", nargs=-1, type=click.IntRange(min=1), metavar="NUMBER...", help=mark("Numbers in the list.")
)
@option("--all", "all_of", callback=city_or_code, metavar="CITY", help=mark("All rows of a city."))
@office_config
@json_option
@pass_output
def release(output: Output, numbers: tuple[int, ...], all_of: str | None, config: Path) -> None:
    if bool(numbers) == (all_of is not None):
        raise click.UsageError(_("Give numbers, or --all with a city."))
    with facing(Situation.QUARANTINE), _memory(config) as memory:
        if all_of is not None:
            found = {
                all_of: [entry.entry for entry in memory.quarantine.listed(all_of) if entry.kept is not None]
            }
        else:
            found = {}
            for number in dict.fromkeys(numbers):
                found.setdefault(_entry(memory, number).city, []).append(number)
    released: list[Released] = []
    for city, mine in found.items():
        with (
            facing(Situation.QUARANTINE),
            _desk(config, city) as desk,
            output.progress(_("Sending")) as advance,
        ):
            for done, number in enumerate(mine, start=1):
                released.append(_released(desk, number))
                advance(done, len(mine))
    _show(output, released)


@quarantine.command(help=mark("Set rows aside without sending them; they come back only when they change."))
@argument(
    "numbers",
    nargs=-1,
    required=True,
    type=click.IntRange(min=1),
    metavar="NUMBER...",
    help=mark("Numbers in the list."),
)
@office_config
@pass_output
def dismiss(output: Output, numbers: tuple[int, ...], config: Path) -> None:
    aside = tuple(dict.fromkeys(numbers))
    for number in aside:
        with _at(config, number) as desk, facing(Situation.QUARANTINE):
            desk.dismiss(number)
    output.say(_("Set aside: {count}").format(count=len(aside)))


# -- inside ------------------------------------------------------------------------------------------


@contextmanager
def _memory(config: Path) -> Iterator[OfficeMemory]:
    offices = read_offices(config)
    if not offices:
        raise Problem(Code.NOT_FOUND, f"{config} has no [[adapters]]")
    memory = OfficeMemory.open(offices[0].database)
    try:
        yield memory
    finally:
        memory.close()


@contextmanager
def _desk(config: Path, city: str) -> Iterator[Quarantine]:
    with open_office(office_of(config, city), os.environ, utc_now) as office:
        yield Quarantine(office)


@contextmanager
def _at(config: Path, number: int) -> Iterator[Quarantine]:
    """The quarantine of the city that an entry is of."""
    with facing(Situation.QUARANTINE):
        with _memory(config) as memory:
            city = _entry(memory, number).city
        with _desk(config, city) as desk:
            yield desk


def _asked(column: str) -> str:
    """A cell's new value, from whoever sits at the terminal or else from standard input. Raises: UsageError, Abort."""
    if sys.stdin.isatty():
        said: str = click.prompt(column, default="", show_default=False, prompt_suffix=" = ", err=True)
        return said
    try:
        line = sys.stdin.readline(CELL_CHARACTERS + 2)
    except UnicodeDecodeError:
        raise click.UsageError(
            _("What came on standard input for {column} is no text.").format(column=column)
        ) from None
    if not line:
        raise click.UsageError(_("Standard input has no line for {column}.").format(column=column))
    return line.removesuffix("\n").removesuffix("\r")


def _released(desk: Quarantine, number: int) -> Released:
    """What became of one of many: what is wrong with it keeps none of the others back."""
    try:
        return desk.release(number)
    except Problem as problem:
        if problem.code in (Code.BUSY, Code.TOO_MANY_REQUESTS):
            raise
        return Released(number, None, [why_refused(problem)])


def _entry(memory: OfficeMemory, number: int) -> Entry:
    entry = memory.quarantine.entry(number)
    if entry is None:
        raise Problem(Code.NOT_FOUND, f"nothing is in quarantine under {number}")
    return entry


def _members(entry: Entry) -> dict[str, Any]:
    why = reasons.read(entry.reasons)
    return {
        "number": entry.entry,
        "city": entry.city,
        "source": entry.source,
        "file": entry.unit,
        "table": entry.title,
        "sheet": entry.sheet,
        "line": entry.line,
        "place": keeping.place_of(entry).text(language()),
        "local_number": entry.number,
        "since": entry.since,
        "reasons": [_why(each) for each in why],
        "said": "\n".join(each.line(language()) for each in why),
    }


def _why(why: Why) -> dict[str, Any]:
    chinese = language() == "zh"
    return {
        "column": why.field,
        "reason": why.reason,
        "shape": why.shape,
        "what": why.zh if chinese else why.en,
        "next": why.next_zh if chinese else why.next_en,
        "refused": why.refused,
    }


_COLUMNS = (
    Column("number", mark("Number")),
    Column("city", mark("City"), city_name),
    Column("file", mark("File"), wide=True),
    Column("place", mark("Place")),
    Column("local_number", mark("Local number"), wide=True),
    Column("said", mark("What is wrong, and what to do"), wide=True),
)


def _tell(output: Output, why: Sequence[Why]) -> None:
    for each in why:
        output.say(f"✗ {each.line(language())}", style="red")


STATUSES = {
    "new": mark("sent"),
    "revised": mark("sent as a revision"),
    "unchanged": mark("was there already"),
    "withdrawn": mark("withdrawn"),
}


def _show(output: Output, released: Sequence[Released]) -> None:
    rows = [
        {"number": each.entry, "status": each.status, "reasons": [_why(why) for why in each.why]}
        for each in released
    ]
    if output.as_json:
        output.json({"released": rows})
    else:
        for each in released:
            if each.status is not None:
                output.say(f"✓ {each.entry}: {_(STATUSES[each.status])}", style="green")
                continue
            output.say(_("{number} stays in quarantine:").format(number=each.entry))
            _tell(output, each.why)
    if any(each.status is None for each in released):
        raise click.exceptions.Exit(1)
