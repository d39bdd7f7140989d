"""`hub lab`: a laboratory of nodes on this machine."""

from __future__ import annotations

import logging
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click

from adapters.cities import DIALECTS
from hub.cli.faults import Situation, facing
from hub.cli.options import FOLDER, partners
from hub.cli.output import Column, Output, city_name, city_names, json_option, pass_output
from hub.cli.words import Group, option
from hub.clock import utc_now
from hub.diagnostics import configure_logging
from hub.errors import Code, Problem
from hub.lab import demonstration, running
from hub.lab.building import Lab, build, plain, relayed
from hub.lab.running import RunningLab
from hub.translation import _, mark

CITIES = "610800,150600,141100"
NODES = 1
DEMO_NODES = 3


@click.group(
    cls=Group,
    help=mark("Run a laboratory of nodes on this machine."),
    lazy={
        "cut": ("hub.cli.trials:cut", mark("Cut the link between two nodes")),
        "heal": ("hub.cli.trials:heal", mark("Heal the link between two nodes, or all links")),
        "kill": ("hub.cli.trials:kill", mark("Kill a node; it stays down")),
        "revive": ("hub.cli.trials:revive", mark("Start a node again that was killed")),
        "chaos": (
            "hub.cli.trials:chaos",
            mark("Cut links and kill nodes at random for a while, then mend all"),
        ),
    },
)
def lab() -> None:
    pass


_folder = option("--dir", "folder", type=FOLDER, required=True, help=mark("Folder of the laboratory."))


@lab.command(
    help=mark(
        "Start a laboratory: keys, trust list, agreements and nodes, on loopback ports."
        "\n\nA folder that holds a laboratory is started again with what is in it. It runs until Ctrl-C or "
        "`hub lab stop`."
    )
)
@_folder
@option(
    "--nodes", type=click.IntRange(1, 64), default=NODES, show_default=True, help=mark("Number of nodes.")
)
@option(
    "--cities",
    callback=partners,
    default=CITIES,
    show_default=True,
    metavar="CODES",
    help=mark("Codes of the cities, with commas between them."),
)
@option(
    "--database",
    metavar="URL",
    help=mark("Database for the nodes; SQLite in the laboratory's folder if none."),
)
@option(
    "--chaos", is_flag=True, help=mark("Put a relay before each node, so that links between them can be cut.")
)
@json_option
@pass_output
def start(  # noqa: PLR0917 (Click names them)
    output: Output, folder: Path, nodes: int, cities: tuple[str, ...], database: str | None, chaos: bool
) -> None:
    planned = _planned(folder, cities, nodes, database, chaos=chaos)
    with _until_signalled(), facing(Situation.RUNNING), RunningLab(folder, planned) as up:
        _describe(output, folder, up.lab)
        up.keep_up(lambda name: output.warn(_("Node {name} ended and is started again.").format(name=name)))


@lab.command(help=mark("Stop the laboratory that runs in a folder."))
@_folder
@json_option
@pass_output
def stop(output: Output, folder: Path) -> None:
    with facing(Situation.RUNNING):
        stopped = running.stop(folder)
    said = _("The laboratory has stopped.") if stopped else _("No laboratory is running there.")
    output.facts({"stopped": stopped}, [])
    output.say(said)


@lab.command(help=mark("Start a laboratory and send sample exports through it."))
@_folder
@option("--once", is_flag=True, help=mark("End after the table, instead of keeping the nodes up."))
@json_option
@pass_output
def demo(output: Output, folder: Path, once: bool) -> None:
    configure_logging(logging.ERROR)
    planned = _planned(folder, tuple(DIALECTS), DEMO_NODES, None)
    complete = False
    with _until_signalled(), facing(Situation.RUNNING), RunningLab(folder, planned) as up:
        with output.progress(_("Answered")) as advance:
            shown = demonstration.demonstrate(up.lab, folder, utc_now(), advance)
        complete = shown.complete
        _show(output, folder, shown)
        if not once:
            if not output.as_json:
                output.say("")
                _describe(output, folder, up.lab)
            up.keep_up(
                lambda name: output.warn(_("Node {name} ended and is started again.").format(name=name))
            )
    if not complete:
        sys.exit(1)


def _planned(
    folder: Path, cities: Sequence[str], nodes: int, database: str | None, *, chaos: bool = False
) -> Lab:
    """The laboratory that a folder holds, or a new one in it; with `chaos` one whose links can be cut."""
    with facing(Situation.LABORATORY):
        planned = running.read_plan(folder)
        if planned is None:
            planned = build(folder, cities, nodes, database, utc_now(), relayed if chaos else plain)
            running.save_plan(folder, planned)
    if chaos and not running.doors(folder, planned):
        with facing(Situation.TRIAL):
            raise Problem(Code.CONFLICT, f"the laboratory in {folder} was built without --chaos")
    return planned


def _show(output: Output, folder: Path, shown: demonstration.Demonstration) -> None:
    """A line for each city, and what did not come through; as JSON every record, too."""
    cities = [{**asdict(each), **_verified(each.city, shown.records)} for each in shown.cities]
    if output.as_json:
        output.json({"cities": cities, "records": [asdict(record) for record in shown.records]})
        return
    output.table("cities", _CITIES, cities)
    for record in shown.records:
        if not record.complete:
            said = _("Did not come through: {id}, from {sender}")
            output.say("✗ " + said.format(id=record.id, sender=city_name(record.sender)), style="red")
    output.say("")
    said = _("{count} records; what each office exported and got: {folder}")
    output.say(said.format(count=len(shown.records), folder=folder / "offices"))


_CITIES: Final = (
    Column("city", mark("City"), city_name),
    Column("files", mark("Exports"), lambda files: ", ".join(dict.fromkeys(files)), wide=True),
    Column("rows", mark("Rows")),
    Column("sent", mark("Sent")),
    Column("quarantined", mark("Quarantined")),
    Column("arrived", mark("Arrived")),
    Column("verified", mark("Verified")),
    Column("acknowledged", mark("Acknowledged")),
)


def _verified(city: str, records: Sequence[demonstration.Shown]) -> dict[str, Any]:
    """How much of what came for a city was verified, and of what it sent was acknowledged, of how much."""
    came = [record.verified[city] for record in records if city in record.verified]
    went = [record for record in records if record.sender == city]
    told = sum(set(record.acknowledged) == set(record.recipients) for record in went)
    return {"verified": f"{sum(came)}/{len(came)}", "acknowledged": f"{told}/{len(went)}"}


def _program() -> str:
    """How `hub` is to be typed here: by its name where the shell finds this one, else by its place."""
    here = Path(sys.argv[0])
    found = shutil.which("hub")
    if here.name != "hub" or (found is not None and here.samefile(found)):
        return "hub"
    try:
        return str(here.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(here.absolute())


@contextmanager
def _until_signalled() -> Iterator[None]:
    """SIGINT and SIGTERM leave the block, closing what was opened in it, and are no error."""

    class _Ended(BaseException):
        pass

    def end(_number: int, _frame: FrameType | None) -> None:
        # A second signal must not interrupt the closing.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise _Ended

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _Ended:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _describe(output: Output, folder: Path, running_lab: Lab) -> None:
    if output.as_json:
        output.json(running_lab.to_dict())
        sys.stdout.flush()
        return
    rows = [
        {"name": node.name, "url": node.url, "cities": node.cities, "pid": node.pid}
        for node in running_lab.nodes
    ]
    output.table(
        "nodes",
        [
            Column("name", mark("Node")),
            Column("url", mark("Address")),
            Column("cities", mark("Cities"), city_names, wide=True),
            Column("pid", mark("Process")),
        ],
        rows,
    )
    client = folder / "clients" / f"{running_lab.systems[0]['city']}-{running_lab.systems[0]['system']}.toml"
    output.say("")
    output.lines(
        [
            (_("Documents"), f"{running_lab.nodes[0].url}/docs"),
            (_("Profiles"), str(folder / "clients")),
            (_("Trust list"), running_lab.trust),
            (_("Agreements"), ", ".join(each["id"] for each in running_lab.agreements)),
            (_("Try"), f"{_program()} pull --as {client}"),
            (_("End"), _("Ctrl-C, or: {hub} lab stop --dir {folder}").format(hub=_program(), folder=folder)),
        ]
    )
    sys.stdout.flush()
