"""A city is let go, and its hand-over written for the node that hosts it from now on.

1. The trust list in force says that another node hosts the city, and that this one did last.
2. One transaction makes the `departed` entry, which names the last number of the city's stream, and remembers how far
   each peer was fetched for it. From there on nothing is taken of the city, and nothing of peers for it.
3. The hand-over holds every record here that the city sent or received before, and the old log's hashes, which prove
   it. That it was handed to the other node is entered into the log, as at a pull.
4. Asked again, the same is written again, and nobody departs twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation.bundles.manifest import Manifest
from hub.federation.bundles.outgoing import hashes_of, reader_of
from hub.federation.bundles.spool import DVD_BYTES, Spool
from hub.federation.bundles.volume import pack
from hub.federation.moving.statement import Statement
from hub.handover import note_served
from hub.hosting import Hosting
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint
from hub.log.note import split_note
from hub.node import Node
from hub.store import Job, Transaction
from hub.store.moves import Departure
from hub.store.moving import Taken
from keys.trust_list import Trust
from schemas.limits import PAGE_RECORDS, RECORD_BYTES

PURPOSE: Final = "move"
PART_BYTES: Final = 8 * 1024 * 1024
"""A part of records is ended when it grows past this."""
READ_AT_ONCE: Final = 200

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What was written of a city: where it stood, how many records, and where the volumes are."""

    departure: Departure
    manifest: Manifest
    records: int
    paths: list[Path]


class Departing:
    """Lets `city` go from `node`."""

    def __init__(self, node: Node, city: str) -> None:
        self._node = node
        self._city = city

    def depart(self) -> Departure:
        """Rules 1 and 2; what was remembered, where that was done before.

        Raises: Problem `not-found` for a city that the trust list has not, `not-allowed` where it says something else.
        """
        trust, now = self._node.trust(), self._node.clock()
        if self._city not in trust.cities:
            raise Problem(Code.NOT_FOUND, f"the trust list has no city {self._city}")

        def apply(transaction: Transaction) -> Departure:
            held = transaction.moves.departure(self._city)
            if held is not None:
                return held
            self._check(trust, transaction)
            return self._let_go(trust, transaction, now)

        return self._node.store.write(Job(apply)).result

    def write(
        self, folder: Path, bundle: str, *, size: int = DVD_BYTES, told: Told = lambda _done, _size: None
    ) -> HandedOver:
        """Rules 3 and 4: write the hand-over under the id `bundle` (a UUID), in volumes of at most `size` bytes.

        Told how far in the log it has got. Raises: Problem as `depart`; `not-allowed` where volumes cannot be written,
        `unknown-key` where the new node has no valid key, `busy` while bytes of records are missing.
        """
        departure, now, trust = self.depart(), self._node.clock(), self._node.trust()
        peer = trust.nodes.get(departure.node)
        if peer is None:
            raise Problem(Code.NOT_FOUND, f"the trust list has no node named {departure.node} any more")
        while self._node.exchange.forget(now):
            pass
        reader = reader_of(peer, bundle, frozenset(), now)
        count = 0
        with Spool(folder, size) as spool:
            for items in self._parts(departure, trust):
                indexes = [item.index for item in items]
                spool.add(f"items/{indexes[0]}", pack(orjson.dumps([_members(item) for item in items])))
                served = [item.index for item in items if item.jws is not None]
                self._node.store.write(
                    Job(lambda transaction, part=served: note_served(transaction, reader, part, now))  # type: ignore[misc]
                )
                count += len(items)
                told(indexes[-1], departure.size)
            note = self._node.exchange.checkpoint()
            for name, hashes in hashes_of(self._node, Checkpoint.parse(split_note(note)[0]).size, 0):
                spool.add(name, hashes)
            told(departure.size, departure.size)
            manifest = Manifest(
                purpose=PURPOSE,
                bundle=bundle,
                sender=self._node.config.name,
                recipient=departure.node,
                made_at=rfc3339(now),
                checkpoint=note,
                until=departure.index,
                statement=self._statement(departure).encode(),
            )
            paths = spool.finish(manifest, self._node.key)
        return HandedOver(departure, manifest, count, paths)

    # -- inside --------------------------------------------------------------------------------------

    def _check(self, trust: Trust, transaction: Transaction) -> None:
        """Rule 1."""
        listed, mine = trust.cities[self._city], self._node.config.name
        if listed.node == mine:
            raise Problem(
                Code.NOT_ALLOWED, "the trust list in force has the city hosted here: it is changed first"
            )
        if not Hosting(mine, trust, transaction.moves).lets_go(self._city):
            raise Problem(Code.NOT_ALLOWED, "the trust list does not say that this node hosted the city")
        if listed.hosted_before[-1] != mine:
            raise Problem(
                Code.NOT_ALLOWED, f"{listed.hosted_before[-1]} hosted the city last: its hand-over counts"
            )
        if len(listed.hosted_before) > 1 and not transaction.moves.is_here(self._city):
            raise Problem(Code.NOT_ALLOWED, "the city never came here: there is nothing to hand over")

    def _let_go(self, trust: Trust, transaction: Transaction, now: datetime) -> Departure:
        """Rule 2."""
        node, last = trust.cities[self._city].node, transaction.last_number(self._city)
        positions = {state.name: state.position(self._city) for state in transaction.neighbours.all_peers()}
        line = entries.departed(at=rfc3339(now), city=self._city, node=node, last=last)
        departure = Departure(transaction.append(line), line.decode(), node, last, positions)
        transaction.depart(self._city, departure)
        return departure

    def _statement(self, departure: Departure) -> Statement:
        return Statement(
            self._city,
            self._node.config.name,
            departure.node,
            departure.line,
            departure.size,
            departure.last,
            departure.positions,
        )

    def _parts(self, departure: Departure, trust: Trust) -> Iterator[list[Taken]]:
        """The records, a part at a time."""
        part: list[Taken] = []
        weight = 0
        for item in self._items(departure, trust):
            part.append(item)
            weight += len(item.entry) + len(item.jws or "")
            if len(part) == PAGE_RECORDS or weight > PART_BYTES - RECORD_BYTES:
                yield part
                part, weight = [], 0
        if part:
            yield part

    def _items(self, departure: Departure, trust: Trust) -> Iterator[Taken]:
        after = -1
        while True:
            found = self._node.store.ask_moving(
                lambda moving, after=after: moving.page(  # type: ignore[misc]
                    self._city, after, departure.index, recipients=trust.cities.keys(), limit=READ_AT_ONCE
                )
            )
            if any(item.missing for item in found):
                raise Problem(
                    Code.BUSY, "bytes of the city's records are missing: `hub recover` fetches them first"
                )
            yield from found
            if len(found) < READ_AT_ONCE:
                return
            after = found[-1].index


def _members(item: Taken) -> dict[str, Any]:
    """An item as `GET /v1/records` gives it to a node, with what only the old node knows."""
    members: dict[str, Any] = {
        "index": item.index,
        "entry": item.entry,
        "record": item.jws,
        "forget_at": item.forget_at,
        "fetched": dict(item.fetched),
    }
    if item.erased is not None:
        at, line = item.erased
        members["erased"] = {"index": at, "entry": line}
    return members
