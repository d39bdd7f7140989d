"""`hub log`: this node's own log, kept in a second place."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from hub import standing
from hub.cli.faults import Situation, facing
from hub.cli.options import FOLDER, node_config
from hub.cli.output import Output, json_option, pass_output
from hub.cli.words import Group, argument
from hub.config import read_config
from hub.diagnostics import configure_logging
from hub.errors import Code, Problem
from hub.log.copying import CopyAheadError, copy_log
from hub.log.tile import encode_bundle
from hub.node import Node
from hub.translation import _, mark
from schemas.limits import TILE_WIDTH


@click.group(cls=Group, help=mark("This node's log, kept in a second place."))
def log() -> None:
    pass


class _OwnLog:
    """A node's log as `hub.log.reader.LogReader`."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def checkpoint(self) -> str:
        return self._node.exchange.checkpoint()

    def tile(self, level: int, number: int, width: int) -> bytes:
        return self._node.exchange.tile(level, number, width)

    def entries(self, number: int, width: int) -> bytes:
        lines = self._node.store.lines(number * TILE_WIDTH, number * TILE_WIDTH + width)
        if len(lines) < width:
            raise Problem(Code.NOT_FOUND, "the database lacks entries of its log")
        return encode_bundle(lines)


@log.command(
    help=mark(
        "Copy the log into a folder: all entries, tiles and the checkpoint, as far as they are new."
        "\n\nMeant to run by cron onto another machine, more often than the database is backed up: with such a copy "
        "`hub recover log` brings back what a backup lacks. `hub verify --log` reads it, too. A copy is never made "
        "over more than the log has."
    )
)
@argument("folder", type=FOLDER, metavar="FOLDER", help=mark("Folder of the copy; made if it is not there."))
@node_config
@json_option
@pass_output
def copy(output: Output, folder: Path, config: Path) -> None:
    configure_logging(logging.CRITICAL)
    with facing(Situation.CONFIG):
        read = read_config(config)
    with facing(Situation.STARTING):
        node = Node(read)
    try:
        with facing(Situation.COPY), output.progress(_("Copying")) as advance:
            try:
                copied = copy_log(_OwnLog(node), folder, node.log_verifier, advance)
            except CopyAheadError as ahead:
                key, note = node.log_verifier, ahead.held.note
                if standing.contradicting(node.store, key, note, own=True) is None:
                    said = f"{folder} holds a history that this log has given up: copy into another folder"
                    raise Problem(Code.NOT_ALLOWED, said) from ahead
                standing.halt(node.store, key, ahead.held)
                raise
    finally:
        node.close()
    members = {
        "folder": str(folder),
        "log_entries": copied.checkpoint.size,
        "root": copied.checkpoint.root.hex(),
        "new": copied.new,
    }
    output.facts(
        members,
        [
            (_("Folder"), str(folder)),
            (_("Log entries"), str(copied.checkpoint.size)),
            (_("Of these new"), str(copied.new)),
        ],
    )
