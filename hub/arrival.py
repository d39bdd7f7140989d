"""What a client has of a node: outcomes of what it pushed, records that it pulled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.errors import Problem
from hub.log.checkpoint import VerifiedCheckpoint
from schemas import record


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a pushed record; `problem` is the node's refusal where `status` is `refused`."""

    status: str
    id: str | None
    digest: str | None
    index: int | None
    problem: Problem | None
    warnings: tuple[Mapping[str, str], ...] = ()
    """What to look at in a record that was accepted all the same: code, where, zh, en."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The revision that a new one follows."""

    id: str
    revision: int
    digest: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A pulled record, verified: its members, its JWS, and the receipt to be kept with it.

    `skipped` counts the numbers of the recipient's stream that were left out before it: records that were
    forgotten, or kept from this recipient. It is 0 under a filter, where gaps mean nothing.
    """

    index: int
    record: record.Record
    jws: str
    digest: str
    receipt: str
    skipped: int = 0

    @property
    def predecessor(self) -> Predecessor:
        """This revision, as the next one names it."""
        return Predecessor(self.record.id, self.record.revision, self.digest)


@dataclass(frozen=True, slots=True)
class Page:
    """What a node answered to a pull: items as they came, and the checkpoint that they are to be held against."""

    items: list[Any]
    checkpoint: VerifiedCheckpoint
    more: bool
