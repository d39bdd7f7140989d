"""A city comes: its hand-over is taken in, and its streams go on here (wire contract, section 6).

1. The hand-over is read and verified (`handed.py`), and every record of it placed (`placing.py`), batch after batch.
   What breaks off is gone on with by doing it again; up to the last step nothing is taken of the city, or for it.
2. The last step is one transaction: the `hosted` entry, which names the old log, its size and the last number of the
   city's stream there, and from where on the city's stream is this log's; and the place with each peer, which is set
   back to where the old node was, so that nothing is left out between the two. What comes twice then is held already.
3. Where the old node is lost for ever, the city begins with nothing handed over, and peers are asked from the
   beginning: what they still have comes, again as it may be. If the old node is found after all, its hand-over can
   still be taken in; until then nothing for the city is taken from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from hub.acceptance import Judge
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation.bundles.bundle import Bundle
from hub.federation.bundles.volume import Volume
from hub.federation.moving.handed import UNKNOWN_KEY, Handed, HandOver
from hub.federation.moving.placing import Placing
from hub.federation.moving.statement import Statement
from hub.federation.neighbourhood import Neighbourhood
from hub.hosting import Hosting
from hub.log import entry as entries
from hub.log.form import AHEAD
from hub.node import Node
from hub.store import Job, Transaction
from hub.store.moves import Coming, Position
from keys.trust_list import Trust

BATCH: Final = 250
PATIENCE_SECONDS: Final = 30.0
BEGINNING: Final = Position(-1, 0)
"""Of a peer's log that was never fetched."""

Progress = Callable[[int, int], None]
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Came:
    """A city that came: from where, how many records were new, already there, or without a key that anybody knows."""

    city: str
    via: str
    coming: Coming
    new: int = 0
    known: int = 0
    unknown: int = 0
    before: bool = False
    """Whether it had come already."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """What the last step writes down."""

    city: str
    via: str
    via_size: int
    last: int
    positions: Mapping[str, Position]


class Arriving:
    """Takes cities in for a node, whose peers `neighbourhood` holds."""

    def __init__(self, node: Node, neighbourhood: Neighbourhood) -> None:
        self._node = node
        self._neighbourhood = neighbourhood

    def take(
        self,
        volumes: Iterable[Volume],
        *,
        checked: Progress = lambda _done, _size: None,
        told: Progress = lambda _done, _size: None,
    ) -> Came:
        """Take a hand-over in; told how many of its bytes are checked, and then how far in the old log it has got.

        Raises: Problem for what is wrong with it; `conflict` where the old node showed two histories.
        """
        bundle, trust = Bundle(volumes), self._node.trust()
        handed = HandOver(bundle, trust, self._node.config.name)
        statement = handed.statement
        came = self._came(statement)
        if came is not None:
            return came
        bundle.check(checked)
        leaves = self._neighbourhood.handed(statement.sender, handed.carried, patience=PATIENCE_SECONDS)
        counts = {"new": 0, "known": 0, "unknown": 0}
        judge = Judge()
        try:
            for part in handed.read(leaves, judge):
                for first in range(0, len(part), BATCH):
                    self._place(statement, part[first : first + BATCH], trust, counts)
                if part:
                    told(part[-1].index, statement.size)
        finally:
            judge.close()
        told(statement.size, statement.size)
        positions = {
            **statement.positions,
            statement.sender: Position(statement.size - 1, statement.last),
        }
        ending = _Ending(statement.city, statement.sender, statement.size, statement.last, positions)
        coming = self._end(ending, trust)
        return Came(
            statement.city, statement.sender, coming, counts["new"], counts["known"], counts["unknown"]
        )

    def begin_without(self, city: str) -> Came:
        """Rule 3. Raises: Problem `not-allowed` where the city is not awaited here."""
        trust = self._node.trust()
        listed = trust.cities.get(city)
        if listed is None or not listed.hosted_before:
            raise Problem(
                Code.NOT_ALLOWED, "the trust list in force does not have the city move to this node"
            )
        via = listed.hosted_before[-1]
        return Came(city, via, self._end(_Ending(city, via, 0, 0, {}), trust))

    # -- inside --------------------------------------------------------------------------------------

    def _came(self, statement: Statement) -> Came | None:
        """What became of this hand-over before.

        Raises: Problem `not-allowed` where the city is here by another one, or was and has left since.
        """
        moves = self._node.store.head().moves
        coming = moves.coming(statement.city)
        for stay in moves.stays.get(statement.city, ()):
            if stay.coming is None or stay.departure is None or stay.coming.via != statement.sender:
                continue
            if stay.coming.via_size >= statement.size:
                raise Problem(Code.NOT_ALLOWED, "the hand-over is of an earlier stay of the city here")
        if coming is None or (coming.via == statement.sender and not coming.via_size):
            return None
        if (coming.via, coming.via_size) != (statement.sender, statement.size):
            raise Problem(Code.NOT_ALLOWED, "the city is here already, by another hand-over or without one")
        return Came(statement.city, statement.sender, coming, before=True)

    def _place(
        self, statement: Statement, items: Sequence[Handed], trust: Trust, counts: dict[str, int]
    ) -> None:
        now = self._node.clock()
        begins = self._own_position(statement.city, statement.positions).after + 1
        placing = Placing(statement.city, statement.sender, begins, now)
        ids = {item.entry.id for item in items}
        ids |= {
            item.candidate.record.subject
            for item in items
            if item.candidate is not None
            and item.candidate.record is not None
            and item.candidate.record.subject is not None
        }

        def apply(transaction: Transaction) -> int:
            self._check_awaited(transaction, statement.city, trust)
            return sum([placing.place(transaction, item) for item in items])

        new = self._node.store.write(Job(apply, ids=sorted(ids))).result
        counts["new"] += new
        counts["known"] += len(items) - new
        counts["unknown"] += sum(item.gone == UNKNOWN_KEY for item in items)

    def _own_position(self, city: str, positions: Mapping[str, Position]) -> Position:
        """How far the old node had fetched this log for the city: not before the city had left it last."""
        said = positions.get(self._node.config.name, BEGINNING)
        departure = self._node.store.head().moves.departure(city)
        if departure is None or said.after >= departure.index:
            return said
        return Position(departure.index, departure.last)

    def _check_awaited(
        self, transaction: Transaction, city: str, trust: Trust, *, late: bool = True
    ) -> Hosting:
        hosting = Hosting(self._node.config.name, trust, transaction.moves)
        if not hosting.awaits(city) and not (late and hosting.begins_late(city)):
            raise Problem(Code.NOT_ALLOWED, "the city is not awaited here")
        return hosting

    def _end(self, ending: _Ending, trust: Trust) -> Coming:
        """Rule 2."""
        mine, now = self._node.config.name, self._node.clock()
        late = Hosting(mine, trust, self._node.store.head().moves).begins_late(ending.city)
        own = BEGINNING if late else self._own_position(ending.city, ending.positions)
        before, ahead = self._node.store.ask_moving(
            lambda moving: (
                moving.last_before(ending.city, own.after + 1),
                moving.ahead(ending.city, own.after + 1, AHEAD),
            )
        )
        if own.after >= self._node.store.head().size or (own.number is not None and own.number != before):
            raise Problem(Code.CONFLICT, "the hand-over says of this node's own log what it does not hold")

        def apply(transaction: Transaction) -> Coming:
            hosting = self._check_awaited(transaction, ending.city, trust, late=late and ending.via_size > 0)
            line = self._line(ending, own.after + 1, before, ahead, now)
            index = transaction.append(line)
            coming = Coming(index, ending.via, ending.via_size, line.decode())
            alone = not hosting.taking - {ending.city}
            for name in trust.nodes.keys() - {mine}:
                if (name == ending.via) if late else (name != ending.via or ending.via_size > 0):
                    position = ending.positions.get(name, BEGINNING)
                    _set_back(transaction, name, ending.city, position, alone=alone)
            transaction.come(ending.city, own.after + 1, coming)
            return coming

        coming = self._node.store.write(Job(apply)).result
        logger.info("city_came", city=ending.city, via=ending.via, index=coming.index)
        return coming

    @staticmethod
    def _line(ending: _Ending, begins: int, before: int, ahead: Sequence[int], now: datetime) -> bytes:
        return entries.hosted(
            at=rfc3339(now),
            city=ending.city,
            via=ending.via,
            via_size=ending.via_size,
            last=ending.last,
            begins=begins,
            before=before,
            ahead=ahead,
        )


def _set_back(transaction: Transaction, name: str, city: str, position: Position, *, alone: bool) -> None:
    """Have a peer asked from where the old node had got to; if the city is here `alone`, from exactly there."""
    state = transaction.neighbours.peer(name)
    numbers = {each: n for each, n in state.numbers.items() if each != city}
    places = {each: index for each, index in state.places.items() if each != city}
    if position.number is not None:
        numbers[city], places[city] = position.number, position.after
    after = position.after if alone else min(state.after, position.after)
    left_at = {each: place for each, place in state.left_at.items() if each != city}
    transaction.neighbours.put_peer(
        replace(state, after=after, numbers=numbers, places=places, left_at=left_at, done_at=None)
    )
