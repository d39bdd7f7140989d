"""What is wrong with a node's log, and who might give back what: for the person who has to choose a way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hub.federation.asking import Answer
from hub.log import entry as entries
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.entry import Moved, OfRecord, Received
from hub.node import Node


@dataclass(frozen=True, slots=True)
class Overview:
    """A log as it is here, and as others hold it.

    `published` is the largest checkpoint of its signing that is known. `missing` counts the records without their
    bytes, `by_peer` those of them that each peer may have, `nowhere` those that no peer was ever given.
    """

    size: int
    halted: bool
    published: VerifiedCheckpoint | None
    answers: Sequence[Answer]
    missing: int
    by_peer: dict[str, int]
    nowhere: int


def look(node: Node, answers: Sequence[Answer]) -> Overview:
    """Put together what is known here and what the peers answered."""
    head = node.store.head()
    known = [answer.checkpoint for answer in answers if answer.checkpoint is not None]
    known += [open_checkpoint(note, node.log_verifier) for note in (head.halted,) if note is not None]
    remembered = node.remembered()
    known += [] if remembered is None else [remembered]
    by_peer, nowhere = Counter[str](), 0
    missing = node.store.recall(lambda held: held.missing())
    hosts = {city: host.node for city, host in node.trust().cities.items()}
    for each in missing:
        entry = entries.decode(each.entry.encode())
        assert isinstance(entry, OfRecord)
        peers = {entry.via} if isinstance(entry, Received | Moved) else {hosts.get(city) for city in entry.to}
        peers -= {node.config.name, None}
        by_peer.update(peer for peer in peers if peer is not None)
        nowhere += not peers
    return Overview(
        head.size,
        head.halted is not None,
        max(known, key=lambda each: each.size, default=None),
        answers,
        len(missing),
        dict(by_peer),
        nowhere,
    )
