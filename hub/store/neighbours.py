"""What a node keeps of other nodes: their logs as far as it has seen them, cosignatures, evidence, leases.

Bound to a connection: questions are asked of a reader's (`Store.ask`), changes are made in a transaction
(`Transaction.neighbours`), together with the records that they go with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, insert, select, update

from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint
from hub.log.tree import CompactRange
from hub.store.moves import Position
from hub.store.tables import carried, cosignatures, evidence, given_up, lanes, leases, peers, witnessed


@dataclass(frozen=True, slots=True)
class PeerState:
    """How far a peer's log is folded, and its records fetched.

    `frontier` is the compact range of the folded log and `checkpoint` the note that it was held against, empty at
    the beginning; `after` is the index of the last record that was fetched, and `numbers` the last number of each
    stream, `seen_at` the newest time that its entries named. `problem` says in words why the last `failures` rounds
    failed. `cut_at` is set while nothing is taken. `places` is the index at which each stream's last number stands, and
    `left_at` where a city was left that is hosted here no more.
    `refused` is the index of the record that the last round came to and did not take.
    """

    name: str
    frontier: CompactRange = field(default_factory=CompactRange)
    checkpoint: str = ""
    after: int = -1
    numbers: Mapping[str, int] = field(default_factory=dict)
    seen_at: str = ""
    done_at: str | None = None
    tried_at: str | None = None
    failures: int = 0
    problem: str | None = None
    cut_at: str | None = None
    left_at: Mapping[str, Position] = field(default_factory=dict)
    refused: int | None = None
    places: Mapping[str, int] = field(default_factory=dict)

    def position(self, city: str) -> Position:
        """How far the peer was fetched for a city: up to where its stream's last number stands, and all before."""
        if city in self.left_at:
            return self.left_at[city]
        number = self.numbers.get(city, 0 if self.after < 0 else None)
        return Position(self.places.get(city, -1 if number == 0 else self.after), number)


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The newest checkpoint of a log that this node cosigned; `compared` once it was held against the folded log."""

    size: int
    root: bytes
    checkpoint: str
    compared: bool = False


@dataclass(frozen=True, slots=True)
class Stated:
    """What one statement on a new epoch gave up: `checkpoints`, by size and root, of a history that parts at `size`.

    `leaf` stands there in the new history, as long as that is still to be shown.
    """

    size: int
    checkpoints: frozenset[tuple[int, bytes]]
    leaf: bytes | None

    @property
    def end(self) -> int:
        """The largest size that it gave up."""
        return max((size for size, _root in self.checkpoints), default=0)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """All that a log's statements gave up, oldest first: none of it is cosigned, evidence, or remembered."""

    stated: tuple[Stated, ...] = ()

    def names(self, checkpoint: Checkpoint) -> bool:
        """Whether a statement gave up this very checkpoint."""
        return any((checkpoint.size, checkpoint.root) in each.checkpoints for each in self.stated)

    def parting(self, size: int) -> int | None:
        """Where the histories part that both came to `size`, of which one was given up; None for any other size.

        A checkpoint of such a size that is not of the new history is taken for one of the old, though none names it.
        """
        return max((each.size for each in self.stated if each.size < size <= each.end), default=None)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness's line under one of this node's checkpoints."""

    witness: str
    size: int
    checkpoint: str
    line: str
    at: str


@dataclass(frozen=True, slots=True)
class Accusation:
    """Evidence against a log, as it is kept: `document` is what `hub evidence show` writes out."""

    number: int
    origin: str
    kind: str
    document: str
    at: str
    index: int


@dataclass(frozen=True, slots=True)
class Told:
    """How far a peer has this node's log, as its newest bundle, made `at`, said: its size, and the last record."""

    size: int
    after: int
    at: str


class Neighbours:
    """The tables of other nodes, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- peers ---------------------------------------------------------------------------------------

    def peer(self, name: str) -> PeerState:
        """A peer's state; a new one's is at the beginning of its log."""
        row = self._connection.execute(select(peers).where(peers.c.name == name)).one_or_none()
        return PeerState(name) if row is None else _peer(row)

    def all_peers(self) -> list[PeerState]:
        """Every peer that was ever asked."""
        return [_peer(row) for row in self._connection.execute(select(peers).order_by(peers.c.name))]

    def put_peer(self, state: PeerState) -> None:
        """Remember a peer's state."""
        self._connection.execute(delete(peers).where(peers.c.name == state.name))
        self._connection.execute(
            insert(peers).values(
                name=state.name,
                frontier=state.frontier.to_bytes(),
                checkpoint=state.checkpoint,
                after=state.after,
                numbers=orjson.dumps(dict(state.numbers)).decode(),
                seen_at=state.seen_at,
                done_at=state.done_at,
                tried_at=state.tried_at,
                failures=state.failures,
                problem=state.problem,
                cut_at=state.cut_at,
                refused_idx=state.refused,
                places=orjson.dumps(dict(state.places)).decode(),
                left_at=_written(state.left_at),
            )
        )

    def expect(self, state: PeerState) -> None:
        """Make sure that a peer is still where `state`, which goes on from there, has it.

        Raises: Problem `not-allowed` where the peer was cut off since, `busy` where another has gone on with it.
        """
        held = self.peer(state.name)
        if held.cut_at is not None:
            raise Problem(Code.NOT_ALLOWED, f"{state.name} was cut off meanwhile")
        if (
            held.after != state.after
            or held.frontier.size > state.frontier.size
            or (held.numbers, held.left_at) != (state.numbers, state.left_at)
        ):
            raise Problem(Code.BUSY, f"another process has gone on with {state.name}", retry_after=5)

    def fail(self, name: str, said: str, at: str) -> int:
        """Remember a round that failed, and why; how many did in a row. What is said of one that is cut off stays."""
        held = self.peer(name)
        if held.cut_at is None:
            held = replace(held, failures=held.failures + 1, problem=said, tried_at=at)
            self.put_peer(held)
        return held.failures

    def lane(self, name: str) -> str | None:
        """The newest checkpoint under which an alert of a peer was taken ahead of its log."""
        return self._connection.execute(select(lanes.c.checkpoint).where(lanes.c.name == name)).scalar()

    def put_lane(self, name: str, checkpoint: str) -> None:
        """Remember such a checkpoint."""
        self._connection.execute(delete(lanes).where(lanes.c.name == name))
        self._connection.execute(insert(lanes).values(name=name, checkpoint=checkpoint))

    def drop_lane(self, name: str, checkpoint: str) -> None:
        """Forget such a checkpoint, where it still is the newest."""
        self._connection.execute(delete(lanes).where(lanes.c.name == name, lanes.c.checkpoint == checkpoint))

    def told(self, name: str) -> Told | None:
        """What a peer's newest bundle said of how far the peer has this node's log."""
        row = self._connection.execute(select(carried).where(carried.c.peer == name)).one_or_none()
        return None if row is None else Told(row.size, row.after, row.told_at)

    def put_told(self, name: str, told: Told) -> None:
        """Remember what a peer's bundle said."""
        self._connection.execute(delete(carried).where(carried.c.peer == name))
        self._connection.execute(
            insert(carried).values(peer=name, size=told.size, after=told.after, told_at=told.at)
        )

    # -- witnessing ----------------------------------------------------------------------------------

    def witnessed(self, origin: str) -> Witnessed | None:
        """What was cosigned of a log last."""
        row = self._connection.execute(select(witnessed).where(witnessed.c.origin == origin)).one_or_none()
        return None if row is None else Witnessed(row.size, bytes(row.root), row.checkpoint, row.compared)

    def put_witnessed(self, origin: str, seen: Witnessed) -> None:
        """Remember what is cosigned of a log; whoever asks again is held against it."""
        self._connection.execute(delete(witnessed).where(witnessed.c.origin == origin))
        self._connection.execute(
            insert(witnessed).values(
                origin=origin,
                size=seen.size,
                root=seen.root,
                checkpoint=seen.checkpoint,
                compared=seen.compared,
            )
        )

    def note_compared(self, origin: str, checkpoint: str) -> None:
        """Remember that what was cosigned was held against the folded log, where it still is the newest."""
        self._connection.execute(
            update(witnessed)
            .where(witnessed.c.origin == origin, witnessed.c.checkpoint == checkpoint)
            .values(compared=True)
        )

    def drop_witnessed(self, origin: str) -> None:
        """Forget what was cosigned of a log."""
        self._connection.execute(delete(witnessed).where(witnessed.c.origin == origin))

    def cosigned(self, size: int | None = None) -> list[Cosigned]:
        """Lines of witnesses under this node's checkpoints: of one size, or all, the newest first."""
        wanted = select(cosignatures).order_by(cosignatures.c.size.desc(), cosignatures.c.witness)
        if size is not None:
            wanted = wanted.where(cosignatures.c.size == size)
        return [
            Cosigned(row.witness, row.size, row.checkpoint, row.line, row.at)
            for row in self._connection.execute(wanted)
        ]

    def put_cosigned(self, cosigned: Cosigned) -> None:
        """Keep a witness's line; one that it gave for the same size before is replaced."""
        self._connection.execute(
            delete(cosignatures).where(
                cosignatures.c.witness == cosigned.witness, cosignatures.c.size == cosigned.size
            )
        )
        self._connection.execute(
            insert(cosignatures).values(
                witness=cosigned.witness,
                size=cosigned.size,
                checkpoint=cosigned.checkpoint,
                line=cosigned.line,
                at=cosigned.at,
            )
        )

    def drop_cosigned(self, below: int) -> None:
        """Forget lines under checkpoints smaller than `below`."""
        self._connection.execute(delete(cosignatures).where(cosignatures.c.size < below))

    # -- what was given up ---------------------------------------------------------------------------

    def given_up(self, origin: str) -> GivenUp:
        """What a log's statements gave up."""
        held = self._connection.execute(select(given_up.c.stated).where(given_up.c.origin == origin)).scalar()
        return GivenUp(tuple(map(_stated, orjson.loads(held or "[]"))))

    def give_up(self, origin: str, stated: Stated | None) -> None:
        """Remember one more statement, if there is one; the log has to show no place of an older one any more."""
        before = [replace(each, leaf=None) for each in self.given_up(origin).stated]
        kept = [each for each in before if stated is None or each != replace(stated, leaf=None)]
        kept += [] if stated is None else [stated]
        self._connection.execute(delete(given_up).where(given_up.c.origin == origin))
        members = [
            {
                "size": each.size,
                "checkpoints": [[size, root.hex()] for size, root in sorted(each.checkpoints)],
                "leaf": None if each.leaf is None else each.leaf.hex(),
            }
            for each in kept
        ]
        if members:
            written = orjson.dumps(members).decode()
            self._connection.execute(insert(given_up).values(origin=origin, stated=written))

    # -- evidence ------------------------------------------------------------------------------------

    def accuse(self, origin: str, kind: str, document: str, at: str, index: int) -> None:
        """Keep evidence against a log."""
        self._connection.execute(
            insert(evidence).values(origin=origin, kind=kind, document=document, at=at, idx=index)
        )

    def accusations(self, origin: str | None = None) -> list[Accusation]:
        """Evidence that is kept, oldest first."""
        wanted = select(evidence).order_by(evidence.c.number)
        if origin is not None:
            wanted = wanted.where(evidence.c.origin == origin)
        return [
            Accusation(row.number, row.origin, row.kind, row.document, row.at, row.idx)
            for row in self._connection.execute(wanted)
        ]

    def cut(self, name: str, at: str, why: str) -> None:
        """Take nothing from a peer from now on."""
        self.put_peer(replace(self.peer(name), cut_at=at, problem=why, tried_at=at))

    # -- leases --------------------------------------------------------------------------------------

    def lease(
        self,
        name: str,
        holder: str,
        at: str,
        until: str,
        is_gone: Callable[[str], bool] = lambda _holder: False,
    ) -> bool:
        """Take or prolong a lease; False where another holds it at `at` who is not known to be gone."""
        row = self._connection.execute(
            select(leases).where(leases.c.name == name).with_for_update()
        ).one_or_none()
        if row is not None and row.holder != holder and row.until > at and not is_gone(row.holder):
            return False
        self._connection.execute(delete(leases).where(leases.c.name == name))
        self._connection.execute(insert(leases).values(name=name, holder=holder, until=until))
        return True

    def release(self, name: str, holder: str) -> None:
        """Let go of a lease."""
        self._connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))


def _stated(members: Mapping[str, Any]) -> Stated:
    checkpoints = frozenset((size, bytes.fromhex(root)) for size, root in members["checkpoints"])
    leaf = members["leaf"]
    return Stated(members["size"], checkpoints, None if leaf is None else bytes.fromhex(leaf))


def _written(left_at: Mapping[str, Position]) -> str:
    return orjson.dumps({city: [place.after, place.number] for city, place in left_at.items()}).decode()


def _peer(row: Row[Any]) -> PeerState:
    return PeerState(
        row.name,
        CompactRange.from_bytes(bytes(row.frontier)),
        row.checkpoint,
        row.after,
        orjson.loads(row.numbers),
        row.seen_at,
        row.done_at,
        row.tried_at,
        row.failures,
        row.problem,
        row.cut_at,
        {city: Position(*place) for city, place in orjson.loads(row.left_at).items()},
        row.refused_idx,
        orjson.loads(row.places),
    )
