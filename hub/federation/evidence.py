"""Evidence that a log has two histories: a file that convinces whoever has the trust list, offline.

    {"origin": "150600.exchange", "kind": "fork", "at": "…", "ours": note, "theirs": note, "root": …, "proof": […]}

Both notes are checkpoints under the log's own key. They cannot both be true where

1. they are of one size under two roots; or
2. `proof` (RFC 9162 §2.1.4) shows that the larger one's tree has, at the smaller one's size, `root`, and that is not
   the smaller one's root. Which of the two was seen first does not matter.

A log that merely showed a smaller checkpoint again (`shrunk`) may have been replayed by somebody else: such a file is
kept and shown, and proves nothing by itself. The log's node itself has signed it then, under its own key.

What a log's signed statement gave up is evidence of nothing (`hub/federation/statement.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from hub.clock import rfc3339
from hub.cosignatures import line_by
from hub.errors import Code, Problem
from hub.federation.histories import GIVEN_UP, SHRUNK, Sight
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint, VerifiedCheckpoint, open_checkpoint
from hub.log.note import VerifierKey, sign_note, split_note
from hub.log.tree import HASH_BYTES, verify_consistency
from hub.store import Job, Store, Transaction
from hub.store.neighbours import GivenUp
from keys.trust_list import Trust
from schemas import strict_json


@dataclass(frozen=True, slots=True)
class Finding:
    """What a file of evidence says once it is verified; `proven` if the two checkpoints cannot both be true."""

    origin: str
    kind: str
    at: str
    ours: VerifiedCheckpoint
    theirs: VerifiedCheckpoint
    proven: bool


def written(origin: str, sight: Sight, now: datetime) -> str:
    """The file of evidence for what was seen of the log named `origin`."""
    root, proof = (
        (sight.proof[0].hex(), [each.hex() for each in sight.proof[1:]]) if sight.proof else (None, [])
    )
    members = {
        "origin": origin,
        "kind": sight.kind,
        "at": rfc3339(now),
        "ours": sight.ours,
        "theirs": sight.theirs,
        "root": root,
        "proof": proof,
    }
    return orjson.dumps(members, option=orjson.OPT_INDENT_2).decode() + "\n"


def verify(document: str | bytes, trust: Trust) -> Finding:
    """What a file of evidence shows.

    Raises: Problem `malformed`, `unknown-key` for a log that the trust list has not, `bad-signature` for notes that are
    not that log's.
    """
    try:
        held: Mapping[str, Any] = strict_json.loads(document)
        origin, kind, at = str(held["origin"]), str(held["kind"]), str(held["at"])
        notes = str(held["ours"]), str(held["theirs"])
        root = None if held["root"] is None else bytes.fromhex(held["root"])
        proof = [bytes.fromhex(each) for each in held["proof"]]
    except (KeyError, TypeError, ValueError) as error:
        raise Problem(Code.MALFORMED, "not a file of evidence") from error
    node = trust.nodes.get(origin)
    if node is None:
        raise Problem(Code.UNKNOWN_KEY, f"the trust list has no node named {origin}")
    ours, theirs = (_opened(note, origin, VerifierKey.parse(node.log)) for note in notes)
    return Finding(origin, kind, at, ours, theirs, _contradict(ours, theirs, root, proof))


def accuse(store: Store, log: VerifierKey, sight: Sight, now: datetime) -> str:
    """Cut a peer off: its state, the evidence and an entry, in one transaction; the file of evidence.

    A peer that is cut off already is left as it is. Raises: Problem `busy` for what the log's statement gave up: who
    shows it again shows what is past, and the peer will be asked again.
    """
    bare = replace(sight, ours=_bare(sight.ours, log), theirs=_bare(sight.theirs, log))
    document = written(log.name, bare, now)

    def note(transaction: Transaction) -> None:
        if transaction.neighbours.peer(log.name).cut_at is not None:
            return
        if sight.kind != SHRUNK and _is_given_up(transaction.neighbours.given_up(log.name), sight):
            raise Problem(Code.BUSY, GIVEN_UP)
        at = rfc3339(now)
        line = entries.equivocation(at=at, origin=log.name, ours=bare.ours, theirs=bare.theirs)
        index = transaction.append(line)
        transaction.neighbours.accuse(log.name, sight.kind, document, at, index)
        transaction.neighbours.cut(log.name, at, sight.kind)

    store.write(Job(note))
    return document


def _is_given_up(given_up: GivenUp, sight: Sight) -> bool:
    """Of a size that both histories came to, what is shown now is not of the one that is folded: so of the other."""
    ours, theirs = (Checkpoint.parse(split_note(note)[0]) for note in (sight.ours, sight.theirs))
    return given_up.names(ours) or given_up.names(theirs) or given_up.parting(theirs.size) is not None


def _bare(note: str, log: VerifierKey) -> str:
    """A checkpoint with its log's signature alone: with lines of others, two might not fit into an entry."""
    return sign_note(split_note(note)[0], [line_by(note, log)])


def _opened(note: str, origin: str, key: VerifierKey) -> VerifiedCheckpoint:
    verified = open_checkpoint(note, key)
    if verified.checkpoint.origin != origin:
        raise Problem(Code.BAD_SIGNATURE, "a checkpoint is of another log")
    return verified


def _contradict(
    ours: VerifiedCheckpoint, theirs: VerifiedCheckpoint, root: bytes | None, proof: list[bytes]
) -> bool:
    small, large = sorted((ours, theirs), key=lambda each: each.size)
    if small.size == large.size:
        return small.root != large.root
    if root is None or small.size == 0:
        return False
    if len(root) != HASH_BYTES:
        raise Problem(Code.MALFORMED, "a root is 32 bytes")
    verify_consistency(small.size, large.size, root, large.root, proof)
    return root != small.root
