"""What the old node says of other peers' logs: no lie of its blocks an honest peer, or has a record left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from movers import carry, hand_over, have_moved, receive, sync
from neighbours import Federation, Member
from partner import ORDOS, WUZHONG, XINZHOU, YULIN
from test_false_hand_overs import a_city_on_its_way

from hub.federation.moving.departing import Departing
from hub.federation.moving.statement import Statement
from hub.log.entry import Received
from hub.store.moves import Departure, Position

__all__ = ["a_city_on_its_way"]

CASE = "mediation_case"
Lie = Callable[[Position], Position]

LIES: dict[str, Lie] = {
    "a place beyond all logs": lambda held: Position(10**14, held.number),
    "a place beyond all logs, and a number": lambda _held: Position(10**14, 10**14),
    "a place beyond all logs, and no number": lambda _held: Position(10**14, None),
}


def lie_about(monkeypatch: pytest.MonkeyPatch, peer: Member, lie: Lie) -> None:
    honest = Departing._statement

    def lying(self: Departing, departure: Departure) -> Statement:
        said = honest(self, departure)
        return replace(said, positions={**said.positions, peer.name: lie(said.positions[peer.name])})

    monkeypatch.setattr(Departing, "_statement", lying)


def comes_once(member: Member, city: str, records: list[str]) -> None:
    """Everything has come, in order; and what had come before came a second time to nobody."""
    held = member.records(city)
    assert [each for each in held if each in records] == records
    taken = [entry.digest for entry in member.world.entries(Received)]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("lie", LIES)
def test_an_honest_peer_is_not_blocked_by_what_is_said_of_it(
    moving: tuple[Member, Member, Member], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    first, second, third = moving
    lie_about(monkeypatch, second, LIES[lie])
    ordos = second.world.partner(ORDOS)
    before = [ordos.record(to=(WUZHONG,)) for _ in range(2)]
    ordos.deliver(*before)
    receive(third, hand_over(first, WUZHONG, tmp_path).paths)
    after, other = ordos.record(to=(WUZHONG,)), ordos.record(to=(XINZHOU,))
    ordos.deliver(after, other)
    third.round(second)
    third.round(second)
    comes_once(third, WUZHONG, [*before, after])
    comes_once(third, XINZHOU, [other])
    third.world.verify()


@pytest.fixture(name="alone")
def a_node_without_any_city(nodes: Federation) -> tuple[Member, Member, Member]:
    """Wuzhong moves to the third node, which hosts nobody else, with a record from Ordos."""
    first, second, third = nodes
    sync(nodes)
    carry(nodes, XINZHOU, third, first)
    second.world.partner(ORDOS).deliver(second.world.partner(ORDOS).record(CASE, to=(WUZHONG,)))
    sync(nodes)
    have_moved(nodes, WUZHONG, third)
    return first, second, third


@pytest.mark.parametrize("kind", [CASE, "alert"])
@pytest.mark.parametrize("number", [True, False])
def test_what_the_old_node_never_fetched_is_not_passed_over(
    alone: tuple[Member, Member, Member],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: bool,
    kind: str,
) -> None:
    """The old node says that it had fetched all; an alert that went ahead to it proves nothing of what lies before."""
    first, second, third = alone
    ordos = second.world.partner(ORDOS)
    lost = [ordos.record(CASE, to=(WUZHONG,)) for _ in range(2)]
    ordos.deliver(*lost)
    ordos.deliver(ordos.record(kind, to=(WUZHONG,)))
    end = second.store.head().size - 1
    numbered = second.store.ask_moving(lambda moving: moving.last_before(WUZHONG, end + 1))
    lie_about(monkeypatch, second, lambda _held: Position(end, numbered if number else None))
    receive(third, hand_over(first, WUZHONG, tmp_path).paths)
    later = ordos.record(to=(WUZHONG,))
    ordos.deliver(later)
    third.round(second)
    third.round(second)
    comes_once(third, WUZHONG, [*lost, later])


def test_a_peer_of_whom_nothing_is_handed_over_is_asked_from_the_beginning(
    nodes: Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = nodes
    sync(nodes)
    have_moved(nodes, WUZHONG, third)
    ordos = second.world.partner(ORDOS)
    lost = ordos.record(to=(WUZHONG,))
    ordos.deliver(lost)
    first.world.partner(YULIN).deliver(first.world.partner(YULIN).record(to=(WUZHONG,)))
    lie_about(monkeypatch, second, lambda _held: Position(second.store.head().size - 1, 1))
    receive(third, hand_over(first, WUZHONG, tmp_path).paths)
    third.round(second)
    assert third.records(WUZHONG) == [lost]
