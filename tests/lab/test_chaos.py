"""Random trouble: possible deeds only, the same ones for the same seed, and all of it mended however it ends."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from hub.lab.chaos import PAUSE_SECONDS, Chaos, Deed

NODES = ("610800.exchange", "150600.exchange", "140900.exchange")


@dataclass
class Region:
    """Nodes and links that refuse what makes no sense."""

    down: set[str] = field(default_factory=set)
    troubled: set[frozenset[str]] = field(default_factory=set)
    seconds: float = 0.0
    interrupted_at: float = float("inf")
    fewest_up: int = len(NODES)

    def cut(self, one: str, other: str, *, stall: bool = False) -> None:
        pair = frozenset({one, other})
        assert len(pair) == 2 and pair not in self.troubled
        self.troubled.add(pair)

    def heal(self, one: str, other: str) -> None:
        self.troubled.remove(frozenset({one, other}))

    def kill(self, node: str) -> None:
        assert node not in self.down
        self.down.add(node)
        self.fewest_up = min(self.fewest_up, len(NODES) - len(self.down))

    def revive(self, node: str) -> None:
        self.down.remove(node)

    def pause(self, seconds: float) -> None:
        assert seconds <= PAUSE_SECONDS[1]
        self.seconds += seconds
        if self.seconds > self.interrupted_at:
            raise KeyboardInterrupt

    def trouble(self, seconds: float, seed: int) -> list[Deed]:
        chaos = Chaos(self, NODES, random.Random(seed), lambda: self.seconds, self.pause)
        return chaos.run(seconds, lambda _deed: None)


def test_every_kind_of_deed_is_done_and_one_node_at_least_stays_up() -> None:
    region = Region()
    deeds = region.trouble(600, seed=1)
    assert {deed.what for deed in deeds} == {"kill", "cut", "stall", "heal", "revive"}
    assert region.fewest_up == 1
    assert all(before.at <= after.at for before, after in pairwise(deeds))


@pytest.mark.parametrize("seed", range(20))
def test_all_is_mended_at_the_end(seed: int) -> None:
    region = Region()
    assert region.trouble(30, seed)
    assert (region.down, region.troubled) == (set(), set())
    assert region.seconds == pytest.approx(30)


def test_all_is_mended_when_it_is_interrupted() -> None:
    region = Region(interrupted_at=40)
    with pytest.raises(KeyboardInterrupt):
        region.trouble(600, seed=7)
    assert (region.down, region.troubled) == (set(), set())


def test_a_seed_says_all_that_is_done_and_when() -> None:
    assert Region().trouble(120, seed=5) == Region().trouble(120, seed=5) != Region().trouble(120, seed=6)


def test_each_deed_is_told_when_it_is_done() -> None:
    region, told = Region(), list[Deed]()
    chaos = Chaos(region, NODES, random.Random(3), lambda: region.seconds, region.pause)
    assert chaos.run(20, told.append) == told != []
