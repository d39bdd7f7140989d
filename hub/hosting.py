"""Which cities a node hosts now: by the trust list, and by what has departed from its log and come to it.

1. The trust list says where a city is hosted, and where it was hosted before.
2. A city that moves here is awaited until its hand-over has come: nothing is taken of it, and nothing of peers is
   numbered for it.
3. A city that moves away is let go by an entry of this log. Until then its stream goes on to be served here; from then
   on it is what stands before that entry.
4. To another node, only that part of a city's stream is given that this log numbered while the city was not here: what
   it numbered while the city was here goes with the city.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from hub.errors import Code, Problem
from hub.store import Selection
from hub.store.moves import Coming, Moves
from keys.trust_list import Trust

AWAITED_SECONDS: Final = 60
"""How long whoever asks something of an awaited city is told to wait."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A node, as a trust list has it; `with_moves` says what it hosts."""

    node: str
    trust: Trust

    def with_moves(self, moves: Moves) -> Hosting:
        return Hosting(self.node, self.trust, moves)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the log that is given to somebody; of a city's stay, with how the city had come."""

    selection: Selection
    coming: Coming | None = None


@dataclass(frozen=True, slots=True)
class Hosting:
    """What the node of this name hosts."""

    node: str
    trust: Trust
    moves: Moves

    @property
    def taking(self) -> frozenset[str]:
        """The cities for which records of peers are taken."""
        hosted = self.trust.hosted_by(self.node)
        return frozenset(city for city in hosted if not self.awaits(city) and not self.moves.departure(city))

    def taking_from(self, peer: str) -> frozenset[str]:
        """Those of them for which records of this peer are: of a city that began here with nothing handed over, its old
        node still has what it numbered for it.
        """
        comings = ((city, self.moves.coming(city)) for city in self.taking)
        return frozenset(
            city for city, coming in comings if coming is None or coming.via_size > 0 or coming.via != peer
        )

    def begins_late(self, city: str) -> bool:
        """Whether the city began here with nothing handed over, so that its hand-over can still come."""
        coming = self.moves.coming(city)
        return coming is not None and not coming.via_size

    @property
    def concerned(self) -> frozenset[str]:
        """Those that are hosted, awaited, or were hosted before."""
        return self.trust.vouched_by(self.node)

    def awaits(self, city: str) -> bool:
        """Whether the city is to be hosted here, and its hand-over has not come."""
        listed = self.trust.cities.get(city)
        return (
            listed is not None
            and listed.node == self.node
            and bool(listed.hosted_before)
            and not self.moves.is_here(city)
        )

    def lets_go(self, city: str) -> bool:
        """Whether the city is hosted elsewhere by now, and has not departed from this log yet."""
        return city in self.trust.left(self.node) and self.moves.departure(city) is None

    def check_push(self, city: str) -> None:
        """Refuse what is pushed for a city that is not here. Raises: Problem `not-allowed`, `busy`."""
        if self.awaits(city):
            raise Problem(
                Code.BUSY,
                "the city moves to this node, and the hand-over of its old one has not come yet",
                retry_after=AWAITED_SECONDS,
            )
        departure = self.moves.departure(city)
        if departure is not None:
            raise Problem(Code.NOT_ALLOWED, f"the city has moved to {departure.node}: push there")

    def for_city(self, selection: Selection, city: str) -> list[Part]:
        """What a city's systems are given, stay after stay. Raises: Problem `busy` for a city that is awaited."""
        if self.awaits(city):
            raise Problem(
                Code.BUSY,
                "the city moves to this node, and the hand-over has not come yet: its old node has its stream so far",
                retry_after=AWAITED_SECONDS,
            )
        stays = self.moves.stays.get(city)
        if not stays:
            return [Part(selection)]
        parts = [
            Part(replace(selection, since={city: stay.begins}, before=stay.ends), stay.coming)
            for stay in stays
            if stay.ends is None or stay.ends > selection.after + 1
        ]
        return parts or [Part(replace(selection, before=0))]

    def for_node(self, selection: Selection, cities: Collection[str]) -> Selection:
        """What another node is given for the cities that it hosts."""
        given = frozenset(city for city in cities if not self.lets_go(city) and not self.moves.is_here(city))
        departures = ((city, self.moves.departure(city)) for city in given)
        since = {city: departure.size for city, departure in departures if departure is not None}
        return replace(selection, cities=given, emptied=True, own=True, since=since)
