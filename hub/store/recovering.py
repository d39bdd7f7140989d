"""A log that has gone back, and what is put into its place again: where it is halted, what was given up, what lacks.

Bound to a connection, as `Neighbours` is: questions are asked of a reader's (`Store.recall`), changes are made in a
transaction (`Transaction.recovering`).
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, func, select, update

from hub.store.tables import MISSING, acknowledgements, entries, log_head, records


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A checkpoint of this log that the `epoch` entry at `index` gave up."""

    index: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A record whose entry is at `index`, with the text of it, and whose signed bytes are not here."""

    index: int
    entry: str


class Recovering:
    """The log's head and its records, as far as they are to be put back in order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- the log -------------------------------------------------------------------------------------

    def halt(self, checkpoint: str) -> None:
        """Write nothing more: the log has signed `checkpoint`, and does not hold it."""
        self._connection.execute(update(log_head).values(halted=checkpoint))

    def resume(self) -> None:
        """Write again."""
        self._connection.execute(update(log_head).values(halted=None))

    def abandoned(self) -> list[Abandoned]:
        """The checkpoints that `epoch` entries gave up, in the log's order."""
        held = self._connection.execute(select(log_head.c.abandoned)).scalar_one()
        return [Abandoned(each["index"], each["checkpoint"]) for each in orjson.loads(held)]

    def abandon(self, index: int, checkpoint: str) -> None:
        """Remember what the `epoch` entry at `index` gives up."""
        held = [*self.abandoned(), Abandoned(index, checkpoint)]
        members = [{"index": each.index, "checkpoint": each.checkpoint} for each in held]
        self._connection.execute(update(log_head).values(abandoned=orjson.dumps(members).decode()))

    # -- records that lack their bytes ---------------------------------------------------------------

    def missing(self, after: int = -1, limit: int = -1) -> list[Missing]:
        """Records that lack their bytes, in the log's order; all of them, if no limit is named."""
        query = (
            select(records.c.idx, entries.c.line)
            .join(entries, entries.c.idx == records.c.idx)
            .where(records.c.erased_idx == MISSING, records.c.idx > after)
            .order_by(records.c.idx)
        )
        found = self._connection.execute(query if limit < 0 else query.limit(limit))
        return [Missing(row.idx, row.line) for row in found]

    def missing_count(self) -> int:
        """How many records lack their bytes."""
        return self._connection.execute(
            select(func.count()).where(records.c.erased_idx == MISSING)
        ).scalar_one()

    def fill(self, index: int, jws: str, forget_at: str | None) -> bool:
        """Give the record at `index` its bytes back; False where it lacks none."""
        filled = self._connection.execute(
            update(records)
            .where(records.c.idx == index, records.c.erased_idx == MISSING)
            .values(jws=jws, forget_at=forget_at, erased_idx=None)
        )
        return filled.rowcount > 0

    def answered_by(self, digest: str) -> list[str]:
        """The cities whose answers to a revision are held."""
        held = select(acknowledgements.c.city).where(acknowledgements.c.digest == bytes.fromhex(digest))
        return list(self._connection.scalars(held))

    def is_answered_later(self, digest: str, city: str, index: int) -> bool:
        """Whether a recipient's answer to a revision is held that stands behind `index` in the log."""
        held = self._connection.execute(
            select(acknowledgements.c.idx).where(
                acknowledgements.c.digest == bytes.fromhex(digest), acknowledgements.c.city == city
            )
        ).scalar()
        return held is not None and held > index

    def line(self, index: int) -> str:
        """The entry at `index`."""
        line: str = self._connection.execute(
            select(entries.c.line).where(entries.c.idx == index)
        ).scalar_one()
        return line
