"""Trouble between a lab's nodes: by hand, one deed at a time, or at random.

A random trial is the same again with the same seed, as far as the machine lets it: what is done, to whom, and after
which pause comes from the seed alone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Protocol

PAUSE_SECONDS: Final = (0.3, 3.0)
"""Between one deed and the next, at least and at most."""
KILL, CUT, STALL, HEAL, REVIVE = "kill", "cut", "stall", "heal", "revive"
TROUBLES: Final = {KILL: 0.3, CUT: 0.4, STALL: 0.3}
"""How likely each kind of trouble is, where there is room for it."""


class Trial(Protocol):
    """Nodes, and links between them, on which deeds are done."""

    def cut(self, one: str, other: str, *, stall: bool = False) -> None:
        """Let nothing pass between two nodes: reset it or, stalled, hold it in silence."""
        ...

    def heal(self, one: str, other: str) -> None:
        """Let everything pass between two nodes again."""
        ...

    def kill(self, node: str) -> None:
        """Kill a node at once, all of its processes; it stays down."""
        ...

    def revive(self, node: str) -> None:
        """Start a node that was killed; this does not wait until it is ready."""
        ...


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done, to which nodes, and when: in seconds since the beginning."""

    what: str
    nodes: tuple[str, ...]
    at: float


Told = Callable[[Deed], None]


class Chaos:
    """Does random deeds on a trial of `nodes`, in which everything is up and open at the beginning.

    Arguments: the randomness; the seconds of a clock that only goes on; how to wait some of them.
    """

    def __init__(
        self,
        trial: Trial,
        nodes: Sequence[str],
        chance: random.Random,
        seconds: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._trial = trial
        self._nodes = list(nodes)
        self._chance = chance
        self._seconds = seconds
        self._pause = pause
        self._down: list[str] = []
        self._troubled: list[tuple[str, str]] = []

    def run(self, seconds: float, told: Told) -> list[Deed]:
        """Make trouble for so long, then mend all of it, however it ends; what was done. `told` hears of each deed."""
        began = self._seconds()
        done: list[Deed] = []

        def note(what: str, *nodes: str) -> None:
            done.append(Deed(what, nodes, round(self._seconds() - began, 2)))
            told(done[-1])

        try:
            while True:
                pause = self._chance.uniform(*PAUSE_SECONDS)
                left = began + seconds - self._seconds()
                self._pause(max(0.0, min(pause, left)))
                if pause >= left:
                    return done
                note(*self._deed())
        finally:
            self._mend(note)

    def _deed(self) -> tuple[str, ...]:
        """One more trouble, or one less: the more there are, the likelier one is mended."""
        troubles = len(self._down) + len(self._troubled)
        if self._chance.random() < troubles / (troubles + 2):
            return self._mend_one(self._chance.randrange(troubles))
        links = [pair for pair in combinations(self._nodes, 2) if pair not in self._troubled]
        up = [node for node in self._nodes if node not in self._down]
        possible = [what for what in TROUBLES if (len(up) > 1 if what == KILL else links)]
        if not possible:
            return self._mend_one(self._chance.randrange(troubles))
        what = self._chance.choices(possible, [TROUBLES[each] for each in possible])[0]
        if what == KILL:
            node = self._chance.choice(up)
            self._down.append(node)
            self._trial.kill(node)
            return KILL, node
        pair = self._chance.choice(links)
        self._troubled.append(pair)
        self._trial.cut(*pair, stall=what == STALL)
        return what, *pair

    def _mend_one(self, place: int) -> tuple[str, ...]:
        if place < len(self._down):
            node = self._down.pop(place)
            self._trial.revive(node)
            return REVIVE, node
        pair = self._troubled.pop(place - len(self._down))
        self._trial.heal(*pair)
        return HEAL, *pair

    def _mend(self, note: Callable[..., None]) -> None:
        while self._down or self._troubled:
            note(*self._mend_one(0))
