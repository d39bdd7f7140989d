"""Whether a node's log still is the one that it has published: a database restored from an old backup would fork it.

1. Only a checkpoint under the log's own key counts, whoever shows it: nobody else can have made one.
2. It must be the log's beginning, or its head. A larger one says that the log has gone back, one of a size that the
   log has, under another root, that it has two histories.
3. What an `epoch` entry has given up says neither any more.
4. A log that is found so is halted: the checkpoint is kept beside its head, and nothing is written until the log
   holds it again, or gives it up.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import structlog

from hub.cosignatures import line_by
from hub.errors import Code, Problem
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.note import VerifierKey, sign_note, split_note
from hub.log.tile import prefix_root
from hub.log.tree import HASH_BYTES
from hub.store import Job, Store, Transaction
from hub.store.neighbours import Neighbours

UNCOVERED: Final = (
    "the log has gone back, and going on with it would fork it: `hub recover` shows the ways back"
)
logger = structlog.get_logger(__name__)


def bare(note: str, key: VerifierKey) -> str:
    """A checkpoint with its log's signature alone."""
    return sign_note(split_note(note)[0], [line_by(note, key)])


def holds(store: Store, published: VerifiedCheckpoint) -> bool:
    """Whether the log begins with the tree of a checkpoint that is its own (rule 2)."""
    head = store.head()
    if published.size > head.size:
        return False

    def read(level: int, number: int, width: int) -> bytes:
        return (store.tile(level, number) or b"")[: width * HASH_BYTES]

    return prefix_root(published.size, head.size, read) == published.root


def contradicting(
    store: Store, key: VerifierKey, note: str | bytes, *, own: bool = False
) -> VerifiedCheckpoint | None:
    """The checkpoint of `note` where it says that the log has gone back; None where all is well (rules 1 to 3).

    One that is kept on this node's `own` machines may be an older one of the history that was given up: none is then
    held against the log that is no larger than what was given up. Raises: Problem where the log's own key has not
    signed it.
    """
    published = open_checkpoint(note, key)
    if holds(store, published):
        return None
    given_up = [open_checkpoint(each.checkpoint, key) for each in store.recall(lambda held: held.abandoned())]
    if own and published.size <= max((each.size for each in given_up), default=-1):
        return None
    return None if published.checkpoint in [each.checkpoint for each in given_up] else published


def halt(store: Store, key: VerifierKey, published: VerifiedCheckpoint) -> None:
    """Halt the log because of a checkpoint that it does not hold; of several the largest is kept."""
    note = bare(published.note, key)

    def apply(transaction: Transaction) -> bool:
        held = transaction.halted
        if held is not None and open_checkpoint(held, key).size >= published.size:
            return False
        transaction.recovering.halt(note)
        return True

    if store.write(Job(apply, even_halted=True)).result:
        logger.error("log_halted", size=store.head().size, published=published.size)


def check_running(store: Store, key: VerifierKey) -> None:
    """Refuse to go on with a log that is halted. Raises: Problem `conflict`."""
    head = store.head()
    if head.halted is None:
        return
    published = open_checkpoint(head.halted, key)
    which = "" if published.size > head.size else " others"
    raise Problem(
        Code.CONFLICT,
        f"the database holds {head.size} log entries, but this node has published {published.size}{which}: {UNCOVERED}",
    )


def newest_held(neighbours: Neighbours, origin: str, key: VerifierKey) -> str | None:
    """The largest checkpoint of another log that is held here: cosigned, folded, or seen by the lane for alerts."""
    seen = neighbours.witnessed(origin)
    notes = [
        "" if seen is None else seen.checkpoint,
        neighbours.peer(origin).checkpoint,
        neighbours.lane(origin),
    ]
    found = _opened((note for note in notes if note), key)
    return bare(max(found, key=lambda each: each.size).note, key) if found else None


def _opened(notes: Iterable[str], key: VerifierKey) -> list[VerifiedCheckpoint]:
    """Those that the log's key of today has signed."""
    found = []
    for note in notes:
        with suppress(Problem):
            found.append(open_checkpoint(note, key))
    return found
