"""`hub recover`: a node that was restored from an old backup, and the ways back."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from hub.cli.faults import Situation, facing, told
from hub.cli.options import FILE, PRESENT_FOLDER, node_config, write_whole
from hub.cli.output import Column, Output, json_option, pass_output, problem_members
from hub.cli.recover_missing import missing_records, show_records
from hub.cli.words import Group, argument, option
from hub.client import Client
from hub.config import read_config
from hub.diagnostics import configure_logging
from hub.errors import Code, Problem
from hub.federation.asking import Answer, ask_peers, halt_if_gone_back
from hub.federation.neighbourhood import Neighbourhood, this_process
from hub.log.form import BASIS_LENGTH
from hub.node import Node
from hub.recovery import epoch as epochs
from hub.recovery import log as logs
from hub.recovery import records as fetching
from hub.recovery.overview import Overview, look
from hub.translation import _, mark

PATIENCE_SECONDS: Final = 30.0


@contextmanager
def _opened(config: Path) -> Iterator[Node]:
    """The node, whatever is wrong with its log."""
    configure_logging(logging.CRITICAL)
    with facing(Situation.CONFIG):
        read = read_config(config)
    with facing(Situation.STARTING):
        node = Node(read, even_halted=True)
    try:
        with facing(Situation.RECOVERY):
            yield node
    finally:
        node.close()


def _asked(node: Node) -> list[Answer]:
    """What the peers hold of this log now; a log that they show to have gone back is halted."""
    answers = ask_peers(node)
    halt_if_gone_back(node, answers)
    return answers


# -- what is wrong -----------------------------------------------------------------------------------------


@click.group(
    cls=Group,
    invoke_without_command=True,
    help=mark(
        "Bring a node back that was restored from an old backup: its log has gone back behind what others hold of it."
        "\n\nWithout a command it says what is wrong, and what could be got back from whom. Try the ways in this "
        "order: `log` from a copy, then `records` from the peers; `epoch` only if no copy reaches far enough."
    ),
)
@node_config
@json_option
@click.pass_context
def recover(context: click.Context, config: Path) -> None:
    if context.invoked_subcommand is not None:
        return
    output = context.ensure_object(Output)
    with _opened(config) as node:
        seen = look(node, _asked(node))
        seen_by = [each.peer for each in seen.answers if _shows(each, seen)]
        rows = [_row(each, seen) for each in seen.answers]
        lacking = missing_records(node)
    published = None if seen.published is None else seen.published.size
    members = {
        "log_entries": seen.size,
        "halted": seen.halted,
        "published": published,
        "published_root": None if seen.published is None else seen.published.root.hex(),
        "shown_by": seen_by,
        "missing_records": seen.missing,
        "missing_nowhere": seen.nowhere,
        "missing": lacking,
        "peers": rows,
    }
    if output.as_json:
        output.json(members)
    else:
        _show(output, seen, rows, lacking)
    if seen.halted:
        raise click.exceptions.Exit(1)


def _shows(answer: Answer, seen: Overview) -> bool:
    held = answer.checkpoint
    return held is not None and seen.published is not None and held.checkpoint == seen.published.checkpoint


def _row(answer: Answer, seen: Overview) -> dict[str, Any]:
    return {
        "peer": answer.peer,
        "holds": None if answer.checkpoint is None else answer.checkpoint.size,
        "said": _said(answer),
        "contradicts": answer.contradicts,
        "missing_records": seen.by_peer.get(answer.peer, 0),
        "problem": None if answer.problem is None else problem_members(answer.problem),
    }


def _said(answer: Answer) -> str:
    if answer.problem is not None:
        return f"{answer.problem.code}: {answer.problem.detail}"
    if answer.checkpoint is None:
        return _("holds nothing of this log")
    if answer.held:
        return _("agrees with this log")
    if answer.contradicts:
        return _("shows that the log has gone back")
    return _("holds a history that was given up; its operator is to read the statement")


def _show(output: Output, seen: Overview, rows: list[dict[str, Any]], lacking: list[dict[str, Any]]) -> None:
    if seen.halted:
        output.say(_("✗ The log has gone back. Nothing is written until it is recovered."), style="bold red")
    else:
        output.say(_("✓ The log holds all that is known to be published."), style="green")
    output.lines(
        [
            (_("Log entries here"), str(seen.size)),
            (_("Largest known checkpoint"), "—" if seen.published is None else str(seen.published.size)),
            (_("Records without their bytes"), str(seen.missing)),
            (_("Of these never given to a peer"), str(seen.nowhere)),
        ]
    )
    output.say("")
    output.table("peers", _PEERS, rows)
    show_records(output, _("Records without their bytes"), lacking)
    if seen.halted:
        output.say("")
        output.say(
            _(
                "Next: `hub recover log FOLDER` if there is a copy of the log (`hub log copy` makes them); "
                "then `hub recover records`. Without any copy that reaches far enough: `hub recover epoch`."
            )
        )
    elif seen.missing:
        output.say("")
        if seen.missing > seen.nowhere:
            output.say(
                _(
                    "Next: `hub recover records`. What it has not brought back, its sender's system may push once more "
                    "with the node started; what nobody has is given up with `hub recover records --give-up`."
                )
            )
        else:
            output.say(
                _(
                    "Next: no peer was given these records. Start the node and have their senders' systems push them "
                    "once more; what nobody has is given up with `hub recover records --give-up`."
                )
            )


_PEERS = (
    Column("peer", mark("Peer")),
    Column("holds", mark("Holds of this log")),
    Column("missing_records", mark("May have missing records")),
    Column("said", mark("Says"), wide=True),
)


# -- the log -----------------------------------------------------------------------------------------------


@recover.command(
    name="log",
    help=mark(
        "Append the entries that the database lacks from a copy of the log, exactly as they were."
        "\n\nAll of the copy is verified before anything is written. Records come back without their bytes: run "
        "`hub recover records` next."
    ),
)
@argument("folder", type=PRESENT_FOLDER, metavar="FOLDER", help=mark("Copy made by `hub log copy`."))
@node_config
@json_option
@pass_output
def recover_log(output: Output, folder: Path, config: Path) -> None:
    with _opened(config) as node:
        _asked(node)
        with output.progress(_("Appending")) as advance:
            restored = logs.restore(node, folder, advance)
        missing = node.store.recall(lambda held: held.missing_count())
        if restored.running:
            node.remember()
    members = {
        "appended": restored.appended,
        "log_entries": restored.size,
        "copy_entries": restored.copy.size,
        "halted": not restored.running,
        "missing_records": missing,
    }
    shown = [
        (_("Entries brought back"), str(restored.appended)),
        (_("Log entries here"), str(restored.size)),
        (_("Records without their bytes"), str(missing)),
    ]
    output.facts(members, shown)
    if restored.running:
        output.say(_("✓ The log holds all that is known to be published."), style="green")
        return
    output.say(
        _(
            "✗ The copy does not reach as far as what was published. Use a newer copy, or `hub recover epoch`."
        ),
        style="yellow",
    )
    raise click.exceptions.Exit(1)


# -- the records -------------------------------------------------------------------------------------------


@recover.command(
    name="records",
    help=mark(
        "Fetch from all peers what cities of this node had sent and what had come for them."
        "\n\nWhat the log has gets its bytes back. What it has not (after `hub recover epoch`) is accepted anew."
    ),
)
@option(
    "--give-up",
    is_flag=True,
    help=mark("Enter of what still lacks its bytes that it is gone: nobody waits for it any longer."),
)
@node_config
@json_option
@pass_output
def recover_records(output: Output, give_up: bool, config: Path) -> None:
    with _opened(config) as node:
        _asked(node)
        neighbourhood = Neighbourhood(node, this_process(os.getpid(), secrets.token_hex(4)))
        try:
            rows = [_fetched(output, node, neighbourhood, name) for name in neighbourhood.names()]
        finally:
            neighbourhood.close()
        before = missing_records(node) if give_up else []
        given_up = fetching.give_up(node) if give_up else 0
        lacking = missing_records(node)
    missing, kept = len(lacking), {each["index"] for each in lacking}
    gone = [each for each in before if each["index"] not in kept]
    members = {
        "peers": rows,
        "given_up": given_up,
        "given_up_records": gone,
        "missing_records": missing,
        "missing": lacking,
    }
    if output.as_json:
        output.json(members)
    else:
        output.table("peers", _FETCHED, rows)
        output.say("")
        shown = [(_("Records without their bytes"), str(missing))]
        output.lines([(_("Given up"), str(given_up)), *shown] if give_up else shown)
        show_records(output, _("Given up"), gone)
        show_records(output, _("Records without their bytes"), lacking)
        if missing:
            output.say("")
            output.say(
                _(
                    "Cities' systems may push these records once more. What nobody has is given up with "
                    "`hub recover records --give-up`."
                )
            )
    if missing or any(row["problem"] is not None or row["beyond"] for row in rows):
        raise click.exceptions.Exit(1)


def _fetched(output: Output, node: Node, neighbourhood: Neighbourhood, name: str) -> dict[str, Any]:
    """What a peer gave back, and what an ordinary round with it brought."""
    found, new, problem = fetching.Fetched(), 0, None
    with output.progress(name) as advance:
        client = Client(
            node.trust(), name, node.key, clock=node.clock, source=node.config.sync_source, tries=2
        )
        try:
            found = fetching.fetch_sent(
                node,
                lambda after: client.page(after, filters={"sent": "true"}),
                lambda done: advance(done, 0),
            )
            if node.store.head().halted is None:
                new = neighbourhood.round(name, patience=PATIENCE_SECONDS).new
        except Problem as failed:
            problem = told(failed, Situation.PEER)
        finally:
            client.close()
    said = _("up to date") if problem is None else f"{problem.code}: {problem.detail}"
    if found.beyond:
        said = _("{count} records that the log has no entry of; the log is halted").format(count=found.beyond)
    return {
        "peer": name,
        "filled": found.filled,
        "accepted": found.accepted,
        "known": found.known,
        "beyond": found.beyond,
        "received": new,
        "refused": [{"digest": each.digest, **problem_members(each.problem)} for each in found.refused],
        "refused_count": len(found.refused),
        "said": said,
        "problem": None if problem is None else problem_members(problem),
    }


_FETCHED = (
    Column("peer", mark("Peer")),
    Column("filled", mark("Bytes back")),
    Column("accepted", mark("Accepted anew")),
    Column("known", mark("Already there")),
    Column("received", mark("New from it")),
    Column("refused_count", mark("Refused")),
    Column("said", mark("Outcome"), wide=True),
)


# -- a new epoch -------------------------------------------------------------------------------------------


@recover.command(
    name="epoch",
    help=mark(
        "The last way: go on from where the backup ends, and say so in the log and in a signed statement."
        "\n\nEntries that came after the backup are lost, and every receipt for them no longer fits this log. Peers "
        "cut the log off until their operators have read the statement (`hub peers readmit --anew --statement FILE`). "
        "Once the epoch has begun the same command writes the same statement again."
    ),
)
@option("--reason", metavar="TEXT", help=mark("Why, in words that auditors will read; no personal data."))
@option("--out", type=FILE, required=True, help=mark("File for the signed statement."))
@node_config
@json_option
@pass_output
def recover_epoch(output: Output, reason: str | None, out: Path, config: Path) -> None:
    with _opened(config) as node:
        answers = _asked(node)
        if not logs.resume_if_held(node) and not (reason or "").strip():
            raise click.UsageError(_("Give --reason: it becomes an entry of the log."))
        if reason is not None and len(reason) > BASIS_LENGTH:
            raise Problem(Code.TOO_LARGE, f"a reason has at most {BASIS_LENGTH} characters", where="/reason")
        with facing(Situation.EPOCH):
            begun = epochs.begin(node, answers, (reason or "").strip())
            said = epochs.statement(node)
        write_whole(out, node.sign_text(said.text))
    members = {
        "file": str(out),
        "begun": begun > 0,
        "log_entries": said.size,
        "root": said.root.hex(),
        "abandoned": len(said.abandoned),
        "reason": said.reason,
        "at": said.at,
    }
    output.facts(
        members,
        [
            (_("Statement"), str(out)),
            (_("The new epoch begins after"), str(said.size)),
            (_("Checkpoints given up"), str(len(said.abandoned))),
            (_("Reason"), said.reason),
        ],
    )
    if not begun:
        output.say(_("Nothing more is given up: this is the statement of the newest epoch."))
    output.say(
        _(
            "Send the statement to the operators of all peers. Then run `hub recover records`, before any city's "
            "system sends again."
        )
    )
