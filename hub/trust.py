"""The trust list and agreements in force at a running node.

They are read from the TUF repository when the node starts and again when its `timestamp.json` changes. What
fails TUF's checks never comes into force: the last good ones go on until they expire, then nothing is taken.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from hub.errors import Code, Problem
from keys.trust_list import Node as ListedNode
from keys.trust_list import Trust
from keys.trust_repository import open_trust

LOOK_EVERY_SECONDS: Final = 2.0
logger = structlog.get_logger(__name__)


class TrustInForce:
    """Gives the trust in force at each call.

    Arguments: the repository's folder; the folder where TUF's own memory is kept; the clock. `on_change` is
    called with the time when a new version came into force.
    """

    def __init__(self, repository: Path, state: Path, clock: Callable[[], datetime]) -> None:
        self._repository = repository
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()
        self.on_change: Callable[[datetime], None] = lambda now: None
        self._stamp = self._read_stamp()
        self._looked = time.monotonic()
        self._trust = self._open(clock())
        self._untold = False
        self.failure: str | None = None
        """Why the newest repository was not taken, None where it was."""

    def __call__(self) -> Trust:
        """The trust in force.

        Raises: Problem `busy` once it has expired.
        """
        if time.monotonic() - self._looked > LOOK_EVERY_SECONDS:
            self._look()
            self._tell()
        if self._trust.expires_at <= self._clock():
            raise Problem(
                Code.BUSY,
                "the trust list has expired; the node takes nothing until a new timestamp is published",
                retry_after=600,
            )
        return self._trust

    @property
    def expires_at(self) -> datetime:
        return self._trust.expires_at

    @property
    def nodes(self) -> Mapping[str, ListedNode]:
        """The nodes of what came into force last, expired or not."""
        return self._trust.nodes

    @property
    def role_expiries(self) -> Mapping[str, datetime]:
        """When root, targets, snapshot and timestamp of what is in force expire."""
        return self._trust.role_expiries

    def _look(self) -> None:
        with self._lock:
            self._looked = time.monotonic()
            stamp = self._read_stamp()
            if stamp == self._stamp:
                return
            before = self._trust.targets
            now = self._clock()
            try:
                self._trust = self._open(now)
            except Problem as problem:
                # Tried again at the next look: it may be a copy that is still under way.
                if problem.detail != self.failure:
                    logger.error("trust_refused", code=str(problem.code), detail=problem.detail)
                self.failure = problem.detail
                return
            self._stamp, self.failure = stamp, None
            self._untold = self._untold or self._trust.targets != before

    def _tell(self) -> None:
        """Have a change noted; where that fails now it is done at a later look, and no request suffers for it."""
        if not self._untold:
            return
        self._untold = False
        try:
            self.on_change(self._clock())
        except Problem as problem:
            self._untold = True
            logger.error("trust_not_noted", code=str(problem.code), detail=problem.detail)
        else:
            logger.info("trust_in_force", targets=[(each.file, each.version) for each in self._trust.targets])

    def _read_stamp(self) -> tuple[int, int] | None:
        try:
            found = (self._repository / "timestamp.json").stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size)

    def _open(self, now: datetime) -> Trust:
        return open_trust(self._repository, self._state, now)
