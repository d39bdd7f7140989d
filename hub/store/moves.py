"""Which cities have left this node, and which have come to it, as the log's head remembers it.

1. A city's stays are in the order of the log. One that was hosted from the beginning has none until it departs.
2. A stay begins at an index of this log: what it numbered for the city before that, others have handed over. It ends at
   the index of the `departed` entry.
3. A city that has departed, and has not come back, is not here any more, whatever a trust list says meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Position:
    """How far another node's log was fetched for a city: up to an index, and the last number of the city's stream.

    `number` is None where the city's stream had not been met.
    """

    after: int
    number: int | None


@dataclass(frozen=True, slots=True)
class Departure:
    """A city's `departed` entry at `index`, its text and what it says, and how far peers were fetched for the city."""

    index: int
    line: str
    node: str
    last: int
    positions: Mapping[str, Position]

    @property
    def size(self) -> int:
        """The log's size with that entry."""
        return self.index + 1


@dataclass(frozen=True, slots=True)
class Coming:
    """A city's `hosted` entry at `index`, its text, and which node's log at which size was handed over."""

    index: int
    via: str
    via_size: int
    line: str


@dataclass(frozen=True, slots=True)
class Stay:
    """A time for which a city was hosted here; its stream is this log's from the index `begins` on."""

    begins: int = 0
    coming: Coming | None = None
    departure: Departure | None = None

    @property
    def ends(self) -> int | None:
        """The index before which the stay's stream ends; None while it lasts."""
        return None if self.departure is None else self.departure.index


@dataclass(frozen=True, slots=True)
class Moves:
    """The stays of each city that ever departed or came."""

    stays: Mapping[str, tuple[Stay, ...]] = field(default_factory=dict)

    def departure(self, city: str) -> Departure | None:
        """Where a city has gone that is not here any more."""
        held = self.stays.get(city)
        return held[-1].departure if held else None

    def coming(self, city: str) -> Coming | None:
        """How a city came that is here now."""
        held = self.stays.get(city)
        return held[-1].coming if held and held[-1].departure is None else None

    def is_here(self, city: str) -> bool:
        """Whether a city has come here and not departed. Of one that did neither, the trust list alone says it."""
        held = self.stays.get(city)
        return held is not None and held[-1].departure is None

    def departed(self, city: str, departure: Departure) -> Moves:
        """With the end of a city's stay."""
        held = self.stays.get(city) or (Stay(),)
        return Moves({**self.stays, city: (*held[:-1], replace(held[-1], departure=departure))})

    def came(self, city: str, begins: int, coming: Coming) -> Moves:
        """With the beginning of a city's stay."""
        return Moves({**self.stays, city: (*self.stays.get(city, ()), Stay(begins, coming))})

    def handed(self, city: str, coming: Coming) -> Moves:
        """With the hand-over of a city whose stay began without one."""
        held = self.stays[city]
        return Moves({**self.stays, city: (*held[:-1], replace(held[-1], coming=coming))})

    def encode(self) -> str:
        """As the log's head keeps it."""
        members = {city: [_members(stay) for stay in stays] for city, stays in sorted(self.stays.items())}
        return orjson.dumps(members).decode()


@lru_cache(maxsize=8)
def read_moves(text: str) -> Moves:
    """The inverse of `Moves.encode`."""
    return Moves({city: tuple(map(_stay, stays)) for city, stays in orjson.loads(text).items()})


def _members(stay: Stay) -> dict[str, Any]:
    coming, departure = stay.coming, stay.departure
    return {
        "begins": stay.begins,
        "coming": None
        if coming is None
        else {
            "index": coming.index,
            "via": coming.via,
            "via_size": coming.via_size,
            "line": coming.line,
        },
        "departure": None
        if departure is None
        else {
            "index": departure.index,
            "line": departure.line,
            "node": departure.node,
            "last": departure.last,
            "positions": {
                peer: [position.after, position.number] for peer, position in departure.positions.items()
            },
        },
    }


def _stay(members: Mapping[str, Any]) -> Stay:
    coming, departure = members["coming"], members["departure"]
    return Stay(
        members["begins"],
        None if coming is None else Coming(**coming),
        None
        if departure is None
        else Departure(
            departure["index"],
            departure["line"],
            departure["node"],
            departure["last"],
            {peer: Position(*position) for peer, position in departure["positions"].items()},
        ),
    )
