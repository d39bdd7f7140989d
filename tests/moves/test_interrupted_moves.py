"""A hand-over that breaks off, at any write: done again it comes to its end, and everything is there once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from movers import System, hand_over, have_moved, receive, sync
from neighbours import Federation
from partner import ORDOS, WUZHONG, XINZHOU, YULIN

from hub.federation.moving import arriving, departing
from hub.log.entry import Departed, Hosted, Moved
from hub.store import Job, Store


class Killed(BaseException):
    """A process's death, as far as one process can show it."""


class Fate:
    """Dies before or after the write of this number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
        self.writes = 0
        self.at = -1
        write = store.write

        def fated(job: Job[Any]) -> Any:
            self.writes += 1
            if 2 * self.writes == self.at:
                raise Killed
            done = write(job)
            if 2 * self.writes + 1 == self.at:
                raise Killed
            return done

        monkeypatch.setattr(store, "write", fated)


def test_a_hand_over_that_is_killed_at_any_write_is_gone_on_with(
    nodes: Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "BATCH", 2)
    monkeypatch.setattr(departing, "READ_AT_ONCE", 3)
    first, second, third = nodes
    sent = []
    for _ in range(3):
        for partner, to in (
            (first.world.partner(YULIN), (WUZHONG, XINZHOU)),
            (second.world.partner(ORDOS), (WUZHONG,)),
        ):
            sent.append(partner.record(to=to))
            partner.deliver(sent[-1])
        first.world.partner(WUZHONG).deliver(first.world.partner(WUZHONG).record(to=(XINZHOU,)))
        sync(nodes)
    have_moved(nodes, WUZHONG, third)
    fate = Fate(monkeypatch, first.store)
    for at in range(2, 8):
        fate.writes, fate.at = 0, at
        with pytest.raises(Killed):
            hand_over(first, WUZHONG, tmp_path)
        assert [each.name for each in tmp_path.glob("*.bundle")] == []
    fate.at = -1
    handed = hand_over(first, WUZHONG, tmp_path)
    assert len(first.world.entries(Departed)) == 1
    fate = Fate(monkeypatch, third.store)
    deaths = 0
    for at in range(2, 100):
        fate.writes, fate.at = 0, at
        try:
            receive(third, handed.paths)
        except Killed:
            deaths += 1
        else:
            break
        finally:
            third.neighbourhoods.clear()
            nodes.clock.advance(minutes=1)  # the dead process's lease ends
    assert deaths > 8
    fate.at = -1
    assert receive(third, handed.paths).before
    assert len(third.world.entries(Hosted)) == 1
    moved = [(each.id, each.revision) for each in third.world.entries(Moved)]
    assert len(moved) == len(set(moved)) > 0
    sync(nodes)
    system = System(nodes, WUZHONG)
    system.fetch(first)
    system.fetch(third)
    assert sorted(system.records) == sorted(sent)
    for member in nodes:
        member.world.verify()
