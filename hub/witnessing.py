"""This node's own checkpoints on their way to a peer's witness (C2SP tlog-witness, the log's side).

1. Which checkpoint: one that another witness cosigned a moment ago and that still lacks the quorum, else the newest.
   Were it always the newest, the witnesses of a log that grows would each cosign another one, and no checkpoint would
   ever come to a quorum.
2. From which size: the one under the peer's last cosignature. Where the peer says that it holds another (409), once
   more from that one.
3. What comes back is kept only if it is this very checkpoint's, by the witness key that the trust list names for the
   peer, and made now: within as many seconds as clocks may be apart.
4. Of what is kept only the newest of each witness stays, and those of the newest checkpoint that has the quorum.

A peer that holds more than this log has, or another tree, says that the log has gone back: Problem `conflict`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import requests
import urllib3

from hub.answers import Session, broken
from hub.clock import rfc3339
from hub.cosignatures import Published, line_by, with_quorum, witnesses_of
from hub.errors import Code, Problem
from hub.log.checkpoint import add_cosignatures, open_checkpoint, submission
from hub.log.note import VerifierKey, parse_decimal, sign_note
from hub.log.tile import consistency_proof
from hub.log.tree import SIZE_LIMIT
from hub.store import Job, Store, Transaction
from hub.store.neighbours import Cosigned
from keys.trust_list import Node, Trust
from schemas.limits import CLOCK_SKEW_SECONDS, NOTE_BYTES

ROUND_SECONDS: Final = 10
"""So long the other witnesses are given to cosign what one of them has."""
AGAIN_SECONDS: Final = 300
"""A checkpoint that stays the newest is cosigned anew after this time: the log still shows it."""
CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 10
ANSWER_SECONDS: Final = 20
"""For an answer's body as a whole."""
REFUSALS: Final = {
    400: (Code.MALFORMED, "the witness finds the request malformed"),
    403: (Code.NOT_ALLOWED, "the witness does not trust this log's signature, or has cut the log off"),
    404: (Code.NOT_FOUND, "the witness does not know this log"),
    413: (Code.TOO_LARGE, "the witness finds the request too large"),
    422: (Code.CONFLICT, "the witness holds another tree than this log's own: the log has two histories"),
    429: (Code.BUSY, "the witness has too much to do"),
}


class TileReader(Protocol):
    """This node's tiles, at any size that its log has had (`hub.exchange.Exchange`)."""

    def tile(self, level: int, number: int, width: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Known:
    """What a submission goes by: the peer and its keys, and what this node holds."""

    peer: Node
    witness: VerifierKey
    log: VerifierKey
    head: Published
    held: list[Cosigned]

    @property
    def last(self) -> Cosigned | None:
        """The peer's newest cosignature."""
        return next((each for each in self.held if each.witness == self.peer.name), None)


def submit(  # noqa: PLR0917 (in the order of who, where, by what)
    session: Session, peer: Node, store: Store, reader: TileReader, trust: Trust, now: datetime
) -> Cosigned | None:
    """Have a peer's witness cosign this node's log; what it gave, None where there was nothing to ask for.

    Raises: Problem `busy` where the peer cannot be reached, `conflict` where this node's log is not the one that the
    peer has cosigned, and by name for every answer that is not as it should be.
    """
    head = store.head()
    if head.halted is not None:
        raise Problem(Code.CONFLICT, "this log has gone back: nobody is to cosign it as it is")
    known = _Known(
        peer,
        VerifierKey.parse(peer.witness),
        VerifierKey.parse(trust.nodes[head.origin].log),
        Published(head.size, head.checkpoint),
        store.ask(lambda neighbours: neighbours.cosigned()),
    )
    chosen = _choose(known, trust, head.origin, now)
    if chosen is None:
        return None
    last = known.last
    given = _ask(session, peer, chosen, 0 if last is None else last.size, reader)
    if isinstance(given, int):
        newest = store.head()  # it has grown since, where another process was faster
        if given > newest.size:
            raise Problem(
                Code.CONFLICT,
                f"the witness of {peer.name} has cosigned {given} entries, but this log has {newest.size}: it has gone"
                " back",
            )
        chosen = chosen if given <= chosen.size else Published(newest.size, newest.checkpoint)
        given = _ask(session, peer, chosen, given, reader, again=True)
    assert isinstance(given, str)
    line = _verified(known, chosen, given, now)
    cosigned = Cosigned(peer.name, chosen.size, chosen.note, line, rfc3339(now))
    store.write(Job(lambda transaction: _keep(transaction, cosigned, trust, head.origin)))
    return cosigned


def read_carried(peer: Node, endorsed: str, line: str, log: VerifierKey, now: datetime) -> Cosigned:
    """A line that a peer's witness gave under `endorsed`, a checkpoint of this node's log, and that was carried here.

    Rule 3 holds but for the line's age: it is as old as its way was long, and it is kept as of its own time.
    Raises: Problem by name for a line that is not the peer's, or of the future, or under another log's checkpoint.
    """
    witness = VerifierKey.parse(peer.witness)
    note = add_cosignatures(endorsed, [line])
    opened = open_checkpoint(note, log, [witness])
    if not opened.cosignatures:
        raise Problem(Code.UNKNOWN_KEY, f"the line is no cosignature by the witness of {peer.name}")
    (cosignature,) = opened.cosignatures
    if cosignature.time > now.timestamp() + CLOCK_SKEW_SECONDS:
        raise Problem(Code.STALE, "the cosignature was made in the future; look at both clocks")
    at = rfc3339(datetime.fromtimestamp(cosignature.time, UTC))
    bare = sign_note(opened.checkpoint.body, [line_by(endorsed, log)])
    return Cosigned(peer.name, opened.size, bare, line_by(note, witness), at)


def keep_carried(store: Store, cosigned: Cosigned, trust: Trust) -> bool:
    """Keep such a line, under a checkpoint that the log holds; False for one no newer than what is held of its witness.

    Raises: Problem `busy`.
    """
    origin = store.head().origin

    def keep(transaction: Transaction) -> bool:
        held = [each for each in transaction.neighbours.cosigned() if each.witness == cosigned.witness]
        if held and (held[0].size, held[0].at) >= (cosigned.size, cosigned.at):
            return False
        _keep(transaction, cosigned, trust, origin)
        return True

    return store.write(Job(keep)).result


def _choose(known: _Known, trust: Trust, origin: str, now: datetime) -> Published | None:
    """Rule 1; None where the peer has cosigned it already."""
    witnesses, last = witnesses_of(trust, origin), known.last
    newest = [each for each in known.held if each.size == known.held[0].size]
    if newest:
        by = {each.witness for each in newest}
        begun = min(each.at for each in newest)
        if len(by & witnesses.keys()) < trust.quorum and _age(begun, now) < ROUND_SECONDS:
            return None if known.peer.name in by else Published(newest[0].size, newest[0].checkpoint)
    if last is not None and last.checkpoint == known.head.note and _age(last.at, now) < AGAIN_SECONDS:
        return None
    return known.head


def _age(at: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(at)).total_seconds()


def _ask(
    session: Session, peer: Node, chosen: Published, old: int, reader: TileReader, *, again: bool = False
) -> str | int:
    """Send a checkpoint: the lines that came back, or the size that the peer says it holds instead of `old`."""
    proof = consistency_proof(old, chosen.size, reader.tile)
    status, text = _post(session, f"{peer.url}/witness/add-checkpoint", submission(old, proof, chosen.note))
    if status == 200:
        return text
    if status == 409:
        told = _size(text)
        if told == old == chosen.size:
            raise Problem(Code.CONFLICT, REFUSALS[422][1])
        if again or told == old:
            raise Problem(
                Code.BUSY, "the witness holds another size again; another submission may be under way"
            )
        return told
    code, detail = REFUSALS.get(
        status,
        (Code.BUSY, f"the witness answers {status}")
        if status >= 500
        else (Code.MALFORMED, f"the witness answers {status}, which none does"),
    )
    raise Problem(code, detail)


def _size(text: str) -> int:
    if not text.endswith("\n"):
        raise Problem(Code.MALFORMED, "a witness that refuses a size names its own on a line")
    return parse_decimal(text[:-1], SIZE_LIMIT)


def _verified(known: _Known, chosen: Published, lines: str, now: datetime) -> str:
    """Rule 3: the peer's line among those that it answered."""
    note = add_cosignatures(chosen.note, [lines])
    opened = open_checkpoint(note, known.log, [known.witness])
    if not opened.cosignatures:
        raise Problem(Code.UNKNOWN_KEY, "the answer holds no cosignature by the peer's witness")
    (cosignature,) = opened.cosignatures
    if abs(cosignature.time - now.timestamp()) > CLOCK_SKEW_SECONDS:
        raise Problem(Code.STALE, "the cosignature was not made now: it is an old one, or a clock is wrong")
    return line_by(note, known.witness)


def _keep(transaction: Transaction, cosigned: Cosigned, trust: Trust, origin: str) -> None:
    neighbours = transaction.neighbours
    neighbours.put_cosigned(cosigned)
    held = neighbours.cosigned()
    kept = _worth_keeping(held, trust, origin)
    if len(kept) < len(held):
        neighbours.drop_cosigned(held[0].size + 1)
        for each in kept:
            neighbours.put_cosigned(each)


def _worth_keeping(held: Sequence[Cosigned], trust: Trust, origin: str) -> list[Cosigned]:
    """Rule 4, of what is held (newest first)."""
    best = with_quorum(held, trust, origin)
    newest: dict[str, Cosigned] = {}
    for each in held:
        newest.setdefault(each.witness, each)
    listed = witnesses_of(trust, origin).keys()
    return [
        each
        for each in held
        if each.witness in listed
        and (each is newest[each.witness] or (best is not None and each.size == best.size))
    ]


def _post(session: Session, url: str, body: bytes) -> tuple[int, str]:
    """Status and text of the answer.

    Raises: Problem `busy` where there is none in time, `too-large`, `malformed`.
    """
    try:
        with session.post(
            url,
            data=body,
            headers={"Content-Type": "text/plain; charset=utf-8", "Accept-Encoding": "identity"},
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer:
            return answer.status_code, _receive(answer.raw).decode()
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Problem(Code.BUSY, f"the witness does not answer ({broken(error)})") from error
    except UnicodeDecodeError as error:
        raise Problem(Code.MALFORMED, "the witness's answer is not text") from error


def _receive(raw: Any) -> bytes:
    received = b""
    deadline = time.monotonic() + ANSWER_SECONDS
    while part := raw.read1(NOTE_BYTES, decode_content=False):
        received += part
        if len(received) > NOTE_BYTES:
            raise Problem(Code.TOO_LARGE, "the witness's answer is longer than any may be")
        if time.monotonic() > deadline:
            raise Problem(Code.BUSY, "the witness's answer takes too long")
    return received
