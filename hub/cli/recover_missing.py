"""Records that a recovered log names and that lack their bytes, one by one: a city is asked to send these again."""

from __future__ import annotations

from typing import Any, Final

from hub.cli.output import Column, Output, city_name, city_names
from hub.log import entry as entries
from hub.log.entry import OfRecord
from hub.node import Node
from hub.translation import _, mark

SHOWN: Final = 20
"""How many are shown to a person; a program gets all of them."""

_COLUMNS: Final = (
    Column("index", mark("Entry")),
    Column("id", mark("Record id")),
    Column("from", mark("From"), city_name),
    Column("to", mark("To"), city_names, wide=True),
)


def missing_records(node: Node) -> list[dict[str, Any]]:
    """What lacks its bytes, in the log's order: where its entry stands, which record it is, whose, and for whom."""
    rows = []
    for each in node.store.recall(lambda held: held.missing()):
        entry = entries.decode(each.entry.encode())
        assert isinstance(entry, OfRecord)
        rows.append(
            {
                "index": each.index,
                "id": entry.id,
                "revision": entry.revision,
                "digest": entry.digest,
                "kind": entry.kind,
                "from": entry.sender,
                "to": sorted(entry.to),
            }
        )
    return rows


def show_records(output: Output, heading: str, rows: list[dict[str, Any]]) -> None:
    """The first of them under a heading, and how many more there are; nothing where there is none."""
    if not rows:
        return
    output.say("")
    output.say(heading, style="bold underline")
    output.table("records", _COLUMNS, rows[:SHOWN])
    if len(rows) > SHOWN:
        output.say(_("… and {count} more; --json names all of them.").format(count=len(rows) - SHOWN))
