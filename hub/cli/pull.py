"""`hub pull`, `hub receipt`, `hub delivery`: what has come, what proves it, how far it got.

A pulled record and its receipt are on disk before the cursor moves past it. Each choice of filters has a cursor of its
own: one that passed over other records under a filter must not pass over them without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from hub.cli.faults import Situation, facing, told
from hub.cli.options import FILE, FOLDER, partner, profile_option, write_whole
from hub.cli.output import Column, Output, city_name, clock, json_option, pass_output, tick
from hub.cli.push import acting
from hub.cli.titles import title
from hub.cli.words import argument, command, option
from hub.client import Arrival, Client, Cursor, LogWentBackError
from hub.cursor import cursor_at
from hub.errors import Problem
from hub.profile import Profile
from hub.translation import _, language, mark
from schemas.acknowledgement import OUTCOME
from schemas.kinds import KINDS
from schemas.labels import label
from schemas.limits import WAIT_SECONDS
from schemas.markings import MARKINGS

INBOX: Final = "inbox"
KINDS_BY_NAME: Final = tuple(sorted({name for name, _version in KINDS}))


@command(
    help=mark(
        "Fetch what has come for you."
        "\n\nEach record is verified and saved with its receipt, as <index>-<id>-<revision>.jws and .tlog-proof. "
        "The next call goes on where this one ended."
    )
)
@profile_option()
@option("--kind", type=click.Choice(KINDS_BY_NAME), metavar="KIND", help=mark("Only records of this kind."))
@option("--from", "sender", callback=partner, metavar="CODE", help=mark("Only records from this city."))
@option("--marking", type=click.Choice(MARKINGS), help=mark("Only records of this marking."))
@option(
    "--wait",
    type=click.IntRange(0, WAIT_SECONDS),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help=mark("Wait this long for something to come."),
)
@option("--out", type=FOLDER, default=INBOX, show_default=True, help=mark("Folder to save to."))
@option("--cursor", type=FILE, help=mark("File that remembers the place; one beside the profile if none."))
@option(
    "--ack",
    type=click.Choice(OUTCOME.codes),
    help=mark("Acknowledge each record with this outcome."),
)
@json_option
@pass_output
def pull(
    output: Output,
    *,
    profile: Path,
    kind: str | None,
    sender: str | None,
    marking: str | None,
    wait: int,
    out: Path,
    cursor: Path | None,
    ack: str | None,
) -> None:
    rows: list[dict[str, Any]] = []
    refused: Problem | None = None
    with acting(profile) as (who, client):
        with facing(Situation.PROFILE):
            city = who.sender() if ack else None
        filters = {
            name: value
            for name, value in (("kind", kind), ("sender", sender), ("marking", marking))
            if value is not None
        }
        with facing(Situation.PLACE):
            place = cursor or cursor_at(_cursor_file(who, filters), who.node)
            place.parent.mkdir(parents=True, exist_ok=True)
            reached = Cursor(place, who.node)
        moved = None if who.city is None else client.moved_to(who.city)
        with (
            output.progress(_("Fetching")) as advance,
            _answering(client, moved if ack else None) as answering,
        ):
            try:
                for arrival in client.pull(reached, wait=wait, **filters):
                    row = _save(out, arrival)
                    rows.append(row)
                    if ack is not None and city is not None:
                        row["acknowledged"] = _acknowledge(answering, arrival, ack, city)
                    advance(len(rows), 0)
            except Problem as problem:
                refused = _told(problem)
    if refused is not None and (output.as_json or not rows):
        raise refused
    if rows or output.as_json:
        _show(output, rows, acknowledging=ack is not None)
    else:
        output.say(_("Nothing new."))
    for row in rows:
        if row["skipped"]:
            output.warn(
                _(
                    "Before index {index}, {count} of your records are missing: forgotten, or kept from you."
                ).format(index=row["index"], count=row["skipped"])
            )
    if refused is not None:
        raise refused
    if moved is not None:
        _tell_moved(output, who, client, moved, missing=_missing(client, reached) if not filters else 0)


@contextmanager
def _answering(client: Client, moved: str | None) -> Iterator[Client]:
    """The client that acknowledges: of a city that has moved, before the node that it has moved to."""
    if moved is None:
        yield client
        return
    other = client.elsewhere(moved)
    try:
        yield other
    finally:
        other.close()


def _missing(client: Client, reached: Cursor) -> int:
    """How many of the last numbers of a stream that has ended did not come."""
    left = client.departed
    return 0 if left is None else max(0, left.last - reached.numbers.get(left.city, 0))


def _tell_moved(output: Output, who: Profile, client: Client, moved: str, missing: int) -> None:
    """Say where a city's stream goes on."""
    named = {"city": city_name(who.sender()), "old": who.node, "new": moved}
    if client.departed is None:
        said = _(
            "{city} is moving to {new}, and {old} has not let it go yet: more may come here. Fetch again later."
        )
        output.warn(said.format(**named))
        return
    if missing:
        said = _("Of the end of its stream here {count} records are missing: forgotten, or kept from you.")
        output.warn(said.format(count=missing))
    said = _(
        '{city} has moved to {new}, and nothing more comes from {old}. Write node = "{new}" into {profile}: the next '
        "call begins there."
    )
    output.warn(said.format(**named, profile=who.path))


def _told(problem: Problem) -> Problem:
    went_back = isinstance(problem, LogWentBackError)
    return told(problem, Situation.GONE_BACK if went_back else Situation.ASKING)


@command(help=mark("Fetch the receipt of a record: the proof that it is in the node's log."))
@argument("record", metavar="ID", help=mark("Id of the record."))
@profile_option()
@option("--revision", type=click.IntRange(1), help=mark("Revision; the newest if none."))
@option("-o", "--out", type=FILE, help=mark("File to save to, instead of showing it."))
@json_option
@pass_output
def receipt(output: Output, record: str, profile: Path, revision: int | None, out: Path | None) -> None:
    with acting(profile) as (_who, client):
        text = client.receipt(record, revision)
    if out is not None:
        write_whole(out, text)
        output.facts({"id": record, "file": str(out)}, [(_("Receipt"), str(out))])
    elif output.as_json:
        output.json({"id": record, "receipt": text})
    else:
        click.echo(text, nl=False)


@command(help=mark("Say how far a record got with each recipient."))
@argument("record", metavar="ID", help=mark("Id of the record."))
@profile_option()
@option("--revision", type=click.IntRange(1), help=mark("Revision; the newest if none."))
@json_option
@pass_output
def delivery(output: Output, record: str, profile: Path, revision: int | None) -> None:
    with acting(profile) as (_who, client):
        progress = client.delivery(record, revision)
    rows = [
        {"revision": progress["revision"], "index": progress["index"], **recipient}
        for recipient in progress["recipients"]
    ]
    awaiting = any(row.get("due_at") is not None for row in rows)
    output.table(
        "delivery",
        [
            Column("revision", mark("Revision")),
            Column("index", mark("Index")),
            Column("city", mark("Recipient"), city_name),
            Column("status", mark("Status"), lambda code: label("delivery", code, language())),
            Column("fetched_at", mark("Fetched"), clock),
            Column("acknowledged_at", mark("Acknowledged"), clock),
            Column("outcome", mark("Outcome"), lambda code: label("outcome", code, language())),
            *(due_columns() if awaiting else ()),
        ],
        rows,
    )


def due_columns() -> tuple[Column, Column]:
    """By when an answer is due, and whether that is past: for rows that have `due_at` and `overdue`."""
    return (
        Column("due_at", mark("Answer due"), clock, style=_colour),
        Column("overdue", mark("Note"), lambda late: _("overdue") if late else "", style=_colour),
    )


def _colour(row: Mapping[str, Any]) -> str:
    return "red" if row.get("overdue") else ""


def _cursor_file(profile: Profile, filters: Mapping[str, str]) -> Path:
    """The cursor of this choice of filters."""
    named = {"kind": "kind", "sender": "from", "marking": "marking"}
    chosen = [f"{named[each]}-{value}" for each, value in filters.items()]
    return profile.state / f"{'-'.join(['cursor', *chosen])}.json"


def _save(folder: Path, arrival: Arrival) -> dict[str, Any]:
    record = arrival.record
    stem = f"{arrival.index}-{record.id}-{record.revision}"
    write_whole(folder / f"{stem}.jws", arrival.jws + "\n")
    write_whole(folder / f"{stem}.tlog-proof", arrival.receipt)
    return {
        "index": arrival.index,
        "id": record.id,
        "revision": record.revision,
        "kind": record.kind,
        "from": record.sender,
        "marking": record.marking,
        "issued_at": record.issued_at.isoformat(),
        "title": title(record.kind, record.body),
        "withdrawn": record.withdrawn,
        "verified": True,
        "digest": arrival.digest,
        "skipped": arrival.skipped,
        "file": str(folder / f"{stem}.jws"),
        "receipt": str(folder / f"{stem}.tlog-proof"),
    }


def _acknowledge(client: Client, arrival: Arrival, outcome: str, city: str) -> str | None:
    """The outcome told; none for an acknowledgement, which nobody acknowledges."""
    if arrival.record.kind == "acknowledgement":
        return None
    answered = client.acknowledge(arrival, outcome=outcome, city=city)
    if answered.problem is not None:
        raise answered.problem
    return outcome


def _show(output: Output, rows: list[dict[str, Any]], *, acknowledging: bool) -> None:
    columns = [
        Column("index", mark("Index")),
        Column("kind", mark("Kind"), lambda code: label("kind", code, language())),
        Column("from", mark("From"), city_name),
        Column("marking", mark("Marking"), _marking),
        Column("issued_at", mark("Issued"), clock),
        Column("title", mark("Title"), wide=True),
        Column("verified", mark("Verified"), tick),
    ]
    if acknowledging:
        columns.append(
            Column("acknowledged", mark("Acknowledged"), lambda code: label("outcome", code, language()))
        )
    output.table("records", columns, rows)
    if rows:
        output.say(_("Saved in {folder}.").format(folder=Path(rows[0]["file"]).parent))


def _marking(code: str) -> str:
    """The short word: what stands before the brackets."""
    return re.split(r"[(\uff08]", label("marking", code, language()))[0].strip()
