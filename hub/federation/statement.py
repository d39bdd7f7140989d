"""The statement by which a log begins a new epoch: signed by the log's own key, read by those who had the old history.

A signed note (C2SP signed-note) whose text is one line of JSON, so that it can never pass for a checkpoint:

    {"abandoned":[note,…],"at":"…","origin":"…","reason":"…","root":"…","size":n,"type":"epoch","v":1}

Up to `size` entries, under `root` (hex), the log is what it was. From there on it has another history than the
checkpoints that it abandons, each of them a note of its own signing. What stands at that place is the entry that gives
up the first of them: by this the new history is known from the old one.

Whoever takes the log up again because of it counts for nothing what it gave up (`hub.store.neighbours.GivenUp`): the
checkpoints that it names, and of every size between that place and the largest of them whatever the new history is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hub.errors import Code, Problem
from hub.log import entry as entries
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.form import BASIS_LENGTH
from hub.log.note import VerifierKey, open_note
from hub.log.tree import HASH_BYTES, SIZE_LIMIT, leaf_hash
from hub.store.neighbours import Stated
from keys.trust_list import Trust
from schemas import strict_json
from schemas.limits import NOTE_BYTES

MEMBERS: Final = frozenset({"abandoned", "at", "origin", "reason", "root", "size", "type", "v"})


@dataclass(frozen=True, slots=True)
class Statement:
    """What a log says of its new epoch."""

    origin: str
    size: int
    root: bytes
    abandoned: tuple[str, ...]
    reason: str
    at: str

    @property
    def text(self) -> str:
        """The text that is signed."""
        members = {
            "abandoned": list(self.abandoned),
            "at": self.at,
            "origin": self.origin,
            "reason": self.reason,
            "root": self.root.hex(),
            "size": self.size,
            "type": "epoch",
            "v": 1,
        }
        return strict_json.dumps(members).decode() + "\n"


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement whose signature, and those of the checkpoints in it, are the log's; made by `verify` alone."""

    statement: Statement
    abandoned: tuple[VerifiedCheckpoint, ...]

    def gives_up(self, held: VerifiedCheckpoint) -> bool:
        """Whether it abandons this very checkpoint."""
        return held.checkpoint in [each.checkpoint for each in self.abandoned]

    @property
    def stated(self) -> Stated:
        """What is remembered of it. Raises: Problem `malformed` for what no entry can hold."""
        said, leaf = self.statement, None
        if said.abandoned:
            leaf = leaf_hash(entries.epoch(at=said.at, abandoned=said.abandoned[0], basis=said.reason))
        return Stated(said.size, frozenset((each.size, each.root) for each in self.abandoned), leaf)


def verify(document: str | bytes, trust: Trust) -> VerifiedStatement:
    """What a statement says, once it is verified with the trust list alone.

    Raises: Problem `malformed`, `too-large`, `unknown-key` for a log that the trust list has not or another log's
    signature, `bad-signature`.
    """
    statement = read_statement(document)
    node = trust.nodes.get(statement.origin)
    if node is None:
        raise Problem(Code.UNKNOWN_KEY, f"the trust list has no node named {statement.origin}")
    key = VerifierKey.parse(node.log)
    if open_note(document, [key]).body != statement.text:
        raise Problem(Code.MALFORMED, "a statement has one spelling")
    return VerifiedStatement(statement, tuple(open_checkpoint(note, key) for note in statement.abandoned))


def read_statement(document: str | bytes) -> Statement:
    """What a statement says of itself; nothing is verified. Raises: Problem `malformed`, `too-large`."""
    if len(document) > NOTE_BYTES:
        raise Problem(Code.TOO_LARGE, f"a statement is at most {NOTE_BYTES} bytes")
    try:
        text = (document if isinstance(document, str) else document.decode()).partition("\n")[0]
    except UnicodeDecodeError:
        raise Problem(Code.MALFORMED, "a statement is UTF-8") from None
    members = strict_json.loads(text)
    if not isinstance(members, Mapping) or set(members) != MEMBERS:
        raise Problem(Code.MALFORMED, "not a statement on a new epoch")
    try:
        root = bytes.fromhex(members["root"])
        datetime.fromisoformat(members["at"])
        fits = (
            (members["type"], members["v"]) == ("epoch", 1)
            and type(members["size"]) is int
            and 0 <= members["size"] < SIZE_LIMIT
            and len(root) == HASH_BYTES
            and _texts([members["origin"], members["reason"]])
            and 0 < len(members["reason"]) <= BASIS_LENGTH
            and isinstance(members["abandoned"], list)
            and _texts(members["abandoned"])
        )
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise Problem(Code.MALFORMED, "a statement on a new epoch has other members")
    return Statement(
        members["origin"],
        members["size"],
        root,
        tuple(members["abandoned"]),
        members["reason"],
        members["at"],
    )


def _texts(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) for value in values)
