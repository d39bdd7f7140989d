"""`hub adapt cap`: alerts of the Common Alerting Protocol become records.

A record's id is made from the city, the exporting system and the number that the unit has there. So the same export
taken twice is one record: unchanged it is not sent again, changed it becomes the next revision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click
import orjson

from adapters.cap import DEFAULT_VALIDITY, read_cap
from adapters.drafts import MEANINGS, Rejection
from adapters.drafts import Draft as Adapted
from hub.cli import drafts
from hub.cli.drafts import Draft
from hub.cli.faults import Situation, facing
from hub.cli.options import (
    FOLDER,
    PRESENT_FILE,
    partner,
    partners,
    parts,
    profile_option,
    read_bytes,
    write_whole,
)
from hub.cli.output import Column, Output, city_names, json_option, pass_output, problem_members
from hub.cli.push import Batch, Preparation, Sending, acting, send, settled, show
from hub.cli.words import argument, command, option
from hub.errors import Code, Problem
from hub.translation import _, language, mark
from schemas.record import adapted_id

FILE_BYTES: Final = 2 * 1024 * 1024
"""More than any adapter takes: it is the adapter that says what is too large."""
SYSTEM: Final = "cap"


@dataclass(frozen=True, slots=True)
class _Unit:
    """One record to be, and the file that it came from."""

    file: str
    adapted: Adapted
    draft: Draft


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A file or unit that gives no record."""

    file: str
    reason: Rejection | Problem

    def line(self) -> str:
        if isinstance(self.reason, Rejection):
            return f"{self.file}: {self.reason.line(language())}"
        return f"{self.file}: {self.reason.detail} → {self.reason.next_step(language())}"

    def members(self) -> dict[str, Any]:
        if isinstance(self.reason, Problem):
            return {"file": self.file, "problem": problem_members(self.reason)}
        meaning, chinese = MEANINGS[self.reason.reason], language() == "zh"
        return {
            "file": self.file,
            "line": self.reason.place.row,
            "sheet": self.reason.place.sheet,
            "element": self.reason.field,
            "reason": str(self.reason.reason),
            "what": meaning.zh if chinese else meaning.en,
            "shape": self.reason.shape,
            "next": self.reason.zh if chinese else self.reason.en,
        }


@command(
    help=mark(
        "Alerts from CAP 1.2 or 1.1 files."
        "\n\nDrafts are shown, or written with -o; with --push they are signed and sent. What was put in and what "
        "could not be carried is named."
    )
)
@argument(
    "files",
    nargs=-1,
    required=True,
    type=PRESENT_FILE,
    metavar="FILE...",
    help=mark("CAP files, or - for standard input."),
)
@option(
    "--from",
    "sender",
    required=True,
    callback=partner,
    metavar="CODE",
    help=mark("City that issues the alerts."),
)
@option(
    "--to", required=True, callback=partners, metavar="CODES", help=mark("Cities that the alerts are for.")
)
@option("--agreement", metavar="ID", help=mark("Agreement under which they flow."))
@option(
    "--system",
    default=SYSTEM,
    show_default=True,
    help=mark("Name of the exporting system; part of the records' ids."),
)
@option(
    "--expires-after",
    type=click.FloatRange(0, 24 * 366, min_open=True),
    default=DEFAULT_VALIDITY / timedelta(hours=1),
    show_default=True,
    metavar="HOURS",
    help=mark("Validity of alerts that name none."),
)
@option(
    "--area-codes",
    callback=parts,
    metavar="CODES",
    help=mark("Divisions for areas that name none; the recipients' if not given."),
)
@option("-o", "--out", type=FOLDER, help=mark("Folder to write the drafts to, for `hub push`."))
@option("--push", "pushing", is_flag=True, help=mark("Sign and send them; needs --as and --agreement."))
@profile_option(required=False)
@json_option
@pass_output
def cap(
    output: Output,
    *,
    files: tuple[Path, ...],
    sender: str,
    to: tuple[str, ...],
    agreement: str | None,
    system: str,
    expires_after: float,
    area_codes: tuple[str, ...],
    out: Path | None,
    pushing: bool,
    profile: Path | None,
) -> None:
    if pushing and (profile is None or agreement is None):
        raise click.UsageError(_("--push needs --as and --agreement."))
    if not to:
        raise click.UsageError(_("--to names no city."))
    if sender in to:
        raise click.UsageError(_("--to names the city that issues the alerts."))
    if len(set(to)) != len(to):
        raise click.UsageError(_("--to names a city twice."))
    units: list[_Unit] = []
    refusals: list[_Refusal] = []
    validity = timedelta(hours=expires_after)
    for file in files:
        for found in _read(str(file), area_codes or to, validity):
            if isinstance(found, _Refusal):
                refusals.append(found)
                continue
            subject = None if found.subject is None else adapted_id(sender, system, found.subject)
            draft = Draft(
                kind=found.kind,
                version=found.version,
                body=dict(found.body),
                private=found.private,
                to=found.recipients or to,
                agreement=agreement,
                subject=subject,
                id=adapted_id(sender, system, found.local_number),
                sender=sender,
            )
            units.append(_Unit(str(file), found, draft))
    if out is not None:
        for unit in units:
            written = orjson.dumps(_written(unit.draft), option=orjson.OPT_INDENT_2)
            write_whole(out / f"{unit.draft.id}.json", written + b"\n")
    sent = _push(output, profile, sender, units) if pushing and profile is not None else None
    fine = _show(output, units, refusals, sent)
    if refusals or not fine:
        raise click.exceptions.Exit(1)


def _read(file: str, area_codes: Sequence[str], validity: timedelta) -> Iterator[Adapted | _Refusal]:
    """The drafts and refusals of one file. Raises: Problem for a wrong argument."""
    try:
        content = read_bytes(Path(file), FILE_BYTES)
    except Problem as problem:
        yield _Refusal(file, problem)
        return
    report = read_cap(content, default_geocodes=area_codes, expires_after=validity)
    yield from report.drafts
    yield from (_Refusal(file, rejection) for rejection in report.rejections)


def _push(output: Output, profile: Path, sender: str, units: Sequence[_Unit]) -> list[Sending]:
    with acting(profile) as (who, client):
        with facing(Situation.PROFILE):
            if who.sender() != sender:
                raise Problem(
                    Code.INVALID,
                    f"the profile speaks for {who.sender()}, --from says {sender}",
                    where="/city",
                )
        preparations: list[tuple[str, Preparation]] = [(unit.file, _Revision(unit)) for unit in units]
        return send(output, client, preparations)


class _Revision:
    """The preparation of one unit: nothing where it is held as it is, else its first or next revision."""

    def __init__(self, unit: _Unit) -> None:
        self._unit = unit

    def __call__(self, batch: Batch) -> Sending:
        draft, sender = self._unit.draft, self._unit.draft.sender
        assert draft.id is not None
        assert sender is not None
        held = batch.held(draft.id)
        if held:
            newest = held[-1]
            if newest.record.withdrawn is not None:
                raise Problem(Code.CONFLICT, "the record was withdrawn; it is not sent again")
            if drafts.says_the_same(newest, draft):
                return settled(self._unit.file, newest, None, draft.id)
            draft = replace(draft, revision=newest.record.revision + 1)
        composed = drafts.compose(batch.client, draft, sender, lambda _id: held)
        return settled(self._unit.file, composed, None, draft.id)


def _written(draft: Draft) -> dict[str, Any]:
    """A draft as `hub push` reads it."""
    members = asdict(draft) | {"from": draft.sender, "to": list(draft.to)}
    del members["sender"]
    return {name: value for name, value in members.items() if value is not None}


def _show(
    output: Output, units: Sequence[_Unit], refusals: Sequence[_Refusal], sent: list[Sending] | None
) -> bool:
    """Drafts or outcomes, and refusals a line each; whether nothing was refused by the node."""
    if output.as_json:
        outcomes = None if sent is None else [_outcome(sending) for sending in sent]
        output.json(
            {
                "drafts": [_unit_members(unit) for unit in units],
                "rejections": [refusal.members() for refusal in refusals],
                "outcomes": outcomes,
            }
        )
        fine = all(sending.outcome is not None and sending.outcome.problem is None for sending in sent or [])
    else:
        if sent is None and units:
            output.table("drafts", _COLUMNS, [_unit_members(unit) for unit in units])
        fine = sent is None or not sent or show(output, sent)
        for unit in units:
            for supplied in unit.adapted.supplied:
                said = _("{file}: put in: {what}")
                output.say(said.format(file=unit.file, what=supplied.line(language())))
            if unit.adapted.not_carried:
                said = _("{file}: not carried: {what}")
                output.say(said.format(file=unit.file, what=", ".join(unit.adapted.not_carried)))
    for refusal in refusals:
        if not output.as_json:
            output.warn(refusal.line())
    return fine


_COLUMNS: Final = (
    Column("file", mark("File"), wide=True),
    Column("title", mark("Title"), wide=True),
    Column("to", mark("To"), city_names, wide=True),
    Column("id", mark("Record")),
)


def _unit_members(unit: _Unit) -> dict[str, Any]:
    return {
        "file": unit.file,
        "title": unit.draft.body.get("headline") if unit.draft.body else None,
        "local_number": unit.adapted.local_number,
        **_written(unit.draft),
        "supplied": [asdict(each) for each in unit.adapted.supplied],
        "not_carried": list(unit.adapted.not_carried),
    }


def _outcome(sending: Sending) -> dict[str, Any]:
    outcome = sending.outcome
    assert outcome is not None
    problem = None if outcome.problem is None else problem_members(outcome.problem)
    return {
        "file": sending.name,
        "status": outcome.status,
        "id": outcome.id,
        "index": outcome.index,
        "problem": problem,
    }
