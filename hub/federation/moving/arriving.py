"""A city comes: its hand-over is taken in, and its streams go on here (wire contract, section 6).

1. The hand-over is read and verified (`handed.py`), and every record of it placed (`placing.py`), batch after batch.
   What breaks off is gone on with by doing it again; up to the last step nothing is taken of the city, or for it.
2. The last step is one transaction: the `hosted` entry, which names the old log, its size and the last number of the
   city's stream there, and from where on the city's stream is this log's; and the place with each peer, which is set
   back to where the old node was, so that nothing is left out between the two. What comes twice then is held already.
3. What the old node says of another peer's log is not to keep records from anybody. It is taken as it stands only that
   the peer is asked from further back: no further on than from the last record that the hand-over has from there for
   the city. Where that is less than what is said, it comes again, and with it the number that the city's stream has
   there. Where the hand-over has none, the peer is asked from the beginning. Of one that hosted the city before, what
   is said counts.
4. Where the old node is lost for ever, the city begins with nothing handed over, and peers are asked from the
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
from hub.log.entry import Received
from hub.log.form import AHEAD
from hub.node import Node
from hub.store import Job, Transaction
from hub.store.moves import Coming, Position
from keys.trust_list import Trust

BATCH: Final = 250
PATIENCE_SECONDS: Final = 30.0
BEGINNING: Final = Position(-1, 0)
"""Of a peer's log that was never fetched."""
GONE_ON: Final = Position(0, None)
"""The same of a peer that hosted the city once: what it has for it now stands behind the entry of that departure."""

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
        judge, reached = Judge(), dict[str, int]()
        try:
            for part in handed.read(leaves, judge, self._node.clock()):
                _reach(reached, statement.city, part)
                for first in range(0, len(part), BATCH):
                    self._place(statement, part[first : first + BATCH], trust, counts)
                if part:
                    told(part[-1].index, statement.size)
        finally:
            judge.close()
        told(statement.size, statement.size)
        before = {self._node.config.name, *trust.cities[statement.city].hosted_before}
        positions = {
            name: said if name in before else _proven(said, reached[name])
            for name, said in statement.positions.items()
            if name in before or name in reached
        }
        positions[statement.sender] = Position(statement.size - 1, statement.last)
        ending = _Ending(statement.city, statement.sender, statement.size, statement.last, positions)
        coming = self._end(ending, trust)
        return Came(
            statement.city, statement.sender, coming, counts["new"], counts["known"], counts["unknown"]
        )

    def begin_without(self, city: str) -> Came:
        """Rule 4. Raises: Problem `not-allowed` where the city is not awaited here."""
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
            others = hosting.taking - {ending.city}
            for name in trust.nodes.keys() - {mine}:
                if (name == ending.via) if late else (name != ending.via or ending.via_size > 0):
                    first = GONE_ON if name in trust.cities[ending.city].hosted_before else BEGINNING
                    position = ending.positions.get(name, first)
                    _set_back(transaction, name, ending.city, position, others)
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


def _reach(reached: dict[str, int], city: str, part: Iterable[Handed]) -> None:
    """Rule 3: by peer, the index of the last record of a hand-over that came from there for the city."""
    for item in part:
        entry = item.entry
        if isinstance(entry, Received) and city in entry.to:
            reached[entry.via] = max(reached.get(entry.via, -1), entry.via_index)


def _proven(said: Position, reached: int) -> Position:
    """Rule 3: of what is said of a peer, what counts."""
    return said if said.after <= reached else Position(max(0, reached - 1), None)


def _set_back(
    transaction: Transaction, name: str, city: str, position: Position, others: frozenset[str]
) -> None:
    """Have a peer asked from where the old node had got to; if no `others` are hosted here, from exactly there."""
    state = transaction.neighbours.peer(name)
    numbers = {each: n for each, n in state.numbers.items() if each != city}
    places = {each: index for each, index in state.places.items() if each != city}
    places[city] = position.after
    if position.number is not None:
        numbers[city] = position.number
    after = min(state.after, position.after) if others else position.after
    if after < 0 and position == GONE_ON:
        after, numbers = position.after, {**dict.fromkeys(others, 0), **numbers}
    left_at = {each: place for each, place in state.left_at.items() if each != city}
    transaction.neighbours.put_peer(
        replace(state, after=after, numbers=numbers, places=places, left_at=left_at, done_at=None)
    )
