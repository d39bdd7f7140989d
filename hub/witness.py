"""The witness: it cosigns the checkpoints of others' logs, and never two that cannot both be true (C2SP tlog-witness).

A request is worked off in these steps; the number in brackets is what it is answered where a step fails:

1. Form: `old <n>`, up to 63 hashes, an empty line, a checkpoint, within the limits [400, 413].
2. The log is that of a node in the trust list, and not this node's own [404].
3. The checkpoint is signed by that log [403].
4. `old` is not above the checkpoint's size [400].
5. What is held has no other root at that size: such a pair is evidence, which is kept and entered into the log, and
   the log is cut off until a person decides [409 where the other one was cosigned; 403 where rounds folded it, or the
   lane for alerts took an alert under it]. What is held at another size is compared by the next round
   (`hub/federation/round.py`).
6. `old` is what is held [409, with the size that is].
7. The hashes prove that the log only grew from there [422].
8. The log is not cut off [403].
9. What is cosigned is on disk: comparing and storing are one transaction, and 5 to 8 are done again inside it.
10. Only then is it signed: our own encoding of the checkpoint, never the bytes that came.

What the log gave up, by a signed statement that was verified here, is neither cosigned nor evidence [403]. At a size
that the old history had as well, the log must go on from what is known of the new one: what was cosigned of it, else
what rounds folded, else it is asked to come again [503].

Who asks does not matter, since the log's signature says all. So what costs a transaction must be something new that
the log itself signed; what can be told from what is held already is told without one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final

import orjson
import structlog

from hub.clock import rfc3339
from hub.cosignatures import line_by
from hub.errors import Code, Problem
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint, cosign, open_checkpoint
from hub.log.note import VerifierKey, decode_base64, parse_decimal, sign_note, split_note
from hub.log.tree import EMPTY_ROOT, HASH_BYTES, SIZE_LIMIT, verify_consistency
from hub.standing import bare
from hub.store import Job, Store, Transaction
from hub.store.neighbours import Neighbours, PeerState, Witnessed
from keys.suite import SigningKey
from keys.trust_list import Trust
from schemas.limits import NOTE_BYTES, PROOF_HASHES

REQUEST_BYTES: Final = NOTE_BYTES + 45 * PROOF_HASHES + 32
"""The longest request that is looked at: a line with the old size, the hashes in base64, an empty line, a note."""
PLAIN_TEXT: Final = "text/plain; charset=utf-8"
SIZE_TEXT: Final = "text/x.tlog.size"
FORK: Final = "fork"
"""The kind of evidence that two checkpoints of one size under different roots are."""
NOTHING: Final = Witnessed(0, EMPTY_ROOT, "")
UNSETTLED_SECONDS: Final = 30
"""After so long a log is to ask again whose new history no round has folded yet."""
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What is answered: an HTTP status and a text."""

    status: int
    text: str
    content_type: str = PLAIN_TEXT


@dataclass(frozen=True, slots=True)
class Submission:
    """A request as it was read; nothing in it is proven."""

    old: int
    proof: tuple[bytes, ...]
    note: str
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Read a request, in its one spelling. Raises `Problem`: MALFORMED, TOO_LARGE."""
        if len(body) > REQUEST_BYTES:
            raise Problem(Code.TOO_LARGE, f"a request is at most {REQUEST_BYTES} bytes")
        try:
            head, gap, note = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise Problem(Code.MALFORMED, "a request is UTF-8") from None
        first, *hashes = head.split("\n")
        if not gap or not first.startswith("old "):
            raise Problem(Code.MALFORMED, "a request is an old size, hashes, an empty line and a checkpoint")
        if len(hashes) > PROOF_HASHES:
            raise Problem(Code.MALFORMED, f"a consistency proof has at most {PROOF_HASHES} hashes")
        proof = tuple(map(decode_base64, hashes))
        if any(len(each) != HASH_BYTES for each in proof):
            raise Problem(Code.MALFORMED, "hashes are 32 bytes each")
        old = parse_decimal(first.removeprefix("old "), SIZE_LIMIT)
        return cls(old, proof, note, Checkpoint.parse(split_note(note)[0]))


class _Weighed(Enum):
    """How a submission stands to what is held."""

    SAME = auto()
    LARGER = auto()
    CUT_OFF = auto()
    FORKED = auto()
    CONTRADICTED = auto()
    GIVEN_UP = auto()
    UNSETTLED = auto()
    ELSEWHERE = auto()
    UNPROVEN = auto()


_REFUSED: Final = {
    _Weighed.CUT_OFF: (403, "this log has shown two histories, and is cut off until a person decides"),
    _Weighed.CONTRADICTED: (403, "this log has shown another history here: a person decides"),
    _Weighed.GIVEN_UP: (403, "this log has given this history up"),
    _Weighed.UNPROVEN: (422, "the hashes do not prove that the log only grew"),
}


@dataclass(frozen=True, slots=True)
class _Finding:
    """How a submission stands to what is `held`, and the note that contradicts it, if one does."""

    weighed: _Weighed
    held: Witnessed
    rival: str = ""


class Witness:
    """A node's witness.

    Arguments: the node's name; its store; the trust list in force; the witness's key, which is never the log's.
    """

    def __init__(self, name: str, store: Store, trust: Callable[[], Trust], key: SigningKey) -> None:
        self._name = name
        self._store = store
        self._trust = trust
        self._key = key

    def add_checkpoint(self, body: bytes, now: datetime) -> WitnessAnswer:
        """Answer a request.

        Raises: Problem `busy` while the database or the trust list cannot be used, or a new history is not known yet;
        nothing else, whatever was sent.
        """
        # 1. Form.
        try:
            asked = Submission.parse(body)
        except Problem as problem:
            return _refusal(413 if problem.code is Code.TOO_LARGE else 400, problem.detail)
        # 2. Whose log.
        checkpoint = asked.checkpoint
        listed = self._trust().nodes.get(checkpoint.origin)
        if listed is None or listed.name == self._name:
            return _refusal(404, "this witness does not know a log of this origin")
        # 3. Its signature. Of the note only that line is kept: others may have been added by anyone.
        log = VerifierKey.parse(listed.log)
        try:
            open_checkpoint(asked.note, log)
        except Problem as problem:
            return _refusal(400 if problem.code is Code.MALFORMED else 403, problem.detail)
        asked = replace(asked, note=sign_note(checkpoint.body, [line_by(asked.note, log)]))
        # 4. The sizes.
        if asked.old > checkpoint.size:
            return _refusal(400, "the old size is above the checkpoint's")
        # 5 to 9. What is held.
        found = self._store.ask(lambda neighbours: _weigh(neighbours, asked, log))
        if found.weighed is _Weighed.SAME and self._store.head().halted is not None:
            # This witness's memory may be as old as the log beside it.
            raise Problem(Code.BUSY, "this node's log is halted, and its witness with it", retry_after=600)
        if found.weighed in (_Weighed.LARGER, _Weighed.FORKED):
            found = self._store.write(Job(lambda transaction: _keep(transaction, asked, log, now))).result
        # 10. The cosignature.
        if found.weighed in (_Weighed.SAME, _Weighed.LARGER):
            return WitnessAnswer(200, cosign(checkpoint, self._name, self._key, int(now.timestamp())))
        if found.weighed is _Weighed.UNSETTLED:
            raise Problem(
                Code.BUSY, "this log's new history is not known here yet", retry_after=UNSETTLED_SECONDS
            )
        if found.weighed is _Weighed.FORKED and found.rival != found.held.checkpoint:
            return _refusal(*_REFUSED[_Weighed.CUT_OFF])
        if found.weighed in _REFUSED:
            return _refusal(*_REFUSED[found.weighed])
        return WitnessAnswer(409, f"{found.held.size}\n", SIZE_TEXT)


def _weigh(neighbours: Neighbours, asked: Submission, log: VerifierKey) -> _Finding:
    """Steps 5 to 8, and what they were held against."""
    origin, checkpoint = asked.checkpoint.origin, asked.checkpoint
    cosigned, folded = neighbours.witnessed(origin) or NOTHING, neighbours.peer(origin)
    given_up = neighbours.given_up(origin)
    parting = given_up.parting(checkpoint.size)
    rival = _rival(neighbours, asked.checkpoint, log, cosigned, folded)
    if given_up.names(checkpoint) or (rival and parting is not None):
        return _Finding(_Weighed.GIVEN_UP, cosigned)
    if rival:
        # One piece of evidence is enough; and one that a person has judged must not cut the log off again.
        if folded.cut_at is None and not _is_known(neighbours, rival, asked):
            return _Finding(_Weighed.FORKED, cosigned, rival)
        known = rival == cosigned.checkpoint
        return _Finding(_Weighed.ELSEWHERE if known else _Weighed.CONTRADICTED, cosigned, rival)
    held = cosigned
    if parting is not None and held.size <= parting:
        held = Witnessed(folded.frontier.size, folded.frontier.root(), folded.checkpoint)
        if held.size <= parting:
            return _Finding(_Weighed.UNSETTLED, cosigned)
    if asked.old != held.size:
        return _Finding(_Weighed.ELSEWHERE, held)
    if not _proven(asked, held):
        return _Finding(_Weighed.UNPROVEN, held)
    if folded.cut_at is not None:
        return _Finding(_Weighed.CUT_OFF, held)
    return _Finding(_Weighed.SAME if checkpoint.size == cosigned.size else _Weighed.LARGER, held)


def _rival(
    neighbours: Neighbours, checkpoint: Checkpoint, log: VerifierKey, cosigned: Witnessed, folded: PeerState
) -> str:
    """A note by the same log, of the same size under another root, that is held here; empty where none is."""
    if checkpoint.size == cosigned.size and checkpoint.root != cosigned.root:
        return cosigned.checkpoint
    for note in (folded.checkpoint, neighbours.lane(checkpoint.origin)):
        # Signatures are verified of what contradicts: a key that the log has no more speaks against nobody.
        if note and _contradicts(Checkpoint.parse(split_note(note)[0]), checkpoint):
            with suppress(Problem):
                return bare(open_checkpoint(note, log).note, log)
    return ""


def _contradicts(one: Checkpoint, other: Checkpoint) -> bool:
    return one.size == other.size and one.root != other.root


def _proven(asked: Submission, held: Witnessed) -> bool:
    """Step 7: from the empty log everything grows, and no hash is needed to say so."""
    if held.size == 0:
        return not asked.proof
    try:
        verify_consistency(
            held.size, asked.checkpoint.size, held.root, asked.checkpoint.root, list(asked.proof)
        )
    except Problem:
        return False
    return True


def _keep(transaction: Transaction, asked: Submission, log: VerifierKey, now: datetime) -> _Finding:
    """Step 9; meanwhile another request may have been faster."""
    neighbours, checkpoint = transaction.neighbours, asked.checkpoint
    found = _weigh(neighbours, asked, log)
    if found.weighed is _Weighed.LARGER:
        neighbours.put_witnessed(checkpoint.origin, Witnessed(checkpoint.size, checkpoint.root, asked.note))
    elif found.weighed is _Weighed.FORKED:
        _accuse(transaction, found.rival, asked, rfc3339(now))
    return found


def _accuse(transaction: Transaction, ours: str, asked: Submission, at: str) -> None:
    """Keep the evidence, enter it into the log, and cut the log off."""
    origin, theirs = asked.checkpoint.origin, asked.note
    line = entries.equivocation(at=at, origin=origin, ours=ours, theirs=theirs)
    # The form of `hub/federation/evidence.py`: two notes of one size need no proof beside them.
    members: dict[str, Any] = {
        "origin": origin,
        "kind": FORK,
        "at": at,
        "ours": ours,
        "theirs": theirs,
        "root": None,
        "proof": [],
    }
    document = orjson.dumps(members, option=orjson.OPT_INDENT_2).decode() + "\n"
    transaction.neighbours.accuse(origin, FORK, document, at, transaction.append(line))
    transaction.neighbours.cut(origin, at, FORK)
    logger.error("equivocation", origin=origin, size=asked.checkpoint.size)


def _is_known(neighbours: Neighbours, ours: str, asked: Submission) -> bool:
    """Whether these two checkpoints are held as evidence already."""
    held = (orjson.loads(each.document) for each in neighbours.accusations(asked.checkpoint.origin))
    return any({ours, asked.note} == {each["ours"], each["theirs"]} for each in held)


def _refusal(status: int, detail: str) -> WitnessAnswer:
    return WitnessAnswer(status, f"{detail}\n")
