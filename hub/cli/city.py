"""`hub city`: a city moves from its node to another one; which cities a node hosts, awaits, has let go."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, Final

import click

from hub.cli.bundle import DEFAULT_SIZE, told_bundle, volume_bytes, written_files
from hub.cli.faults import Situation, facing
from hub.cli.options import FOLDER, node_config, partner
from hub.cli.output import Column, Output, city_name, json_option, pass_output
from hub.cli.peers import neighbourhood_of, working_neighbourhood_of
from hub.cli.words import Group, argument, option
from hub.errors import Problem
from hub.federation.bundles.incoming import sort_out
from hub.federation.moving.arriving import Arriving, Came
from hub.federation.moving.departing import Departing, HandedOver
from hub.hosting import Hosting
from hub.node import Node
from hub.store.moves import Stay
from hub.translation import _, mark

_ANY: Final = click.Path(path_type=Path, exists=True)


@click.group(
    cls=Group,
    help=mark(
        "Move a city from the node that hosts it to another one, and say which cities this node hosts."
        "\n\nFirst the cities agree on it (`hub trust propose --move-city`), and all nodes have the new trust list."
    ),
)
def city() -> None:
    pass


@city.command(
    help=mark(
        "On the old node: let a city go, and write its hand-over for the new node into files."
        "\n\nFrom then on nothing is taken of the city here; what has come for it can still be fetched. Asked again, "
        "it writes the same again."
    )
)
@argument("code", metavar="CITY", callback=partner, help=mark("Code of the city."))
@option("--out", type=FOLDER, default=".", show_default=True, help=mark("Folder to write the volumes to."))
@option(
    "--size",
    callback=volume_bytes,
    default=DEFAULT_SIZE,
    show_default=True,
    metavar="SIZE",
    help=mark("The most that a volume may hold: 4.4GB, 700MB."),
)
@node_config
@json_option
@pass_output
def move(output: Output, *, code: str, out: Path, size: int, config: Path) -> None:
    with (
        working_neighbourhood_of(config) as (node, _peers),
        facing(Situation.MOVE),
        output.progress(city_name(code)) as advance,
    ):
        made = Departing(node, code).write(out, str(uuid.uuid4()), size=size, told=advance)
    if output.as_json:
        output.json(_departed(code, made))
        return
    output.say(
        _("{city} has moved to {node}: {records} records are handed over.").format(
            city=city_name(code), node=made.departure.node, records=made.records
        ),
        style="green",
    )
    output.table("files", _FILES, written_files(made.paths))
    output.say(
        _("Next, at {node}: hub city receive FILE…").format(node=made.departure.node),
    )


def _departed(code: str, made: HandedOver) -> dict[str, Any]:
    return {
        "city": code,
        "node": made.departure.node,
        "index": made.departure.index,
        "last": made.departure.last,
        "records": made.records,
        "bundle": made.manifest.bundle,
        "files": written_files(made.paths),
    }


_FILES = (
    Column("file", mark("Volume"), wide=True),
    Column("bytes", mark("Bytes"), lambda count: f"{count:,}"),
)


@city.command(
    help=mark(
        "On the new node: take in a city's hand-over, from files and folders; the city's streams then go on here."
        "\n\nAll volumes are needed. Doing it twice changes nothing, and what broke off goes on where it ended. Where "
        "the old node is lost for ever, --without begins with nothing handed over: then peers are asked for all that "
        "they have of the city and for it, and what it had already comes again."
    )
)
@argument("paths", nargs=-1, type=_ANY, metavar="[FILE|FOLDER]...", help=mark("Volumes, or folders of them."))
@option(
    "--without",
    metavar="CITY",
    callback=partner,
    help=mark("Begin with this city though nothing is handed over."),
)
@node_config
@json_option
@pass_output
def receive(output: Output, *, paths: tuple[Path, ...], without: str | None, config: Path) -> None:
    if bool(paths) == (without is not None):
        raise click.UsageError(_("Name the volumes of a hand-over, or a city with --without."))
    with working_neighbourhood_of(config) as (node, neighbourhood), facing(Situation.MOVE):
        arriving = Arriving(node, neighbourhood)
        came = _taken(output, node, arriving, paths) if without is None else [arriving.begin_without(without)]
    if output.as_json:
        output.json({"cities": [_members(each) for each in came]})
        return
    for each in came:
        _say(output, each)


def _taken(output: Output, node: Node, arriving: Arriving, paths: tuple[Path, ...]) -> list[Came]:
    found = sort_out(paths, node)
    for _path, problem in found.refused:
        raise problem
    came = []
    for volumes in found.bundles:
        try:
            with output.progress(volumes[0].manifest.sender) as advance:
                came.append(arriving.take(volumes, checked=advance, told=advance))
        except Problem as problem:
            raise told_bundle(problem, Situation.MOVE) from problem
    return came


def _say(output: Output, came: Came) -> None:
    name = city_name(came.city)
    if came.before:
        output.say(
            _("{city} has come from {node} already; nothing changed.").format(city=name, node=came.via)
        )
        return
    if not came.coming.via_size:
        said = _("{city} begins here, with nothing handed over. Peers are now asked from the beginning.")
        output.say(said.format(city=name), style="yellow")
        return
    said = _("{city} has come from {node}: {new} records are new, {known} were here already.")
    output.say(said.format(city=name, node=came.via, new=came.new, known=came.known), style="green")
    if came.unknown:
        output.warn(
            _(
                "Of {count} records only the entries were taken: their keys are in no trust list any more."
            ).format(count=came.unknown)
        )
    output.say(
        _("Its systems fetch the rest of their old stream from {node}, and then go on here.").format(
            node=came.via
        )
    )


def _members(came: Came) -> dict[str, Any]:
    return {
        "city": came.city,
        "from": came.via,
        "index": came.coming.index,
        "handed_over": came.coming.via_size > 0,
        "new": came.new,
        "known": came.known,
        "unknown": came.unknown,
        "before": came.before,
    }


@city.command(
    help=mark("Say which cities this node hosts, awaits, and has let go, and where its log says so.")
)
@node_config
@json_option
@pass_output
def show(output: Output, config: Path) -> None:
    with neighbourhood_of(config) as (node, _peers):
        rows = _rows(node)
    output.table("cities", _SHOWN, rows)


_SHOWN = (
    Column("city", mark("City"), city_name),
    Column("said", mark("State")),
    Column("other", mark("Other node")),
    Column("index", mark("Entry")),
    Column("last", mark("Last number")),
)


def _rows(node: Node) -> list[dict[str, Any]]:
    trust, moves = node.trust(), node.store.head().moves
    hosting = Hosting(node.config.name, trust, moves)
    codes = sorted(trust.vouched_by(node.config.name) | moves.stays.keys())
    return [_row(node, hosting, code, moves.stays.get(code, ())) for code in codes]


def _row(node: Node, hosting: Hosting, code: str, stays: tuple[Stay, ...]) -> dict[str, Any]:
    listed = hosting.trust.cities.get(code)
    size = node.store.head().size
    row: dict[str, Any] = {
        "city": code,
        "state": "hosted",
        "said": _("hosted here"),
        "other": None,
        "index": None,
        "last": node.store.ask_moving(lambda moving: moving.last_before(code, size)),
    }
    departure = stays[-1].departure if stays else None
    if hosting.awaits(code):
        assert listed is not None
        row |= {"state": "awaited", "said": _("awaited"), "other": listed.hosted_before[-1]}
    elif departure is not None:
        gone = {"other": departure.node, "index": departure.index, "last": departure.last}
        row |= {"state": "departed", "said": _("departed"), **gone}
    elif hosting.lets_go(code):
        assert listed is not None
        row |= {"state": "leaving", "said": _("to be let go: hub city move"), "other": listed.node}
    elif stays and stays[-1].coming is not None:
        row |= {"other": stays[-1].coming.via, "index": stays[-1].coming.index}
    return row
