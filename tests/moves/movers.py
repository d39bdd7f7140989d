"""A city on the move between nodes of a federation: trust lists that say so, hand-overs, and its own system's view."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neighbours import Federation, Link, Member, look_for_trust
from partner import change_trust

from hub.arrival import Arrival
from hub.client import Client
from hub.cursor import Passing
from hub.federation.bundles.incoming import sort_out
from hub.federation.moving.arriving import Arriving, Came
from hub.federation.moving.departing import Departing, HandedOver
from keys import trust_edits
from keys.files import read_signing
from keys.trust_documents import Documents


def have_moved(nodes: Federation, city: str, to: Member, told: Iterable[Member] | None = None) -> None:
    """A trust list comes into force by which a city is hosted by another node; `told` have it, or all."""

    def change(trust_list: dict[str, Any], agreements: dict[str, Any]) -> None:
        trust_edits.move_city(Documents(trust_list, agreements, {}), city, to.name)

    for member in nodes:
        member.world.node.trust._looked = float("inf")
    change_trust(nodes.folder, change)
    look_for_trust(*(nodes if told is None else told))


def hand_over(old: Member, city: str, folder: Path) -> HandedOver:
    return Departing(old.world.node, city).write(folder, str(uuid.uuid4()))


def receive(new: Member, paths: Sequence[Path]) -> Came:
    """Take a hand-over in; what is wrong with it is raised."""
    found = sort_out(paths, new.world.node)
    for _path, problem in found.refused:
        raise problem
    (volumes,) = found.bundles
    return Arriving(new.world.node, new.neighbourhood()).take(volumes)


def begin_without(new: Member, city: str) -> Came:
    return Arriving(new.world.node, new.neighbourhood()).begin_without(city)


def carry(nodes: Federation, city: str, old: Member, new: Member) -> Came:
    """The whole move, with nothing in between."""
    have_moved(nodes, city, new)
    folder = nodes.folder / f"carried-{uuid.uuid4()}"
    return receive(new, hand_over(old, city, folder).paths)


def sync(nodes: Federation) -> None:
    """Two rounds of each node with each other one: then all is where it belongs."""
    for _ in range(2):
        for member in nodes:
            for other in nodes:
                if other is not member:
                    member.round(other)


@dataclass
class System:
    """A city's own system, which fetches from whichever node it is told to; it keeps a place for each."""

    nodes: Federation
    city: str
    places: dict[str, Passing] = field(default_factory=dict)
    arrived: list[Arrival] = field(default_factory=list)

    def client(self, member: Member) -> Client:
        path = next(each["key"] for each in self.nodes.lab.systems if each["city"] == self.city)
        trust = member.world.node.trust()
        client = Client(trust, member.name, read_signing(Path(path), None), clock=self.nodes.clock, tries=1)
        client._session.mount(trust.nodes[member.name].url, Link(member.world))
        return client

    def all(self, member: Member) -> list[Arrival]:
        """What is new at a node, verified."""
        client = self.client(member)
        try:
            return list(client.pull(self.places.setdefault(member.name, Passing())))
        finally:
            client.close()

    def fetch(self, member: Member) -> list[str]:
        """The same; nothing may have been left out before any of it."""
        found = self.all(member)
        left_out = {each.index: each.skipped for each in found if each.skipped}
        assert not left_out, (
            self.city,
            member.name,
            left_out,
            member.store.head().moves.stays.get(self.city),
        )
        self.arrived += found
        return [each.jws for each in found]

    @property
    def records(self) -> list[str]:
        """All that ever arrived, in order."""
        return [each.jws for each in self.arrived]
