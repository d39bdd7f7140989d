"""Held pulls: who waits for news, and the one thread that looks for it.

Any process may commit, so waiters cannot be told by their own appender alone: a watcher asks the database for
the log's size, a few dozen times a second and only while somebody waits.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from hub.errors import Code, Problem

INTERVAL_SECONDS: Final = 0.05


@dataclass(eq=False, slots=True)
class Held:
    """A held pull of a key; `given_up` where another's took its place."""

    kid: str
    given_up: bool = False


class Watcher:
    """Wakes held pulls when the log has grown.

    Arguments: `size`, which reads the log's size; `slots`, how many may wait in this process at a time. Where all are
    taken, the key that holds most gives one up: its oldest pull ends as if nothing had come.
    """

    def __init__(self, size: Callable[[], int], slots: int) -> None:
        self._size = size
        self._slots = slots
        self._held: list[Held] = []
        """The oldest first."""
        self._changed = threading.Condition()
        self._seen = -1
        self._waiting = 0
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many pulls are held now."""
        return self._waiting

    @contextmanager
    def slot(self, kid: str) -> Iterator[Held]:
        """A held pull's place, kept until the pull ends: news for others must not cost it.

        Raises: Problem `busy` where as many as may are waiting already, and nobody holds more of them than this key.
        """
        held = Held(kid)
        with self._changed:
            if len(self._held) >= self._slots:
                self._give_up_for(kid)
            self._held.append(held)
        try:
            yield held
        finally:
            with self._changed:
                if held in self._held:
                    self._held.remove(held)

    def _give_up_for(self, kid: str) -> None:
        many = Counter(each.kid for each in self._held)
        greediest, most = max(many.items(), key=itemgetter(1), default=(kid, 0))
        if most <= many[kid] + 1:
            raise Problem(Code.BUSY, "as many pulls as this node holds are waiting already", retry_after=2)
        oldest = next(each for each in self._held if each.kid == greediest)
        oldest.given_up = True
        self._held.remove(oldest)
        self._changed.notify_all()

    def wait_past(self, held: Held, size: int, seconds: float) -> bool:
        """Wait, in a `slot`, until the log is larger than `size`, `seconds` at most; whether it is."""
        return self._wait(held, size, time.monotonic() + seconds)

    def close(self) -> None:
        """Let everybody go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _wait(self, held: Held, size: int, deadline: float) -> bool:
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            try:
                while self._seen <= size and not self._closed and not held.given_up:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return False
                    self._changed.wait(left)
                return not self._closed and not held.given_up
            finally:
                self._waiting -= 1

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
            try:
                size = self._size()
            except Problem:
                # The database does not answer: those who wait go on waiting, to their deadline at most.
                size = -1
            with self._changed:
                if size > self._seen:
                    self._seen = size
                    self._changed.notify_all()
            time.sleep(INTERVAL_SECONDS)
