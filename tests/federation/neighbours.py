"""Nodes that exchange with each other in one process: what lies between them counts, breaks, and can be made to lie.

A lying node lies with its own keys. It has three ways to: what it answers is changed on its way and signed anew
(`Link.lie`), its log is filled with what no honest node would enter (`plant`), or it keeps two logs (`Town.twin`).
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests
import wire
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, Clock, World, members_of, new_id
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from hub.client import Client
from hub.clock import rfc3339, utc_now
from hub.config import read_config
from hub.errors import Problem
from hub.federation.neighbourhood import Neighbourhood
from hub.federation.round import RoundReport
from hub.lab.building import Lab, build
from hub.log import entry as entries
from hub.log.entry import Received
from hub.node import Node
from hub.store import Job, Store, Transaction
from hub.store.neighbours import Accusation, PeerState
from hub.store.transaction import Arrival
from hub.web.application import create_application
from keys import message_signature
from keys.trust_list import Trust

YANAN = "610600"
CITIES = (YULIN, ORDOS, XINZHOU, WUZHONG, YANAN)
"""Of three nodes: the first hosts Yulin and Wuzhong, the second Ordos and Yan'an, the third Xinzhou."""


@dataclass
class Reply:
    """An answer on its way."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Lie = Callable[[Reply], None]


class Link(BaseAdapter):
    """The way of one node's requests to a peer."""

    def __init__(self, peer: World) -> None:
        super().__init__()
        self.peer = peer
        self.asked: list[str] = []
        self.bytes = 0
        self.cut = False
        self._lies: list[tuple[str, Lie, bool]] = []

    def lie(self, path: str, change: Lie, *, signed: bool = True) -> None:
        """Change every answer under a path; `signed` is whether the peer signs its lie."""
        self._lies.append((path, change, signed))

    def lie_in_page(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change every page of records."""

        def rewrite(reply: Reply) -> None:
            page = reply.json
            change(page)
            reply.body = wire.compact(page)

        self.lie("/v1/records?", rewrite)

    def lie_in_items(self, change: Callable[[list[Any]], None]) -> None:
        """Change the items of every page of records."""
        self.lie_in_page(lambda page: change(page["items"]))

    def tell_the_truth(self) -> None:
        self._lies.clear()

    def forget(self) -> None:
        """Count from nothing."""
        self.asked.clear()
        self.bytes = 0

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        target = request.url.removeprefix(self.peer.described.url)
        if self.cut:
            raise requests.ConnectionError("the link is cut")
        self.asked.append(target)
        fields = dict(request.headers)
        if self._lies:
            fields.pop("Accept-Encoding", None)
        answer = self.peer.send(request.method, target, request.body, fields)
        reply = Reply(answer.status, dict(answer.headers), answer.body)
        for path, change, signed in self._lies:
            if target.startswith(path):
                change(reply)
                if signed:
                    node = self.peer.node
                    signature = message_signature.sign_response(
                        reply.status, reply.body, fields, node.key, now=node.clock()
                    )
                    reply.headers.update(signature)
                reply.headers["Content-Length"] = str(len(reply.body))
        self.bytes += sum(map(_length, (target, fields, reply.headers))) + len(reply.body)
        return _response(request, reply)

    def close(self) -> None:
        """There is nothing to let go of."""


def _length(said: str | Mapping[str, str]) -> int:
    if isinstance(said, str):
        return len(f"GET {said} HTTP/1.1\r\n")
    return sum(len(f"{name}: {value}\r\n") for name, value in said.items())


def _response(request: Any, reply: Reply) -> requests.Response:
    response = requests.Response()
    response.status_code = reply.status
    response.headers = CaseInsensitiveDict(reply.headers)
    response.raw = HTTPResponse(io.BytesIO(reply.body), reply.headers, reply.status, preload_content=False)
    response.request, response.url = request, request.url
    return response


@dataclass
class Member:
    """A node, those who talk to it, and what it has of its peers."""

    world: World
    links: dict[str, Link] = field(default_factory=dict)
    neighbourhoods: list[Neighbourhood] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.world.node.config.name

    @property
    def store(self) -> Store:
        return self.world.node.store

    def neighbourhood(self, holder: str = "this one") -> Neighbourhood:
        """The node's peers as another process of it has them."""
        for made in self.neighbourhoods:
            if made._holder == holder:
                return made
        self.neighbourhoods.append(Neighbourhood(self.world.node, holder, self._connect))
        return self.neighbourhoods[-1]

    def _connect(self, trust: Trust, name: str) -> Client:
        client = Client(trust, name, self.world.node.key, clock=self.world.clock, tries=1)
        client._session.mount(trust.nodes[name].url, self.links[name])
        return client

    def round(self, peer: Member, holder: str = "this one") -> RoundReport:
        return self.neighbourhood(holder).round(peer.name)

    def lane(self, peer: Member, wait: int = 0) -> int:
        return self.neighbourhood().lane(peer.name, wait)

    def refusal(self, peer: Member) -> Problem:
        """What a round with a peer ends in that must not come to its end."""
        try:
            report = self.round(peer)
        except Problem as problem:
            return problem
        raise AssertionError(f"the round came to its end: {report}")

    def link(self, peer: Member) -> Link:
        return self.links[peer.name]

    def state(self, peer: Member) -> PeerState:
        return self.store.ask(lambda neighbours: neighbours.peer(peer.name))

    def accusations(self, peer: Member) -> list[Accusation]:
        return self.store.ask(lambda neighbours: neighbours.accusations(peer.name))

    def received(self) -> list[Received]:
        return self.world.entries(Received)

    def records(self, city: str) -> list[str]:
        """What a hosted city's own pull brings, page after page; every signature is checked."""
        partner, found, after = self.world.partner(city), list[str](), -1
        while True:
            page = partner.pull(f"?after={after}")
            found += [item["record"] for item in page["items"]]
            after = page["next"]
            if not page["more"]:
                return found

    def close(self) -> None:
        for made in self.neighbourhoods:
            made.close()
        self.world.node.close()


@dataclass
class Federation:
    """Nodes, each linked with every other one, under one clock."""

    folder: Path
    lab: Lab
    clock: Clock
    members: list[Member]
    twins: list[Node] = field(default_factory=list)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def twin(self, member: Member) -> World:
        """A copy of a node as it is now, with the same keys: from here on it can have another history."""
        config = member.world.node.config
        home = self.folder / f"twin-{len(self.twins)}"
        home.mkdir()
        original = sqlite3.connect(self.folder / "nodes" / member.name / "hub.db")
        copy = sqlite3.connect(home / "hub.db")
        original.backup(copy)
        copy.close()
        original.close()
        node = Node(replace(config, database=f"sqlite:///{home / 'hub.db'}", state=home), self.clock)
        self.twins.append(node)
        return World(self.folder, self.lab, self.clock, node, create_application(node))

    def close(self) -> None:
        for member in self.members:
            member.close()
        for node in self.twins:
            node.close()


def build_lab(folder: Path, nodes: int = 3) -> Lab:
    """A lab whose nodes have their tables."""
    lab = build(folder, CITIES, nodes, None, utc_now())
    for each in lab.nodes:
        Node(read_config(folder / "nodes" / each.name / "hub.toml")).close()
    return lab


@contextmanager
def federation(
    template: Path, lab: Lab, folder: Path, databases: Mapping[int, str] | None = None
) -> Iterator[Federation]:
    """The nodes of a lab that was built once, copied; `databases` are those of other engines, by place."""
    shutil.copytree(template, folder)
    clock, members = Clock(), list[Member]()
    for place, each in enumerate(lab.nodes):
        config = read_config(folder / "nodes" / each.name / "hub.toml")
        config = replace(config, database=(databases or {}).get(place, config.database))
        node = Node(config, clock)
        node.note_trust()
        members.append(Member(World(folder, lab, clock, node, create_application(node))))
    for member in members:
        member.links = {other.name: Link(other.world) for other in members if other is not member}
    opened = Federation(folder, lab, clock, members)
    try:
        yield opened
    finally:
        opened.close()


def plant(
    liar: World,
    jws: str,
    line: Callable[..., bytes] = entries.accepted,
    *,
    given: Sequence[str] = (),
    **said: Any,
) -> int:
    """Enter a record into a log without a look at it, and hand it to `given` cities; what is `said` of it may differ.

    The liar keeps it under an id of its own, so that it can have two of one id.
    """
    held, kept = members_of(jws), new_id()
    members = {
        "at": rfc3339(liar.clock()),
        "id": held["id"],
        "revision": held["revision"],
        "digest": wire.digest(jws),
        "kind": held["kind"],
        "sender": held["from"],
        "marking": held["marking"],
    }

    def apply(transaction: Transaction) -> int:
        numbers = transaction.next_numbers(held["to"])
        index = transaction.append(line(**{**members, "to": numbers, **said}))
        arrival = Arrival(kept, 1, wire.digest(jws), held["kind"], held["from"], "amber", None, jws)
        transaction.store(arrival, index, dict.fromkeys(given, 10_000) or numbers)
        return index

    return liar.node.store.write(Job(apply, None, [kept])).result


def look_for_trust(*members: Member) -> None:
    """Have nodes look for a newer trust repository now, as they do by themselves every other second."""
    for member in members:
        member.world.node.trust._looked = float("-inf")
        member.world.node.trust()
