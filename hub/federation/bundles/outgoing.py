"""A bundle for a peer: what a round of its would fetch, written down (wire contract, section 6, carried bundles).

1. It begins where the peer said that it has got to, in the newest bundle of its that came here; at the beginning where
   none did, or where everything is asked for. What was not confirmed goes again, so that a lost disc does no harm.
2. The checkpoint that the log has at the beginning, and all records up to its size that this node accepted for the
   peer's cities, a page a part, as `GET /v1/records` gives them: whoever takes the bundle in lacks nothing of what it
   covers. What is pushed meanwhile is in the next one. Each page is entered into the log as served, as at a pull,
   behind that checkpoint. Where a record is erased meanwhile, a later one is taken, with the records up to that.
3. Then the hashes that the peer needs to hold it against what it knows: all levels but the lowest whole, and of the
   lowest those from the first that it lacks.
4. What this node has of the peer's log goes along: how far, and its witness's cosignature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation.bundles.manifest import Endorsement, Manifest, Place
from hub.federation.bundles.spool import DVD_BYTES, Spool
from hub.federation.bundles.volume import pack
from hub.handover import Reader, note_served
from hub.hosting import Hosting
from hub.log.checkpoint import Checkpoint, submission
from hub.log.note import split_note
from hub.node import Node
from hub.store import Item, Job, Selection, Transaction
from hub.store.moves import Moves
from keys.trust_list import Node as Listed
from keys.trust_list import Trust
from schemas.limits import PAGE_RECORDS, TILE_HEIGHT, TILE_WIDTH

PURPOSE: Final = "sync"
RUN_TILES: Final = 256
"""Full tiles of one part: 65,536 hashes, 2 MiB."""

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the bundle, where its volumes are, and how many records it holds."""

    manifest: Manifest
    size: int
    paths: list[Path]
    records: int


class Outgoing:
    """Bundles of `node` for the node named `peer`.

    Raises: Problem `not-found` for one that the trust list has not, `busy` once that has expired.
    """

    def __init__(self, node: Node, peer: str) -> None:
        trust = node.trust()
        if peer not in trust.nodes or peer == node.config.name:
            raise Problem(Code.NOT_FOUND, f"the trust list has no peer named {peer}")
        self._node = node
        self._peer = trust.nodes[peer]
        self._trust: Trust = trust

    def export(
        self,
        folder: Path,
        bundle: str,
        *,
        size: int = DVD_BYTES,
        everything: bool = False,
        page: int = PAGE_RECORDS,
        told: Told = lambda _done, _size: None,
    ) -> Exported:
        """Write a bundle under the id `bundle` (a UUID) into a folder, in volumes of at most `size` bytes.

        A part holds at most `page` records. Told how far in the log it has got. Raises: Problem `not-allowed` where
        volumes cannot be written, `busy` where the database cannot be used, `unknown-key` where the peer has no key
        that is valid now.
        """
        now = self._node.clock()
        while self._node.exchange.forget(now):
            pass
        since = Place() if everything else self._confirmed()
        reader = reader_of(self._peer, bundle, self._trust.hosted_by(self._peer.name), now)
        moves = self._node.store.head().moves
        with Spool(folder, size) as spool:
            records, first, last = 0, since.size, since.after
            covered = False
            while not covered:
                note = self._node.exchange.checkpoint()
                checkpoint, covered = Checkpoint.parse(split_note(note)[0]), True
                asked = Selection(frozenset(), limit=page, before=checkpoint.size)
                for items in self._pages(last, asked, reader, moves, now):
                    spool.add(
                        f"items/{items[0].index}", pack(orjson.dumps([_members(item) for item in items]))
                    )
                    self._note_served(items, reader, moves, now)
                    first, last = min(first, items[0].index), items[-1].index
                    records += sum(item.jws is not None for item in items)
                    covered &= all(_erased_before(item, checkpoint.size) for item in items)
                    told(last + 1, checkpoint.size)
            for name, hashes in hashes_of(self._node, checkpoint.size, min(first, checkpoint.size)):
                spool.add(name, hashes)
            told(checkpoint.size, checkpoint.size)
            manifest = Manifest(
                purpose=PURPOSE,
                bundle=bundle,
                sender=self._node.config.name,
                recipient=self._peer.name,
                made_at=rfc3339(now),
                checkpoint=note,
                since=since,
                until=last,
                known=self._known(),
                cosignatures=self._endorsements(now),
            )
            paths = spool.finish(manifest, self._node.key)
        return Exported(manifest, checkpoint.size, paths, records)

    # -- inside --------------------------------------------------------------------------------------

    def _confirmed(self) -> Place:
        """Rule 1. What was confirmed of a log that went back since is not of this one."""
        told = self._node.store.ask(lambda neighbours: neighbours.told(self._peer.name))
        size = self._node.store.head().size
        if told is None or told.size > size or told.after >= size:
            return Place()
        return Place(told.size, told.after)

    def _pages(
        self, after: int, asked: Selection, reader: Reader, moves: Moves, now: datetime
    ) -> Iterator[list[Item]]:
        """Rule 2; a log that grows must not keep a bundle from its end."""
        hosting = Hosting(self._node.config.name, self._trust, moves)
        wanted = hosting.for_node(asked, reader.cities)
        while wanted.cities:
            page = self._node.store.page(replace(wanted, after=after), rfc3339(now))
            if page.items:
                yield page.items
                after = page.items[-1].index
            elif page.due:
                said = "the next record is about to be erased, or its bytes are being fetched anew"
                raise Problem(Code.BUSY, said)
            if not page.more:
                return

    def _note_served(self, items: Sequence[Item], reader: Reader, moves: Moves, now: datetime) -> None:
        served = [item.index for item in items if item.jws is not None]

        def note(transaction: Transaction) -> None:
            if transaction.moves != moves:
                raise Problem(Code.BUSY, "a city has just moved: export again")
            note_served(transaction, reader, served, now)

        self._node.store.write(Job(note))

    def _known(self) -> Place:
        """Rule 4."""
        state = self._node.store.ask(lambda neighbours: neighbours.peer(self._peer.name))
        return Place(state.frontier.size, state.after)

    def _endorsements(self, now: datetime) -> tuple[Endorsement, ...]:
        """Rule 4; the witness gives the line anew, by the rules by which it gives any."""
        seen = self._node.store.ask(lambda neighbours: neighbours.witnessed(self._peer.name))
        if seen is None:
            return ()
        with suppress(Problem):
            answer = self._node.witness.add_checkpoint(submission(seen.size, (), seen.checkpoint), now)
            if answer.status == 200:
                return (Endorsement(seen.checkpoint, answer.text),)
        return ()


def hashes_of(node: Node, size: int, start: int) -> Iterator[tuple[str, bytes]]:
    """Rule 3: the parts that hold them, for a log of `size` entries, and the name of each."""
    level, count, begin = 0, size, start - start % TILE_WIDTH
    while count:
        for first in range(begin, count, RUN_TILES * TILE_WIDTH):
            end = min(count, first + RUN_TILES * TILE_WIDTH)
            tiles = (
                node.exchange.tile(level, at // TILE_WIDTH, min(TILE_WIDTH, end - at))
                for at in range(first, end, TILE_WIDTH)
            )
            yield f"hashes/{level}/{first}", b"".join(tiles)
        level, count, begin = level + 1, count >> TILE_HEIGHT, 0


def reader_of(peer: Listed, bundle: str, cities: frozenset[str], now: datetime) -> Reader:
    """Who is handed the records of a bundle: the peer's key, with the bundle's id in a request's place.

    Raises: Problem `unknown-key`.
    """
    return Reader(_kid(peer, now), hashlib.sha256(bundle.encode("ascii")).hexdigest(), cities)


def _kid(peer: Listed, now: datetime) -> str:
    """The key that the peer would ask with: of those valid now the newest."""
    valid = [key for key in peer.keys if key.use == "node" and key.valid_at(now, now)]
    if not valid:
        raise Problem(Code.UNKNOWN_KEY, f"{peer.name} has no key in the trust list that is valid now")
    return max(valid, key=lambda key: (key.not_before, key.kid)).kid


def _erased_before(item: Item, size: int) -> bool:
    """Whether what a log of a size says of an item is all that is to be said of it."""
    return item.erased is None or item.erased[0] < size


def _members(item: Item) -> dict[str, Any]:
    """An item as `GET /v1/records` gives it."""
    members: dict[str, Any] = {"index": item.index, "entry": item.entry, "record": item.jws}
    if item.erased is not None:
        at, line = item.erased
        members["erased"] = {"index": at, "entry": line}
    return members
