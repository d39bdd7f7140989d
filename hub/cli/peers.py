"""`hub sync`, `hub peers`, `hub evidence`: a node's peers, asked and looked at; and what speaks against them."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson

from hub.cli.faults import Situation, facing
from hub.cli.options import FILE, PRESENT_FILE, PRESENT_FOLDER, node_config, read_bytes, write_whole
from hub.cli.output import Column, Output, json_option, local, pass_output, problem_members
from hub.cli.words import Group, argument, command, option
from hub.clock import utc_now
from hub.config import read_config
from hub.diagnostics import configure_logging
from hub.errors import Code, Problem
from hub.federation import evidence as evidence_files
from hub.federation import statement as statements
from hub.federation.asking import take_up
from hub.federation.neighbourhood import Neighbourhood, this_process
from hub.federation.statement import Statement, VerifiedStatement
from hub.log.checkpoint import open_checkpoint
from hub.log.note import VerifierKey
from hub.node import Node
from hub.process import settle
from hub.standing import newest_held
from hub.store.neighbours import PeerState
from hub.translation import _, mark
from keys.trust_repository import open_trust_once
from schemas.limits import NOTE_BYTES

EVIDENCE_BYTES = 1024 * 1024
PATIENCE_SECONDS = 30.0
"""So long a round of the clock is awaited."""


@contextmanager
def neighbourhood_of(config: Path) -> Iterator[tuple[Node, Neighbourhood]]:
    """A node's peers, from a process of its own."""
    configure_logging(logging.CRITICAL)
    with facing(Situation.CONFIG):
        read = read_config(config)
    with facing(Situation.STARTING):
        node = Node(read)
    try:
        neighbourhood = Neighbourhood(node, this_process(os.getpid(), secrets.token_hex(4)))
        try:
            with facing(Situation.PEER):
                yield node, neighbourhood
        finally:
            neighbourhood.close()
    finally:
        node.close()


@contextmanager
def working_neighbourhood_of(config: Path) -> Iterator[tuple[Node, Neighbourhood]]:
    """The same for what makes entries in the log: peers are asked first whether it has gone back."""
    with neighbourhood_of(config) as (node, neighbourhood):
        with facing(Situation.STARTING):
            take_up(node)
        yield node, neighbourhood


@command(
    help=mark(
        "Fetch from peers now what is new, every record and their whole logs verified."
        "\n\nThe clock does this by itself (`hub run`). Without PEER every peer is asked. Exit code 1 where one failed."
    )
)
@argument("peer", required=False, metavar="[PEER]", help=mark("Name of a node in the trust list."))
@node_config
@json_option
@pass_output
def sync(output: Output, peer: str | None, config: Path) -> None:
    rows: list[dict[str, Any]] = []
    with neighbourhood_of(config) as (_node, neighbourhood):
        settle()
        names = neighbourhood.names() if peer is None else [peer]
        for name in names:
            with output.progress(name) as advance:
                rows.append(_round(neighbourhood, name, advance))
    output.table("rounds", _ROUNDS, rows)
    if any(row["problem"] is not None for row in rows):
        raise click.exceptions.Exit(1)


def _round(neighbourhood: Neighbourhood, name: str, advance: Any) -> dict[str, Any]:
    try:
        report = neighbourhood.round(name, advance, patience=PATIENCE_SECONDS)
    except Problem as problem:
        if problem.code is Code.NOT_FOUND:
            raise
        return {
            "peer": name,
            "problem": problem_members(problem),
            "said": f"{problem.code}: {problem.detail}",
        }
    return {
        "peer": name,
        "new": report.new,
        "known": report.known,
        "folded": report.folded,
        "said": _("up to date"),
        "problem": None,
    }


_ROUNDS = (
    Column("peer", mark("Peer")),
    Column("new", mark("New records")),
    Column("known", mark("Already there")),
    Column("folded", mark("Log entries verified")),
    Column("said", mark("Outcome"), wide=True),
)


@click.group(
    cls=Group,
    invoke_without_command=True,
    help=mark("The other nodes: how far they are known, and what is wrong."),
    lazy={
        "pass": ("hub.cli.passing:pass_over", mark("Pass over a record of a peer that is refused here")),
    },
)
@node_config
@json_option
@click.pass_context
def peers(context: click.Context, config: Path) -> None:
    if context.invoked_subcommand is not None:
        return
    output = context.ensure_object(Output)
    with neighbourhood_of(config) as (_node, neighbourhood):
        states = neighbourhood.states()
    output.table("peers", _PEERS, [_members(state) for state in states])


_STATES = {
    "cut-off": mark("cut off"),
    "not-asked": mark("not asked yet"),
    "failing": mark("failing"),
    "in-order": mark("in order"),
}
_PEERS = (
    Column("peer", mark("Peer")),
    Column("state", mark("State"), lambda state: _(_STATES[state])),
    Column("log_entries", mark("Log entries verified")),
    Column("done_at", mark("Up to date at"), local),
    Column("failures", mark("Failures")),
    Column("stands_at", mark("Stands at record")),
    Column("problem", mark("Problem"), wide=True),
)


def _members(state: PeerState) -> dict[str, Any]:
    return {
        "peer": state.name,
        "state": _state(state),
        "log_entries": state.frontier.size,
        "after": state.after,
        "done_at": state.done_at,
        "tried_at": state.tried_at,
        "failures": state.failures,
        "stands_at": state.refused,
        "problem": state.problem,
        "cut_at": state.cut_at,
    }


def _state(state: PeerState) -> str:
    if state.cut_at is not None:
        return "cut-off"
    if state.tried_at is None:
        return "not-asked"
    return "failing" if state.failures else "in-order"


@peers.command(
    help=mark(
        "Take from a peer again that was cut off. Only a person decides this: look at the evidence first."
        "\n\nWith --anew its log is folded from its beginning, as another history than the one known; that is also for "
        "one whose rounds fail because of what a city that moved here brought with it. --statement is what its "
        "operator sends after `hub recover epoch`: it is verified, held against what is known here, and shown."
    )
)
@argument("peer", metavar="PEER", help=mark("Name of the peer."))
@option("--anew", is_flag=True, help=mark("Forget the history that is known of it."))
@option("--statement", type=PRESENT_FILE, help=mark("Signed statement on its new epoch."))
@node_config
@pass_output
def readmit(output: Output, *, peer: str, anew: bool, statement: Path | None, config: Path) -> None:
    if statement is not None and not anew:
        raise click.UsageError(_("A statement is on a new history: it goes with --anew."))
    with neighbourhood_of(config) as (node, neighbourhood):
        stated = None
        if statement is not None:
            verified = _verified(node, peer, statement)
            _show_statement(output, verified.statement)
            stated = verified.stated
        neighbourhood.readmit(peer, anew=anew, stated=stated)
    output.say(_("{peer} is taken from again.").format(peer=peer))


def _verified(node: Node, peer: str, path: Path) -> VerifiedStatement:
    """What a peer states of its new epoch: verified, and giving up what is known here of the history after it.

    Raises: Problem as `statements.verify`; `conflict` for one that keeps silent about what is held here.
    """
    content = read_bytes(path, NOTE_BYTES)
    with facing(Situation.STATEMENT):
        trust = node.trust()
        stated = statements.verify(content, trust)
        if stated.statement.origin != peer:
            raise Problem(Code.UNKNOWN_KEY, f"the statement is of {stated.statement.origin}, not of {peer}")
        key = VerifierKey.parse(trust.nodes[peer].log)
        note = node.store.ask(lambda neighbours: newest_held(neighbours, peer, key))
        held = None if note is None else open_checkpoint(note, key)
        if held is not None and held.size > stated.statement.size and not stated.gives_up(held):
            raise Problem(
                Code.CONFLICT, f"it does not give up the checkpoint of {held.size} entries that is held here"
            )
    return stated


def _show_statement(output: Output, statement: Statement) -> None:
    output.lines(
        [
            (_("Log"), statement.origin),
            (_("The new epoch begins after"), str(statement.size)),
            (_("Checkpoints given up"), str(len(statement.abandoned))),
            (_("Reason"), statement.reason),
            (_("Stated at"), local(statement.at)),
        ]
    )


@click.group(cls=Group, help=mark("What speaks against a log: kept, shown, and checked by anybody offline."))
def evidence() -> None:
    pass


@evidence.command(name="show", help=mark("List what is kept, or write one file of it to be handed on."))
@argument(
    "number", required=False, type=click.IntRange(min=1), metavar="[NUMBER]", help=mark("Number in the list.")
)
@node_config
@option("-o", "--out", type=FILE, help=mark("File to write it to; standard output if none."))
@json_option
@pass_output
def show_evidence(output: Output, number: int | None, config: Path, out: Path | None) -> None:
    with neighbourhood_of(config) as (node, _peers):
        kept = node.store.ask(lambda neighbours: neighbours.accusations())
    if number is None:
        rows = [
            {
                "number": each.number,
                "origin": each.origin,
                "kind": each.kind,
                "at": each.at,
                "index": each.index,
            }
            for each in kept
        ]
        if not rows and not output.as_json:
            output.say(_("Nothing speaks against any peer."), style="green")
            return
        output.table("evidence", _EVIDENCE, rows)
        return
    found = next((each for each in kept if each.number == number), None)
    if found is None:
        with facing(Situation.EVIDENCE):
            raise Problem(Code.NOT_FOUND, f"there is no evidence under {number}")
    if out is not None:
        write_whole(out, found.document)
    else:
        output.json(orjson.loads(found.document))


_EVIDENCE = (
    Column("number", mark("Number")),
    Column("origin", mark("Log")),
    Column("kind", mark("Kind")),
    Column("at", mark("Seen at"), local),
    Column("index", mark("Entry")),
)


@evidence.command(
    name="verify",
    help=mark(
        "Check a file of evidence with nothing but the trust list. Exit code 1 where it proves nothing."
    ),
)
@argument("file", type=PRESENT_FILE, metavar="FILE", help=mark("File of evidence."))
@option("--trust", type=PRESENT_FOLDER, required=True, help=mark("Trust repository."))
@json_option
@pass_output
def verify_evidence(output: Output, file: Path, trust: Path) -> None:
    content = read_bytes(file, EVIDENCE_BYTES)
    with facing(Situation.TRUST):
        known = open_trust_once(trust, utc_now())
    with facing(Situation.EVIDENCE):
        found = evidence_files.verify(content, known)
    members = {
        "origin": found.origin,
        "kind": found.kind,
        "proven": found.proven,
        "sizes": [found.ours.size, found.theirs.size],
        "roots": [found.ours.root.hex(), found.theirs.root.hex()],
    }
    if output.as_json:
        output.json(members)
    elif found.proven:
        output.say(_("✓ Proven: {log} signed two histories.").format(log=found.origin), style="green")
    else:
        output.say(_("✗ Both checkpoints may be true: this proves nothing by itself."), style="yellow")
    if not output.as_json:
        output.lines(
            [
                (_("One checkpoint"), f"{found.ours.size}  {found.ours.root.hex()}"),
                (_("The other"), f"{found.theirs.size}  {found.theirs.root.hex()}"),
            ]
        )
    if not found.proven:
        raise click.exceptions.Exit(1)
