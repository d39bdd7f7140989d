"""Times in a hand-over: spelt as in the log, and none of them has a record erased before its time."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from movers import carry, hand_over, receive
from neighbours import Federation, Member
from partner import WUZHONG, YULIN
from sqlalchemy import select
from test_false_hand_overs import a_city_on_its_way, refusal

from hub.errors import Code
from hub.federation.moving import departing
from hub.log.entry import Erased, Moved
from hub.store.moving import Taken
from hub.store.tables import records

__all__ = ["a_city_on_its_way"]


def lie(monkeypatch: pytest.MonkeyPatch, **members: Any) -> None:
    honest = departing._members

    def lying(item: Taken) -> dict[str, Any]:
        return {**honest(item), **members}

    monkeypatch.setattr(departing, "_members", lying)


@pytest.mark.parametrize(
    "members",
    [
        {"forget_at": "0001-01-01T00:00:00+1000"},
        {"forget_at": "9999-12-31T23:59:59-1000"},
        {"forget_at": "20300101T000000Z"},
        {"forget_at": "2030-01-01T00:00:00Z"},
        {"forget_at": "2030-02-30T00:00:00.000Z"},
        {"forget_at": 5},
        {"fetched": {WUZHONG: "20300101T000000Z"}},
        {"fetched": {WUZHONG: "2030-01-01T00:00:00.000Z\n"}},
        {"fetched": {"\u0000\u0000abcd": "2030-01-01T00:00:00.000Z"}},
        {"fetched": {"abcdef": "2030-01-01T00:00:00.000Z"}},
        {"fetched": {WUZHONG: 5}},
        {"fetched": [1]},
    ],
)
def test_a_time_in_another_spelling_or_of_no_city_is_refused_by_name(
    moving: tuple[Member, Member, Member],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    members: dict[str, Any],
) -> None:
    first, _, third = moving
    lie(monkeypatch, **members)
    assert refusal(third, hand_over(first, WUZHONG, tmp_path).paths).code is Code.MALFORMED


def kept_until(member: Member) -> dict[str, datetime]:
    """Until when each record that is here is kept, by its digest."""
    query = select(records.c.digest, records.c.forget_at).where(records.c.jws.is_not(None))
    with member.store._reading() as connection:
        rows = connection.execute(query).all()
    return {row.digest.hex(): datetime.fromisoformat(row.forget_at) for row in rows}


@pytest.mark.parametrize("at", ["2000-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z"])
def test_no_record_is_erased_because_the_old_node_says_that_it_is_due(
    moving: tuple[Member, Member, Member], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    first, _, third = moving
    lie(monkeypatch, forget_at=at)
    receive(third, hand_over(first, WUZHONG, tmp_path).paths)
    assert third.world.node.exchange.forget(third.world.node.clock()) == 0
    assert third.world.entries(Erased) == []
    truth, held = kept_until(first), kept_until(third)
    for digest in {entry.digest for entry in third.world.entries(Moved)}:
        assert timedelta() <= held[digest] - truth[digest] < timedelta(days=1)


@pytest.mark.parametrize("at", [None, "2000-01-01T00:00:00.000Z", "9000-01-01T00:00:00.000Z"])
def test_a_record_that_moves_again_is_kept_no_longer_and_not_shorter_than_agreed(
    nodes: Federation, monkeypatch: pytest.MonkeyPatch, at: str | None
) -> None:
    """The second node's entries are as new as the first move: the agreed time does not begin anew with that."""
    first, second, third = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    ((digest, truth),) = kept_until(first).items()
    nodes.clock.advance(days=3)
    carry(nodes, WUZHONG, first, second)
    assert kept_until(second)[digest] == truth
    nodes.clock.advance(days=1)
    if at is not None:
        lie(monkeypatch, forget_at=at)
    carry(nodes, WUZHONG, second, third)
    held = kept_until(third)[digest] - truth
    assert held == timedelta() if at is None else timedelta(days=-1) < held < timedelta(days=4)
