"""The last way: the log goes on from where the backup ends, and says in itself and to all peers that it does.

1. What is given up is every checkpoint of this log's signing that it does not hold: the one that it was halted for,
   what `state/checkpoint` remembers, what peers show now. Each is an `epoch` entry.
2. With the last of them the log is halted no more; all of it is one transaction.
3. The statement for the peers is made from those entries, and can be made from them again.

A peer that shows yet another checkpoint later halts the log again: it is given up in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from hub import standing
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.federation.asking import Answer
from hub.federation.statement import Statement
from hub.log import entry as entries
from hub.log.checkpoint import VerifiedCheckpoint
from hub.log.entry import Epoch
from hub.log.tile import prefix_root
from hub.node import Node
from hub.store import Job, Transaction
from hub.store.recovering import Abandoned


def begin(node: Node, answers: Sequence[Answer], reason: str) -> int:
    """Enter what is given up, and let the log be written again; how many checkpoints that are, 0 where none is.

    Raises: Problem `malformed` for a reason that no entry can hold.
    """
    given_up = _given_up(node, answers)
    if not given_up:
        return 0
    notes = [standing.bare(each.note, node.log_verifier) for each in given_up]
    at = rfc3339(node.clock())
    lines = [entries.epoch(at=at, abandoned=note, basis=reason) for note in notes]

    def enter(transaction: Transaction) -> None:
        known = {each.checkpoint for each in transaction.recovering.abandoned()}
        for note, line in zip(notes, lines, strict=True):
            if note not in known:
                transaction.recovering.abandon(transaction.append(line), note)
        transaction.recovering.resume()

    node.store.write(Job(enter, even_halted=True))
    node.remember()
    return len(given_up)


def statement(node: Node) -> Statement:
    """What the log says of its newest epoch. Raises: Problem `not-found` where it has begun none."""
    abandoned = node.store.recall(lambda held: held.abandoned())
    if not abandoned:
        raise Problem(Code.NOT_FOUND, "this log holds all that it has published, and has begun no new epoch")
    newest = _newest(node, abandoned)
    first = newest[0][0]
    said = newest[0][1]
    size = node.store.head().size

    def read(level: int, number: int, width: int) -> bytes:
        return node.exchange.tile(level, number, width)

    root = prefix_root(first, size, read)
    notes = tuple(entry.abandoned for _index, entry in newest)
    return Statement(node.config.name, first, root, notes, said.basis, said.at)


def _given_up(node: Node, answers: Sequence[Answer]) -> list[VerifiedCheckpoint]:
    """Rule 1, the largest first."""
    halted = node.store.head().halted
    found = [each.checkpoint for each in answers if each.contradicts and each.checkpoint is not None]
    if halted is not None:
        kept = standing.contradicting(node.store, node.log_verifier, halted)
        found += [] if kept is None else [kept]
    remembered = node.remembered()
    found += [] if remembered is None else [remembered]
    distinct = {each.checkpoint: each for each in found}
    return sorted(distinct.values(), key=lambda each: each.size, reverse=True)


def _newest(node: Node, abandoned: Sequence[Abandoned]) -> list[tuple[int, Epoch]]:
    """The entries of the newest epoch: those that were made together, in the log's order."""
    read = []
    for each in reversed(abandoned):
        entry = entries.decode(node.store.lines(each.index, each.index + 1)[0])
        assert isinstance(entry, Epoch)
        read.append((each.index, entry))
    newest = read[0][1]
    together = takewhile(lambda each: (each[1].at, each[1].basis) == (newest.at, newest.basis), read)
    return list(together)[::-1]
