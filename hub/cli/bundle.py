"""`hub bundle`: records carried in files between nodes that no network connects."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from hub.cli.faults import LocalProblem, Situation, facing
from hub.cli.options import FOLDER, PRESENT_FOLDER, node_config
from hub.cli.output import Column, Output, json_option, listing, local, pass_output, problem_members, tick
from hub.cli.peers import working_neighbourhood_of
from hub.cli.words import Group, argument, option
from hub.clock import utc_now
from hub.errors import Problem
from hub.federation.bundles.bundle import IncompleteError, files_of, missing_of, runs
from hub.federation.bundles.carried import read_items
from hub.federation.bundles.incoming import GapError, Imported, Incoming, sort_out
from hub.federation.bundles.manifest import Manifest
from hub.federation.bundles.outgoing import Outgoing
from hub.federation.bundles.spool import DVD_BYTES, LEAST_BYTES
from hub.federation.bundles.volume import SignedVolume, open_volume
from hub.log.checkpoint import Checkpoint
from hub.log.note import split_note
from hub.translation import _, language, mark
from hub.visible import visible
from keys.trust_list import Trust
from keys.trust_repository import open_trust_once
from schemas import strict_json
from schemas.faults import Fault
from schemas.labels import label

DEFAULT_SIZE: Final = "4.4GB"
UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?\s*([KMG]I?)?B?", re.IGNORECASE)
_ANY: Final = click.Path(path_type=Path, exists=True)
assert DVD_BYTES == 4_400_000_000


def volume_bytes(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    """A size as people write it, in bytes. Raises: BadParameter."""
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter(_("{value} is no size; write 4.4GB or 700MB.").format(value=value))
    whole, part, unit = found.groups()
    factor = UNITS[(unit or "").upper()]
    size = int(whole) * factor + (int(part) * factor // 10 ** len(part) if part else 0)
    if size < LEAST_BYTES:
        raise click.BadParameter(_("a volume has at least {least} bytes.").format(least=f"{LEAST_BYTES:,}"))
    return size


@click.group(
    cls=Group,
    help=mark(
        "Carry records between nodes that no network connects, in signed files on discs or sticks."
        "\n\nWhat is imported passes the same checks as what is fetched. Acknowledgements go back the same way, and say"
        " where the next bundle begins: what was lost on its way is in it again."
    ),
)
def bundle() -> None:
    pass


@bundle.command(
    help=mark(
        "Write what a peer would fetch into files for it: records, acknowledgements, and the proof of them all."
        "\n\nIt begins where the peer's newest bundle said that it has got to. The bundle's volumes are written as a"
        " whole or not at all."
    )
)
@option("--to", "peer", required=True, metavar="NODE", help=mark("Name of the peer, as `hub peers` has it."))
@option("--out", type=FOLDER, default=".", show_default=True, help=mark("Folder to write the volumes to."))
@option(
    "--size",
    callback=volume_bytes,
    default=DEFAULT_SIZE,
    show_default=True,
    metavar="SIZE",
    help=mark("The most that a volume may hold: 4.4GB, 700MB."),
)
@option(
    "--all", "everything", is_flag=True, help=mark("Begin at the log's beginning, whatever is confirmed.")
)
@node_config
@json_option
@pass_output
def export(output: Output, *, peer: str, out: Path, size: int, everything: bool, config: Path) -> None:
    with (
        working_neighbourhood_of(config) as (node, _peers),
        facing(Situation.PACKING),
        output.progress(peer) as advance,
    ):
        made = Outgoing(node, peer).export(
            out, str(uuid.uuid4()), size=size, everything=everything, told=advance
        )
    files = written_files(made.paths)
    if output.as_json:
        output.json(
            {
                "bundle": made.manifest.bundle,
                "to": peer,
                "records": made.records,
                "log": _reach(made.manifest),
                "files": files,
            }
        )
        return
    output.say(
        _("{records} records for {peer}, log entries {begin} to {end}.").format(
            records=made.records, peer=peer, begin=made.manifest.since.size, end=made.size
        ),
        style="green",
    )
    output.table("files", _FILES, files)


def written_files(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Volumes that were written, and their sizes."""
    return [{"file": visible(str(path)), "bytes": path.stat().st_size} for path in paths]


_FILES = (
    Column("file", mark("Volume"), wide=True),
    Column("bytes", mark("Bytes"), lambda count: f"{count:,}"),
)


@bundle.command(
    name="import",
    help=mark(
        "Take in bundles, from files and folders in any order."
        "\n\nAll volumes of a bundle are needed. Doing it twice changes nothing, and what broke off goes on where it"
        " ended. Exit code 1 where one was refused."
    ),
)
@argument(
    "paths",
    nargs=-1,
    required=True,
    type=_ANY,
    metavar="FILE|FOLDER...",
    help=mark("Volumes, or folders of them."),
)
@node_config
@json_option
@pass_output
def import_(output: Output, paths: tuple[Path, ...], config: Path) -> None:
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    with working_neighbourhood_of(config) as (node, neighbourhood):
        with facing(Situation.BUNDLE):
            found = sort_out(paths, node)
        for path, problem in found.refused:
            problems.append(told_bundle(problem))
            rows.append(_refused(visible(path.name), None, problems[-1]))
        incoming = Incoming(node, neighbourhood)
        for volumes in found.bundles:
            manifest = volumes[0].manifest
            try:
                with output.progress(manifest.sender) as advance:
                    rows.append(_taken(incoming.take(volumes, checked=advance, told=advance)))
            except Problem as problem:
                problems.append(told_bundle(problem))
                rows.append(_refused(manifest.bundle[:8], manifest, problems[-1]))
    output.table("bundles", _IMPORTED, rows)
    if not output.as_json:
        for each in problems:
            output.problem(each)
    if problems:
        raise click.exceptions.Exit(1)


_IMPORTED = (
    Column("name", mark("Bundle")),
    Column("from", mark("From")),
    Column("made_at", mark("Made at"), local),
    Column("new", mark("New records")),
    Column("known", mark("Already there")),
    Column("folded", mark("Log entries verified")),
    Column("said", mark("Outcome"), wide=True),
)


def _taken(imported: Imported) -> dict[str, Any]:
    report = imported.report
    if report.past:
        said = _("older than what is known: nothing new")
    elif report.new or report.folded:
        said = _("taken in")
    else:
        said = _("nothing new")
    return {
        **_named(imported.manifest.bundle[:8], imported.manifest),
        "new": report.new,
        "known": report.known,
        "folded": report.folded,
        "log": _reach(imported.manifest),
        "past": report.past,
        "witnessed": imported.witnessed,
        "cosigned": imported.cosigned,
        "said": said,
        "problem": None,
    }


def _refused(name: str, manifest: Manifest | None, problem: Problem) -> dict[str, Any]:
    return {**_named(name, manifest), "said": _("refused"), "problem": problem_members(problem)}


def _named(name: str, manifest: Manifest | None) -> dict[str, Any]:
    if manifest is None:
        return {"name": name, "bundle": None, "from": None, "made_at": None}
    return {
        "name": name,
        "bundle": manifest.bundle,
        "from": manifest.sender,
        "made_at": manifest.made_at,
    }


def told_bundle(problem: Problem, situation: Situation = Situation.BUNDLE) -> Problem:
    """A refusal in words that help: which volumes, where it begins."""
    if isinstance(problem, IncompleteError):
        said = _("Of {count} volumes these are missing: {numbers}.").format(
            count=problem.volumes, numbers=listing(runs(problem.missing))
        )
        return LocalProblem(problem, situation, [Fault("", said, said)])
    if isinstance(problem, GapError):
        said = _(
            "It begins at entry {begins} of the log of {origin}, which is known here up to {known}."
        ).format(begins=problem.begins, origin=problem.origin, known=problem.known)
        return LocalProblem(problem, Situation.GAP, [Fault("", said, said)])
    return LocalProblem(problem, situation)


@bundle.command(
    help=mark(
        "Say what volumes hold: from whom and for whom, how much, and what is missing."
        "\n\nNothing is verified without --trust. No node is needed, and none is changed."
    )
)
@argument(
    "paths", nargs=-1, required=True, type=_ANY, metavar="FILE...", help=mark("Volumes, or folders of them.")
)
@option("--trust", type=PRESENT_FOLDER, help=mark("Trust repository, to verify who made them."))
@json_option
@pass_output
def show(output: Output, paths: tuple[Path, ...], trust: Path | None) -> None:
    known = None
    if trust is not None:
        with facing(Situation.TRUST):
            known = open_trust_once(trust, utc_now())
    with facing(Situation.BUNDLE):
        volumes = [_opened(path, known) for path in files_of(paths)]
        bundles: dict[str, list[SignedVolume]] = {}
        for volume in volumes:
            bundles.setdefault(volume.said.bundle, []).append(volume)
        rows = [_described(each, known is not None) for each in bundles.values()]
    if known is None:
        output.say(_("Nothing was verified: this is what the files say of themselves."), style="bold yellow")
    output.table("bundles", _SHOWN, rows)


def _opened(path: Path, trust: Trust | None) -> SignedVolume:
    volume = open_volume(path)
    if trust is not None:
        volume.verify(trust, utc_now())
    return volume


def _described(volumes: Sequence[SignedVolume], verified: bool) -> dict[str, Any]:
    said = volumes[0].said
    held = {volume.said.volume: volume for volume in volumes}
    missing = missing_of(said, held)
    kinds, erased = _contents(held.values())
    return {
        "bundle": said.bundle,
        "purpose": said.purpose,
        "from": said.sender,
        "to": said.recipient,
        "made_at": said.made_at,
        "verified": verified,
        "volumes": {"of": said.volumes, "here": sorted(held), "missing": missing},
        "complete": not missing,
        "log": _reach(said),
        "known": {"size": said.known.size, "after": said.known.after},
        "records": dict(kinds),
        "erased": erased,
        "files": [{"file": visible(str(volume.path)), "volume": volume.said.volume} for volume in volumes],
    }


def _contents(volumes: Iterable[SignedVolume]) -> tuple[Counter[str], int]:
    """How many records there are of each kind, and how many that are gone."""
    kinds, erased = Counter[str](), 0
    for volume in volumes:
        parts = volume.parts
        for part in volume.said.parts:
            if not part.name.startswith("items/"):
                continue
            for item in read_items(parts.read(part)):
                if item.get("record") is None:
                    erased += 1
                else:
                    kinds[_kind(item.get("entry"))] += 1
    return kinds, erased


def _kind(entry: object) -> str:
    members = strict_json.loads(entry) if isinstance(entry, str) else None
    return str(members.get("kind"))[:64] if isinstance(members, dict) else "?"


def _reach(manifest: Manifest) -> dict[str, int]:
    """Which part of the log a bundle brings: from an entry up to a size, records after one index up to another."""
    return {
        "begin": manifest.since.size,
        "size": Checkpoint.parse(split_note(manifest.checkpoint)[0]).size,
        "after": manifest.since.after,
        "until": manifest.until,
    }


def _volumes(members: Mapping[str, Any]) -> str:
    here = listing(runs(members["here"]))
    return _("{here} of {count}").format(here=here, count=members["of"])


def _records(kinds: Mapping[str, int]) -> str:
    return listing(f"{label('kind', kind, language())} {count}" for kind, count in sorted(kinds.items()))


_SHOWN = (
    Column("from", mark("From")),
    Column("to", mark("For")),
    Column("made_at", mark("Made at"), local),
    Column("volumes", mark("Volumes here"), _volumes),
    Column("complete", mark("Complete"), tick),
    Column("log", mark("Log entries"), lambda log: f"{log['begin']}\N{EN DASH}{log['size']}"),
    Column("records", mark("Records"), _records, wide=True),
)
