"""`hub lab`: a laboratory of nodes on this machine."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from hub.cli.faults import Situation, facing
from hub.cli.options import FOLDER, partners
from hub.cli.output import Column, Output, city_name, city_names, json_option, listing, pass_output, tick
from hub.cli.titles import TITLE_MEMBERS, titled
from hub.cli.words import Group, option
from hub.clock import utc_now
from hub.lab import demonstration, running
from hub.lab.building import Lab, build
from hub.lab.running import RunningLab
from hub.translation import _, language, mark
from schemas.labels import label

CITIES = "610800,150600,141100"
NODES = 1


@click.group(cls=Group, help=mark("Run a laboratory of nodes on this machine."))
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
@json_option
@pass_output
def start(output: Output, folder: Path, nodes: int, cities: tuple[str, ...], database: str | None) -> None:
    planned = _planned(folder, cities, nodes, database)
    if len(planned.nodes) > 1:
        output.warn(
            _(
                "Nodes do not exchange with each other yet: each takes records of its own cities, and what is for a "
                "city of another node is fetched from the sender's node. Nor do they witness each other's logs yet."
            )
        )
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
    planned = _planned(folder, demonstration.CITIES, NODES, None)
    complete = False
    with _until_signalled(), facing(Situation.RUNNING), RunningLab(folder, planned) as up:
        with output.progress(_("Fetching")) as advance:
            lines = demonstration.demonstrate(up.lab, folder, utc_now(), advance)
        complete = all(line.complete for line in lines)
        _show(output, lines)
        if not once:
            if not output.as_json:
                output.say("")
                _describe(output, folder, up.lab)
            up.keep_up(
                lambda name: output.warn(_("Node {name} ended and is started again.").format(name=name))
            )
    if not complete:
        sys.exit(1)


def _planned(folder: Path, cities: Sequence[str], nodes: int, database: str | None) -> Lab:
    """The laboratory that a folder holds, or a new one in it."""
    with facing(Situation.LABORATORY):
        planned = running.read_plan(folder)
        if planned is None:
            planned = build(folder, cities, nodes, database, utc_now())
            running.save_plan(folder, planned)
        return planned


def _show(output: Output, lines: list[demonstration.Shown]) -> None:
    output.table(
        "records",
        [
            Column("index", mark("Index")),
            Column("kind", mark("Kind"), lambda kind: label("kind", kind, language())),
            Column("title", mark("About"), wide=True),
            Column("from", mark("From"), city_name),
            Column("to", mark("To"), city_names, wide=True),
            Column("sealed", mark("Sealed"), lambda sealed: tick(True) if sealed else ""),
            Column("verified", mark("Verified"), _each, wide=True),
            Column("acknowledged", mark("Acknowledged"), _each, wide=True),
        ],
        [
            {
                "index": line.index,
                "id": line.id,
                "revision": line.revision,
                "kind": line.kind,
                "title": line.title if output.as_json else _title(line),
                "from": line.sender,
                "to": list(line.recipients),
                "sealed": line.sealed,
                "verified": line.verified,
                "acknowledged": line.acknowledged,
            }
            for line in lines
        ],
    )


def _title(line: demonstration.Shown) -> str:
    """What a record is about; in words, where that is a code."""
    first = TITLE_MEMBERS[line.kind][0]
    return titled(line.kind, first, line.title)


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


def _each(of_city: Mapping[str, bool | str]) -> str:
    """What each recipient found: a tick, or its outcome."""
    shown = {
        city: tick(found) if isinstance(found, bool) else label("outcome", found, language())
        for city, found in of_city.items()
    }
    return listing(f"{city} {found}" for city, found in shown.items())


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
