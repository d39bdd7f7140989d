"""How far each sink has been fed.

What goes into a sink's files next is planned before they are written: after a kill the same records are written
under the same names again, whatever has arrived since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import delete, insert, select

from hub.store.offices.ledger import Ledger
from hub.store.tables import office_sinks


@dataclass(frozen=True, slots=True)
class SinkState:
    """All up to log index `after` was given; `upto`, where it is known, ends what is being given now.

    `numbers` is the last number of each city's stream, as a client's cursor keeps it. `node` is the one whose log that
    is, and `elsewhere` the state in the logs of others that were asked before, for a city that moved.
    """

    after: int
    upto: int | None
    numbers: Mapping[str, int]
    node: str | None = None
    elsewhere: Mapping[str, Any] = field(default_factory=dict)

    def at(self, node: str) -> SinkState:
        """The same sink's state in the log of a node; at the beginning of one that was never asked."""
        if self.node in (None, node):
            return replace(self, node=node)
        kept = {**self.elsewhere, self.node: {"after": self.after, "numbers": dict(self.numbers)}}
        there = kept.pop(node, {"after": -1, "numbers": {}})
        return SinkState(there["after"], None, there["numbers"], node, kept)


class Sinks:
    """The memory of what was given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def state(self, city: str, name: str) -> SinkState:
        """A sink's state; a new one begins at the log's beginning."""
        wanted = select(office_sinks).where(office_sinks.c.city == city, office_sinks.c.name == name)
        with self._ledger.reading() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return SinkState(-1, None, {})
        numbers, elsewhere = orjson.loads(row.numbers), orjson.loads(row.elsewhere)
        return SinkState(row.after, row.upto, numbers, row.node, elsewhere)

    def move(self, city: str, name: str, state: SinkState) -> None:
        """Remember a sink's state."""
        with self._ledger.writing() as connection:
            connection.execute(
                delete(office_sinks).where(office_sinks.c.city == city, office_sinks.c.name == name)
            )
            connection.execute(
                insert(office_sinks).values(
                    city=city,
                    name=name,
                    after=state.after,
                    upto=state.upto,
                    numbers=orjson.dumps(dict(state.numbers)).decode(),
                    node=state.node,
                    elsewhere=orjson.dumps(dict(state.elsewhere)).decode(),
                )
            )
