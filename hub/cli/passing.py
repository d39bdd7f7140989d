"""`hub peers pass`: a person passes over a record of a peer that this node refuses, and is told what that was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hub.cli.faults import Situation, facing
from hub.cli.options import node_config
from hub.cli.output import Output, city_name, json_option, pass_output, problem_members
from hub.cli.peers import PATIENCE_SECONDS, working_neighbourhood_of
from hub.cli.words import argument, command, option
from hub.federation.passing import PassedOver
from hub.translation import _, language, mark
from schemas.labels import label


@command(
    name="pass",
    help=mark(
        "Pass over a record of a peer that is refused here, so that what comes after it is taken."
        "\n\nThe peer is asked for the record once more: one that would be taken is not passed over. Look first "
        "whether the trust list here is the newest, and ask the peer's operator. An entry in the log keeps what was "
        "refused; the city that sent it is told nothing."
    ),
)
@argument("peer", metavar="PEER", help=mark("Name of the peer."))
@argument(
    "index",
    type=click.IntRange(min=0),
    metavar="INDEX",
    help=mark("Index in the peer's log, as `hub peers` shows it."),
)
@option(
    "--kept-back",
    is_flag=True,
    help=mark("Also where the peer keeps something back: numbers left out, or other bytes than its log has."),
)
@node_config
@json_option
@pass_output
def pass_over(output: Output, *, peer: str, index: int, kept_back: bool, config: Path) -> None:
    with working_neighbourhood_of(config) as (_node, neighbourhood), facing(Situation.PASSING):
        passed = neighbourhood.pass_over(peer, index, kept_back=kept_back, patience=PATIENCE_SECONDS)
    if passed.missing:
        said = _("Counted as passed over are numbers that {peer} left out; their records never came.")
    else:
        said = _("Passed over: record {index} of {peer}.")
    output.say(said.format(index=index, peer=peer), style="yellow")
    output.facts(_members(peer, passed), _shown(peer, passed))


def _members(peer: str, passed: PassedOver) -> dict[str, Any]:
    entry = passed.entry
    return {
        "peer": peer,
        "index": passed.index,
        "passed": not passed.missing,
        "missing": [
            {"city": city, "first": first, "last": last}
            for city, (first, last) in sorted(passed.missing.items())
        ],
        "id": entry.id,
        "revision": entry.revision,
        "kind": entry.kind,
        "from": entry.sender,
        "digest": entry.digest,
        "problem": problem_members(passed.problem),
    }


def _shown(peer: str, passed: PassedOver) -> list[tuple[str, str]]:
    entry, why = passed.entry, passed.problem
    left_out = [
        (_("Numbers left out"), f"{city_name(city)} {first}–{last}")
        for city, (first, last) in sorted(passed.missing.items())
    ]
    return [
        *left_out,
        (_("Shown by") if left_out else _("Record"), f"{passed.index} · {entry.id} · {entry.revision}"),
        (_("Kind"), label("kind", entry.kind, language())),
        (_("From"), city_name(entry.sender)),
        (_("Digest"), entry.digest),
        (_("Reason"), f"{why.code}: {why.detail}"),
        (_("Next step"), _("`hub sync {peer}` takes what comes after it.").format(peer=peer)),
    ]
