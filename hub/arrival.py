"""What a client has of a node: outcomes of what it pushed, records that it pulled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub import answers
from hub.errors import Code, Problem
from hub.log.checkpoint import VerifiedCheckpoint
from hub.log.entry import Hosted
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

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Outcome:
        """The outcome of one record in a node's answer; what it lacks raises as reading a dict does."""
        problem = answer.get("problem")
        return cls(
            answer["status"],
            answer.get("id"),
            answer.get("digest"),
            answer.get("index"),
            None if problem is None else answers.named(problem),
            tuple(answer.get("warnings", ())),
        )


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
    """What a node answered to a pull: items as they came, and the checkpoint that they are to be held against.

    `hosted` says, of a city that came from another node, which entry says so, and `departed` the same of one that has
    gone; nothing of them is verified.
    """

    items: list[Any]
    checkpoint: VerifiedCheckpoint
    more: bool
    hosted: Any = None
    departed: Any = None


class LogWentBackError(Problem):
    """A node's log is no longer the one that a cursor went along: it was restored from an older copy."""

    def __init__(self, size: int, after: int) -> None:
        super().__init__(
            Code.CONFLICT,
            f"the node's log has {size} entries, and is no longer the one in which this cursor came to index {after}:"
            " it was set back to an older copy; nothing is fetched until the cursor begins anew",
        )


def reached(numbers: Mapping[str, int], hosted: Hosted | None, index: int) -> Mapping[str, int]:
    """The last numbers before an index: of a city that came to the node, at least what its old node had fetched."""
    if hosted is None or index < hosted.begins:
        return numbers
    return {**numbers, hosted.city: max(numbers.get(hosted.city, 0), hosted.before)}


def skipped(before: Mapping[str, int], numbers: Mapping[str, int], hosted: Hosted | None) -> int:
    """How many numbers of streams are left out; what the old node of a city had fetched ahead came from there."""
    left_out = {city: range(before.get(city, 0) + 1, number) for city, number in numbers.items()}
    came = 0 if hosted is None else sum(n in left_out.get(hosted.city, ()) for n in hosted.ahead)
    return sum(map(len, left_out.values())) - came
