"""What a node's verbs are asked about, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.errors import Problem
from hub.store import Delivery
from schemas.shape import Warning


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a pushed record: `problem` is None where it was accepted, now or before."""

    status: str
    id: str = ""
    digest: str = ""
    index: int = -1
    problem: Problem | None = None
    warnings: tuple[Warning, ...] = ()
    """What the sender should look at in a record that was accepted all the same."""


@dataclass(frozen=True, slots=True)
class Pushed:
    outcomes: list[Outcome]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Which record is asked for: its id, the sender where two share one, and the revision (None: the newest)."""

    id: str
    sender: str | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Pulled:
    """A page as it is answered: `next` is the cursor for the following one.

    `erased` tells a node, by a record's index, where the entry stands that says that it is gone, and its text; `hosted`
    tells a city that came from another node where the entry stands that says so, and its text; `departed` tells one
    that has gone the same.
    """

    items: list[tuple[int, str, str | None]]
    next: int
    more: bool
    checkpoint: str
    erased: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    hosted: tuple[int, str] | None = None
    departed: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one revision got with its recipients; `due` by when those that are to answer an alert are, at `at`."""

    id: str
    revision: int
    index: int
    digest: str
    deliveries: list[Delivery]
    due: Mapping[str, str]
    at: str
