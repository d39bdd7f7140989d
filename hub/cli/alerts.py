"""`hub alerts`: alerts of this node's cities, and those that came for them, whose acknowledgement is awaited.

An alert is restricted to its recipients: what is shown is what its entry in the log says, and nothing of its contents.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from hub.cli.faults import Situation, facing
from hub.cli.options import node_config
from hub.cli.output import Column, Output, city_name, clock, json_option, pass_output
from hub.cli.pull import due_columns
from hub.cli.words import command
from hub.clock import rfc3339
from hub.config import read_config
from hub.diagnostics import configure_logging
from hub.log import entry as entries
from hub.node import Node
from hub.store.awaited import Awaited, AwaitedCount, Unanswered
from hub.translation import _, mark

LISTED_AT_MOST: Final = 1_000


@command(
    help=mark(
        "List alerts whose acknowledgement is awaited, the longest overdue first."
        "\n\nA line for each recipient that has not answered. An alert that has expired, was withdrawn or was replaced "
        "by a later revision is listed no more."
    )
)
@node_config
@json_option
@pass_output
def alerts(output: Output, config: Path) -> None:
    configure_logging(logging.CRITICAL)
    with facing(Situation.CONFIG):
        read = read_config(config)
    with facing(Situation.STARTING):
        node = Node(read)
    try:
        at = rfc3339(node.clock())
        count, found = node.store.ask_awaited(lambda awaited: _ask(awaited, at))
    finally:
        node.close()
    rows = [_members(each, at) for each in found]
    if output.as_json:
        output.json({"awaited": count.awaited, "overdue": count.overdue, "alerts": rows})
        return
    if not rows:
        output.say(_("No alert waits for an answer."), style="green")
        return
    output.table("alerts", _COLUMNS, rows)
    output.say("")
    said = _("{awaited} awaited, {overdue} of them overdue").format(
        awaited=count.awaited, overdue=count.overdue
    )
    output.say(said, style="red" if count.overdue else "")
    if count.awaited > len(rows):
        output.say(_("Listed are the first {count}.").format(count=len(rows)))
    if count.overdue:
        output.say(_("Next: {step}").format(step=_("Reach the cities that are overdue by another way.")))


_COLUMNS: Final = (
    Column("index", mark("Index")),
    Column("id", mark("Id")),
    Column("revision", mark("Revision")),
    Column("from", mark("From"), city_name),
    Column("city", mark("Recipient"), city_name),
    Column("since", mark("Entered"), clock),
    *due_columns(),
)


def _ask(awaited: Awaited, at: str) -> tuple[AwaitedCount, list[Unanswered]]:
    return awaited.count(at), awaited.unanswered(at, LISTED_AT_MOST)


def _members(unanswered: Unanswered, at: str) -> dict[str, Any]:
    return {
        "index": unanswered.index,
        "id": unanswered.id,
        "revision": unanswered.revision,
        "from": unanswered.sender,
        "city": unanswered.city,
        "since": entries.decode(unanswered.line.encode()).at,
        "due_at": unanswered.due_at,
        "overdue": unanswered.due_at <= at,
    }
