"""The clock's own rounds, submissions and lanes: what one peer does keeps nothing from another."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from waiting import until

from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.federation.watch import Watch
from hub.store.neighbours import PeerState

SILENT = [f"silent-{n}" for n in range(20)]
HONEST = "honest"


class Peers:
    """A neighbourhood of silent peers, a broken one, and an honest one."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked: Counter[str] = Counter()
        self.state = dict.fromkeys([*SILENT, "broken", HONEST])

    def states(self) -> list[PeerState]:
        return [PeerState(name, done_at=at) for name, at in self.state.items()]

    def is_due(self, _state: PeerState) -> bool:
        return True

    def has_stood(self, _name: str) -> bool:
        return False

    def _answer(self, what: str, name: str) -> None:
        self.asked[f"{what} {name}"] += 1
        if name in SILENT:
            self.released.wait(30)
            raise Problem(Code.BUSY, "no answer")
        if name == "broken":
            raise ValueError("what nobody foresaw")

    def round(self, name: str) -> None:
        self._answer("round", name)

    def stand(self, name: str) -> bool:
        self._answer("standing", name)
        return True

    def lane(self, name: str) -> int:
        self._answer("lane", name)
        self.released.wait(30)
        return 0


class Watched(Watch):
    def _submit(self, name: str) -> None:
        self._neighbourhood._answer("witness", name)  # type: ignore[attr-defined]


@pytest.fixture
def peers() -> Peers:
    return Peers()


@pytest.fixture
def watch(peers: Peers) -> Iterator[Watched]:
    node: Any = SimpleNamespace(
        trust=lambda: SimpleNamespace(nodes=dict.fromkeys(peers.state)), clock=utc_now, config=None
    )
    made = Watched(node, peers, lambda: True)  # type: ignore[arg-type]
    yield made
    made.close()
    peers.released.set()
    until(lambda: not made._under_way)


def test_twenty_peers_that_say_nothing_keep_no_round_from_another(peers: Peers, watch: Watched) -> None:
    for times in range(1, 6):
        watch.tick()
        for what in ("round", "standing", "witness"):
            until(lambda what=what, times=times: peers.asked[f"{what} {HONEST}"] >= times)
        until(lambda: not any(name == HONEST for _, name in watch._under_way))
    assert all(peers.asked[f"round {name}"] == 1 for name in SILENT), "one at a time of each"


def test_what_failed_rests_until_the_peer_answers_in_a_round(peers: Peers, watch: Watched) -> None:
    def tick() -> None:
        watch.tick()
        until(lambda: not any(name == "broken" for _, name in watch._under_way))

    for _ in range(5):
        tick()
    assert peers.asked["witness broken"] == 1
    assert peers.asked["standing broken"] == 1
    peers.state["broken"] = "2100-01-01T00:00:00.000Z"
    tick()
    assert peers.asked["witness broken"] == 2


def test_a_lane_outlives_what_nobody_foresaw(peers: Peers, watch: Watched) -> None:
    watch.tick()
    until(lambda: peers.asked["lane broken"] == 1)
    assert watch._lanes["broken"].is_alive()
