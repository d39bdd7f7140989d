"""How far each sink has been fed.

What goes into a sink's files next is planned before they are written: after a kill the same records are written
under the same names again, whatever has arrived since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import delete, insert, select

from hub.store.offices.ledger import Ledger
from hub.store.tables import office_sinks


@dataclass(frozen=True, slots=True)
class SinkState:
    """All up to log index `after` was given; `upto`, where it is known, ends what is being given now.

    `numbers` is the last number of each city's stream, as a client's cursor keeps it.
    """

    after: int
    upto: int | None
    numbers: Mapping[str, int]


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
        return SinkState(row.after, row.upto, orjson.loads(row.numbers))

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
                )
            )
