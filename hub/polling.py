"""Held pulls: who waits for news, and the one thread that looks for it.

Any process may commit, so waiters cannot be told by their own appender alone: a watcher asks the database for
the log's size, a few dozen times a second and only while somebody waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from hub.errors import Code, Problem

INTERVAL_SECONDS: Final = 0.05


class Watcher:
    """Wakes held pulls when the log has grown.

    Arguments: `size`, which reads the log's size; `slots`, how many may wait in this process at a time.
    """

    def __init__(self, size: Callable[[], int], slots: int) -> None:
        self._size = size
        self._slots = threading.BoundedSemaphore(slots)
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
    def slot(self) -> Iterator[None]:
        """A held pull's place, kept until the pull ends: news for others must not cost it.

        Raises: Problem `busy` where as many as may are waiting already.
        """
        if not self._slots.acquire(blocking=False):
            raise Problem(Code.BUSY, "as many pulls as this node holds are waiting already", retry_after=2)
        try:
            yield
        finally:
            self._slots.release()

    def wait_past(self, size: int, seconds: float) -> bool:
        """Wait, in a `slot`, until the log is larger than `size`, `seconds` at most; whether it is."""
        return self._wait(size, time.monotonic() + seconds)

    def close(self) -> None:
        """Let everybody go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _wait(self, size: int, deadline: float) -> bool:
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            try:
                while self._seen <= size and not self._closed:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return False
                    self._changed.wait(left)
                return not self._closed
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
