"""What witnesses signed of this node's own checkpoints: what of it counts, and what of it is given out.

1. A line counts where it verifies, over exactly the checkpoint that it is kept with, by the key that the trust list
   now names for a witness. A node's own witness does not count for its own log, nor that of a node that was revoked.
2. A checkpoint has the quorum where as many different witnesses cosigned it as the trust list asks for.
3. Receipts and pages bear the newest checkpoint that has the quorum, if it covers all that they hold, else the newest
   there is. That is looked up at most once a second in each process: it lies on the way of every pull.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from hub.errors import Problem
from hub.log.checkpoint import add_cosignatures, open_checkpoint
from hub.log.note import VerifierKey, split_note
from hub.store import Store
from hub.store.neighbours import Cosigned
from keys.trust_list import Trust
from schemas.limits import NOTE_SIGNATURES

LOOK_EVERY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint as it is given out: the size of its tree, and the note with the cosignatures held for it."""

    size: int
    note: str


def witnesses_of(trust: Trust, origin: str) -> dict[str, VerifierKey]:
    """The witnesses that count for the log of `origin`, by the names of their nodes."""
    return {node.name: VerifierKey.parse(node.witness) for node in trust.witnesses_for(origin)}


def line_by(note: str, key: VerifierKey) -> str:
    """The line of a note's signature by a key, ending in a newline; empty where there is none. Nothing is verified."""
    lines = note.rpartition("\n\n")[2].splitlines(keepends=True)
    for line, (name, key_id, _signature) in zip(lines, split_note(note)[1], strict=True):
        if (name, key_id) == (key.name, key.id):
            return line
    return ""


def with_quorum(held: Iterable[Cosigned], trust: Trust, origin: str) -> Published | None:
    """Of what is held (newest first), the newest checkpoint that has the quorum; None where none is asked for, too."""
    if not trust.quorum or origin not in trust.nodes:
        return None
    log, witnesses = VerifierKey.parse(trust.nodes[origin].log), witnesses_of(trust, origin).values()
    for (size, checkpoint), rows in groupby(held, lambda each: (each.size, each.checkpoint)):
        note = _cosigned(checkpoint, rows)
        try:
            if len(open_checkpoint(note, log, witnesses).cosignatures) >= trust.quorum:
                return Published(size, note)
        except Problem:  # of a key that the log or a witness no longer has
            continue
    return None


class Cosignatures:
    """What a process gives out of its node's checkpoints.

    Arguments: the log's name; the store; the trust list in force; the seconds of a clock that only goes on.
    """

    def __init__(
        self,
        origin: str,
        store: Store,
        trust: Callable[[], Trust],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._origin = origin
        self._store = store
        self._trust = trust
        self._seconds = seconds
        self._looking = threading.Lock()
        self._looked: float | None = None
        self._seen: tuple[list[Cosigned], Trust] | None = None
        self._best: Published | None = None

    def newest(self) -> Published:
        """The newest checkpoint, with the cosignatures that are held for exactly it."""
        head = self._store.head()
        held = self._store.ask(lambda neighbours: neighbours.cosigned(head.size))
        rows = (each for each in held if each.checkpoint == head.checkpoint)
        return Published(head.size, _cosigned(head.checkpoint, rows))

    def over(self, index: int) -> Published | None:
        """The newest checkpoint that has the quorum, if the entry at `index` is under it."""
        self._look()
        best = self._best
        return best if best is not None and index < best.size else None

    def _look(self) -> None:
        """Look again, where that is due; whoever comes while somebody looks does with what there was before."""
        seconds = self._seconds()
        if self._looked is not None and seconds - self._looked < LOOK_EVERY_SECONDS:
            return
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._looked = seconds
            seen = (self._store.ask(lambda neighbours: neighbours.cosigned()), self._trust())
            if self._seen is None or seen[0] != self._seen[0] or seen[1] is not self._seen[1]:
                self._best, self._seen = with_quorum(*seen, self._origin), seen
        except Problem:  # the database does not answer: what was seen before holds still
            pass
        finally:
            self._looking.release()


def _cosigned(checkpoint: str, rows: Iterable[Cosigned]) -> str:
    return add_cosignatures(checkpoint, [each.line for each in rows][: NOTE_SIGNATURES - 1])
