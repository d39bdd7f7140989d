"""`hub lab cut|heal|kill|revive|chaos`: trouble in a laboratory that runs, done by the process that keeps it."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from hub.cli.faults import Situation, facing
from hub.cli.options import FOLDER
from hub.cli.output import Column, Output, json_option, pass_output
from hub.cli.words import argument, command, option
from hub.lab import chaos as trouble
from hub.lab import running
from hub.lab.control import Remote, ask
from hub.translation import _, mark

_folder = option("--dir", "folder", type=FOLDER, required=True, help=mark("Folder of the laboratory."))
_one = argument("one", metavar="NODE", help=mark("Name of a node, or a city that it hosts."))
_other = argument("other", metavar="NODE", help=mark("The other one."))


@command(
    help=mark(
        "Cut the link between two nodes: what they say to each other is reset. Outside clients still pass."
        "\n\nWith --stall connections are taken and held in silence instead."
    )
)
@_one
@_other
@option("--stall", is_flag=True, help=mark("Hold what is said, instead of resetting it."))
@_folder
@json_option
@pass_output
def cut(output: Output, one: str, other: str, stall: bool, folder: Path) -> None:
    _do(output, folder, "cut", (one, other), stall=stall)


@command(help=mark("Heal the link between two nodes; without nodes, all links."))
@argument("one", required=False, metavar="[NODE", help=mark("Name of a node, or a city that it hosts."))
@argument("other", required=False, metavar="NODE]", help=mark("The other one."))
@_folder
@json_option
@pass_output
def heal(output: Output, one: str | None, other: str | None, folder: Path) -> None:
    if one is not None and other is None:
        raise click.UsageError(_("a link is between two nodes: name both, or none for all"))
    _do(output, folder, "heal", [each for each in (one, other) if each is not None])


@command(help=mark("Kill a node at once, all of its processes. It stays down until `hub lab revive`."))
@argument("node", metavar="NODE", help=mark("Name of a node, or a city that it hosts."))
@_folder
@json_option
@pass_output
def kill(output: Output, node: str, folder: Path) -> None:
    _do(output, folder, "kill", (node,))


@command(help=mark("Start a node again that was killed, and wait until it is ready."))
@argument("node", metavar="NODE", help=mark("Name of a node, or a city that it hosts."))
@_folder
@json_option
@pass_output
def revive(output: Output, node: str, folder: Path) -> None:
    with facing(Situation.TRIAL):
        state = ask(folder, "revive", (node,))
        running.await_ready(folder, [each["name"] for each in state["nodes"] if each["up"]])
    _show(output, state)


@command(
    help=mark(
        "Cut and stall links and kill nodes at random for a while, tell each deed, and mend everything at the end."
        "\n\nThe same seed does the same again."
    )
)
@option(
    "--seconds",
    type=click.FloatRange(1, 86_400),
    required=True,
    help=mark("For so long; then all is mended."),
)
@option("--seed", type=click.IntRange(min=0), help=mark("Seed of the randomness; told where none is given."))
@_folder
@json_option
@pass_output
def chaos(output: Output, seconds: float, seed: int | None, folder: Path) -> None:
    chosen = secrets.randbits(32) if seed is None else seed
    output.say(_("Seed: {seed}").format(seed=chosen))
    remote = Remote(folder)
    with facing(Situation.TRIAL):
        state = remote.mend()
        names = [each["name"] for each in state["nodes"]]
        nodes = trouble.Chaos(remote, names, random.Random(chosen))  # noqa: S311 (a trial, no secret)
        done = nodes.run(seconds, lambda deed: output.say(_told(deed)))
        running.await_ready(folder, names)
    output.facts({"seed": chosen, "deeds": [asdict(deed) for deed in done]}, [])
    output.say(_("All links are healed, all nodes are up."), style="green")


_DEEDS: Final = {
    trouble.KILL: mark("killed {nodes}"),
    trouble.REVIVE: mark("revived {nodes}"),
    trouble.CUT: mark("cut {nodes}"),
    trouble.STALL: mark("stalled {nodes}"),
    trouble.HEAL: mark("healed {nodes}"),
}


def _told(deed: trouble.Deed) -> str:
    return f"{deed.at:7.1f} s  {_(_DEEDS[deed.what]).format(nodes=' - '.join(deed.nodes))}"


def _do(output: Output, folder: Path, verb: str, nodes: Sequence[str], *, stall: bool = False) -> None:
    with facing(Situation.TRIAL):
        state = ask(folder, verb, nodes, stall=stall)
    _show(output, state)


def _show(output: Output, state: dict[str, Any]) -> None:
    """How it is with nodes and links now."""
    if output.as_json:
        output.json(state)
        return
    rows = [{"what": node["name"], "state": "up" if node["up"] else "down"} for node in state["nodes"]]
    rows += [{"what": " - ".join(link["nodes"]), "state": link["state"]} for link in state["links"]]
    output.table("state", _STATE, rows)


_STATES: Final = {
    "up": mark("up"),
    "down": mark("down"),
    "open": mark("open"),
    "cut": mark("cut"),
    "stalled": mark("stalled"),
}
_STATE: Final = (
    Column("what", mark("Node or link")),
    Column("state", mark("State"), lambda state: _(_STATES[state])),
)
