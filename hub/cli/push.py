"""`hub push`: records to a node, each with its outcome.

A draft's signed record is kept beside it (`case.json` -> `case.jws`) before it is sent, and is what is sent the next
time: a push that broke off, or is made twice, makes no second record. It is removed again where it was refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from hub.cli import drafts
from hub.cli.faults import Situation, facing, told
from hub.cli.options import PRESENT_FILE, parts, profile_option, read_bytes, write_whole
from hub.cli.output import Column, Output, fault_line, json_option, pass_output, problem_members
from hub.cli.words import argument, command, option
from hub.client import Arrival, Client, Outcome
from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.profile import Profile, open_client, read_profile, trust_of
from hub.translation import _, language, mark
from schemas.limits import RECORD_BYTES

DRAFT_BYTES: Final = 2 * RECORD_BYTES
AT_ONCE: Final = 500


@dataclass(slots=True)
class Sending:
    """One record on its way: what it is called in the table, its JWS, where that is kept, what became of it."""

    name: str
    jws: str | None = None
    kept: Path | None = None
    outcome: Outcome | None = None
    record_id: str | None = None
    """Where the sender chose it."""


@command(
    help=mark(
        "Send records to a node."
        "\n\nA FILE is a signed record (.jws, one JWS) or a draft (.json), which is composed, sealed and signed; "
        "- is standard input. A draft's signed record is kept beside it as .jws, so that sending twice makes no "
        "second record."
    )
)
@argument(
    "files",
    nargs=-1,
    required=True,
    type=PRESENT_FILE,
    metavar="FILE...",
    help=mark("Signed records or drafts."),
)
@profile_option()
@option("--to", callback=parts, metavar="CODES", help=mark("Recipients for drafts that name none."))
@option("--agreement", metavar="ID", help=mark("Agreement for drafts that name none."))
@json_option
@pass_output
def push(
    output: Output, files: tuple[Path, ...], profile: Path, to: tuple[str, ...], agreement: str | None
) -> None:
    with acting(profile) as (who, client):
        with facing(Situation.PROFILE):
            sender = who.sender()
        preparations: list[tuple[str, Preparation]] = [
            (str(name), _File(str(name), sender, to, agreement)) for name in files
        ]
        sendings = send(output, client, preparations)
    if not show(output, sendings):
        raise click.exceptions.Exit(1)


@contextmanager
def acting(path: Path) -> Iterator[tuple[Profile, Client]]:
    """A profile and its client, closed at the end."""
    with facing(Situation.PROFILE):
        profile = read_profile(path)
    with facing(Situation.TRUST):
        trust = trust_of(profile, utc_now())
    with facing(Situation.UNLISTED):
        if profile.node not in trust.nodes:
            raise Problem(Code.NOT_FOUND, f"the trust list has no node named {profile.node}")
    with facing(Situation.KEY):
        client = open_client(profile, trust, os.environ)
    try:
        with facing(Situation.ASKING):
            yield profile, client
    finally:
        client.close()


class Batch:
    """Records that wait to be pushed together."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._waiting: list[Sending] = []

    def held(self, record_id: str) -> list[Arrival]:
        """What the node holds of a record, with what waits here."""
        if any(sending.record_id == record_id for sending in self._waiting):
            self.flush()
        return drafts.revisions(self.client, record_id)

    def add(self, sending: Sending) -> None:
        self._waiting.append(sending)
        if len(self._waiting) == AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Push what waits. Raises: Problem where that was refused as a whole."""
        waiting, self._waiting = self._waiting, []
        records = [sending.jws for sending in waiting if sending.jws is not None]
        for sending, outcome in zip(waiting, self.client.push(records), strict=True):
            sending.outcome = outcome
            if outcome.status == "refused" and sending.kept is not None:
                sending.kept.unlink(missing_ok=True)
                sending.kept = None


Preparation = Callable[[Batch], Sending]
"""Makes one record ready. What it raises refuses that record alone."""


def send(output: Output, client: Client, preparations: Sequence[tuple[str, Preparation]]) -> list[Sending]:
    """Prepare and push, in batches; what became of each, in order.

    Raises: Problem where the node cannot be reached, after showing what was done until then.
    """
    done: list[Sending] = []
    batch = Batch(client)
    try:
        with output.progress(_("Sending")) as advance:
            for name, prepare in preparations:
                try:
                    sending = prepare(batch)
                except Problem as problem:
                    if problem.code in (Code.BUSY, Code.TOO_MANY_REQUESTS):
                        raise
                    local = told(problem, Situation.DRAFT)
                    sending = Sending(name, outcome=Outcome("refused", None, None, None, local))
                done.append(sending)
                if sending.outcome is None:
                    batch.add(sending)
                advance(len(done), len(preparations))
            batch.flush()
    except Problem:
        ended = [sending for sending in done if sending.outcome is not None]
        if ended and not output.as_json:
            show(output, ended)
        raise
    return done


def show(output: Output, sendings: Iterable[Sending]) -> bool:
    """The table of outcomes; whether none was refused."""
    rows = [_row(sending) for sending in sendings]
    output.table(
        "outcomes",
        [
            Column("file", mark("File"), wide=True),
            Column("status", mark("Outcome"), lambda status: _(STATUSES[status])),
            Column("id", mark("Record")),
            Column("index", mark("Index")),
        ],
        rows,
    )
    for row in rows:
        if row["problem"] is not None:
            output.say(f"✗ {row['file']}: {_reason(row['problem'])}", style="red")
            for fault in row["problem"].get("faults", []):
                output.say(f"  {fault_line(fault)}", style="red")
        for warning in row["warnings"]:
            said = warning["zh"] if language() == "zh" else warning["en"]
            output.say(f"! {row['file']}: {warning['where']}  {said}", style="yellow")
    return all(row["status"] != "refused" for row in rows)


STATUSES: Final = {
    "accepted": mark("accepted"),
    "duplicate": mark("already there"),
    "refused": mark("refused"),
}


def _row(sending: Sending) -> dict[str, Any]:
    outcome = sending.outcome
    assert outcome is not None
    problem = outcome.problem
    return {
        "file": sending.name,
        "status": outcome.status,
        "id": outcome.id,
        "digest": outcome.digest,
        "index": outcome.index,
        "problem": None if problem is None else problem_members(problem) | {"code": str(problem.code)},
        "warnings": [dict(warning) for warning in outcome.warnings],
        "jws": None if sending.kept is None else str(sending.kept),
    }


def _reason(problem: dict[str, Any]) -> str:
    stop = "。" if language() == "zh" else "."
    if problem.get("faults"):
        return f"{problem['code']}: {problem['title']}{stop} → {problem['next']}"
    where = f" ({problem['where']})" if problem.get("where") else ""
    return f"{problem['code']}{where}: {problem['title']}{stop} {problem['detail']} → {problem['next']}"


class _File:
    """The preparation of one file."""

    def __init__(self, name: str, sender: str, to: Sequence[str], agreement: str | None) -> None:
        self._name = name
        self._sender = sender
        self._to = to
        self._agreement = agreement

    def __call__(self, batch: Batch) -> Sending:
        path = Path(self._name)
        content = read_bytes(path, DRAFT_BYTES)
        if not drafts.is_draft(content):
            return Sending(self._name, drafts.read_jws(content))
        draft = drafts.read_draft(content).filled(self._to, self._agreement)
        kept = None if self._name == "-" else path.with_suffix(".jws")
        if kept is not None and kept.exists():
            if kept.stat().st_mtime >= path.stat().st_mtime:
                return Sending(self._name, drafts.read_jws(read_bytes(kept, DRAFT_BYTES)))
            if draft.id is None:
                raise Problem(
                    Code.CONFLICT,
                    f"the draft was changed after {kept.name} was made of it: to revise that record, write its id "
                    f"and the next revision into the draft; to make another record, remove {kept.name}",
                )
        composed = drafts.compose(batch.client, draft, self._sender, batch.held)
        return settled(self._name, composed, kept, draft.id)


def settled(name: str, composed: str | Arrival, kept: Path | None, record_id: str | None) -> Sending:
    """What was composed, kept before it is sent; or what is held already, with its outcome."""
    if isinstance(composed, Arrival):
        held = Outcome("duplicate", composed.record.id, composed.digest, composed.index, None)
        return Sending(name, composed.jws, None, held)
    if kept is not None:
        write_whole(kept, composed + "\n")
    return Sending(name, composed, kept, record_id=record_id)
