"""`hub adapt run`: a city's office systems worked off by hand."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hub.cli.check import city_or_code
from hub.cli.faults import Situation, facing
from hub.cli.options import config_option
from hub.cli.output import Column, Output, json_option, pass_output, problem_members
from hub.cli.words import argument, command, option
from hub.clock import utc_now
from hub.diagnostics import configure_logging
from hub.errors import Code, Problem
from hub.offices import runs
from hub.offices.dispatch import SinkReport
from hub.offices.intake import UnitReport
from hub.offices.settings import OfficeSettings, SinkSettings, SourceSettings, read_offices
from hub.translation import _, language, mark

SHOWN_AT_MOST = 10
"""Losses that are shown one by one; `--json` has all that were kept."""

office_config = config_option(mark("Configuration with the city's [[adapters]] (else HUB_CONFIG)."))


def office_of(config: Path, city: str) -> OfficeSettings:
    """A city's office in a configuration. Raises: Problem `not-found` with those that there are."""
    with facing(Situation.CONFIG):
        offices = read_offices(config)
        found = next((office for office in offices if office.city == city), None)
        if found is None:
            there = ", ".join(office.city for office in offices) or _("none")
            raise Problem(Code.NOT_FOUND, f"{config} has no [[adapters]] for {city}; there are: {there}")
        return found


@command(
    help=mark(
        "Read a city's exports, send what is new, and write what has come for it."
        "\n\nSources and sinks stand in hub.toml. What cannot be sent goes into quarantine; doing it twice changes "
        "nothing. Exit code 1 where something could not be read, or waits in quarantine."
    )
)
@argument("city", callback=city_or_code, metavar="CITY", help=mark("Code of the city."))
@office_config
@option(
    "--only", multiple=True, metavar="NAME", help=mark("A source or sink by its name; all if none is given.")
)
@option("--again", is_flag=True, help=mark("Read files again that have not changed."))
@json_option
@pass_output
def run(output: Output, city: str, config: Path, only: tuple[str, ...], again: bool) -> None:
    configure_logging(logging.ERROR)
    office = office_of(config, city)
    places = _chosen(office, only)
    taken: list[UnitReport] = []
    given: list[SinkReport] = []
    try:
        with facing(Situation.OFFICE), output.progress(_("Working")) as advance:
            for report in runs.run(office, places, os.environ, utc_now, again=again):
                if isinstance(report, UnitReport):
                    taken.append(report)
                else:
                    given.append(report)
                advance(len(taken) + len(given), 0)
    except Problem:
        if not output.as_json:
            _show(output, taken, given)
        raise
    _show(output, taken, given)
    if any(report.problem is not None or report.quarantined for report in taken):
        raise click.exceptions.Exit(1)


def _chosen(office: OfficeSettings, only: Sequence[str]) -> list[SourceSettings | SinkSettings]:
    places: list[SourceSettings | SinkSettings] = [*office.sources, *office.sinks]
    names = [place.access.name for place in places]
    for name in only:
        if name not in names:
            raise click.BadParameter(
                _("{name} is no source or sink of {city}; there are: {names}").format(
                    name=name, city=office.city, names=", ".join(names)
                ),
                param_hint="--only",
            )
    return [place for place in places if not only or place.access.name in only]


def _show(output: Output, taken: Sequence[UnitReport], given: Sequence[SinkReport]) -> None:
    if output.as_json:
        output.json(
            {"taken": [_taken(report) for report in taken], "given": [_given(report) for report in given]}
        )
        return
    read = [_taken(report) for report in taken if not report.passed_over]
    if read:
        output.table("taken", _TAKEN, read)
    over = len(taken) - len(read)
    if over:
        output.say(_("Unchanged since it was read: {count} files").format(count=over))
    for report in taken:
        for note in report.notes:
            output.say(f"! {report.name}: {note.line(language())}", style="yellow")
        if report.problem is not None:
            said = f"{report.problem.title(language())}: {report.problem.detail}"
            output.say(f"✗ {report.name}: {said} → {report.problem.next_step(language())}", style="red")
        if report.not_kept:
            said = _("! {file}: {count} more rows are wrong and are not kept; mend the file as a whole")
            output.say(said.format(file=report.name, count=report.not_kept), style="yellow")
    if any(report.quarantined for report in taken):
        output.say(_("See what is wrong: hub quarantine list"))
    if given:
        output.table("given", _GIVEN, [_given(each) for each in given])
    for sink in given:
        if sink.unanswered:
            output.say(_("! {count} senders could not be told").format(count=sink.unanswered), style="yellow")
        if sink.skipped:
            said = _(
                "! {count} records were left out of the stream before: forgotten, or kept from this city"
            )
            output.say(said.format(count=sink.skipped), style="yellow")
        for loss in sink.losses[:SHOWN_AT_MOST]:
            output.say(f"! {loss.line(language())}", style="yellow")
        if len(sink.losses) > SHOWN_AT_MOST:
            output.say(_("… and {count} more (--json)").format(count=len(sink.losses) - SHOWN_AT_MOST))


_TAKEN = (
    Column("source", mark("Source")),
    Column("name", mark("File"), wide=True),
    Column("rows", mark("Rows")),
    Column("new", mark("New")),
    Column("revised", mark("Revised")),
    Column("unchanged", mark("Unchanged")),
    Column("withdrawn", mark("Withdrawn")),
    Column("quarantined", mark("Quarantined")),
    Column("mended_before", mark("Mended before")),
    Column("left_out", mark("Left out")),
)
_GIVEN = (
    Column("sink", mark("Sink")),
    Column("written", mark("Written")),
    Column("as_signed", mark("As signed")),
    Column("unreadable", mark("Unreadable")),
    Column("answers", mark("Answers")),
    Column("files", mark("Files"), lambda files: ", ".join(dict.fromkeys(files)), wide=True),
)


def _taken(report: UnitReport) -> dict[str, Any]:
    return {
        "source": report.source,
        "name": report.name,
        "passed_over": report.passed_over,
        "rows": report.rows,
        "new": report.new,
        "revised": report.revised,
        "unchanged": report.unchanged,
        "withdrawn": report.withdrawn,
        "withheld": report.withheld,
        "quarantined": report.quarantined,
        "not_kept": report.not_kept,
        "mended_before": report.mended_before,
        "left_out": report.left_out,
        "notes": [note.line(language()) for note in report.notes],
        "problem": None if report.problem is None else problem_members(report.problem),
    }


def _given(report: SinkReport) -> dict[str, Any]:
    return {**asdict(report), "losses": [asdict(loss) for loss in report.losses]}
