"""What peers hold of this node's own log, asked of all of them at once, and for a few seconds at most.

Who is out of reach, slow, or shows what this log's key has not signed keeps nobody waiting and stops nobody: that is a
line in the program's log. The clock asks again (`watch.py`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from hub import standing
from hub.client import Client
from hub.errors import Code, Problem
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.node import Node
from keys.trust_list import Trust

ASKED_SECONDS: Final = 4.0
Connect = Callable[[Trust, str], Client]
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer holds of this log: a checkpoint of its own signing, none, or no answer and why (`problem`).

    `held` where the log holds it, too; `contradicts` where it does not, and has not given it up: it has gone back.
    """

    peer: str
    checkpoint: VerifiedCheckpoint | None = None
    held: bool = False
    contradicts: bool = False
    problem: Problem | None = None


def ask_peers(node: Node, connect: Connect | None = None, seconds: float = ASKED_SECONDS) -> list[Answer]:
    """The answers of all peers, by name, of whom each is given `seconds`."""
    trust = node.trust()
    names = sorted(name for name in trust.nodes if name != node.config.name)
    dial = connect or (lambda trust, name: _dial(node, trust, name, seconds))
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    def ask(name: str) -> None:
        answers.put(_ask(node, lambda: dial(trust, name), name))

    for name in names:
        # Nobody waits for one that hangs: not at the end of the program, either.
        threading.Thread(target=ask, args=(name,), name=f"ask {name}", daemon=True).start()
    late = Problem(Code.BUSY, "there was no answer in time")
    found = {name: Answer(name, problem=late) for name in names}
    deadline = time.monotonic() + seconds
    for _ in names:
        try:
            answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[answer.peer] = answer
    for answer in found.values():
        if answer.problem is not None:
            logger.warning(
                "peer_not_asked",
                peer=answer.peer,
                code=str(answer.problem.code),
                detail=answer.problem.detail,
            )
    return [found[name] for name in names]


def halt_if_gone_back(node: Node, answers: list[Answer]) -> None:
    """Halt the log where an answer shows that it has gone back."""
    for answer in answers:
        if answer.checkpoint is not None and answer.contradicts:
            standing.halt(node.store, node.log_verifier, answer.checkpoint)


def take_up(node: Node) -> None:
    """Make sure, as far as peers can be reached, that the log is the one that was published; only then write to it.

    Raises: Problem `conflict` where it has gone back.
    """
    halt_if_gone_back(node, ask_peers(node))
    standing.check_running(node.store, node.log_verifier)
    node.note_trust()


def _ask(node: Node, dial: Callable[[], Client], name: str) -> Answer:
    try:
        client = dial()
        try:
            note = client.held_of(node.config.name)
        finally:
            client.close()
        shown = open_checkpoint(note, node.log_verifier)
        contradicts = standing.contradicting(node.store, node.log_verifier, note) is not None
    except Problem as problem:
        return Answer(name, problem=None if problem.code is Code.NOT_FOUND else problem)
    return Answer(name, shown, not contradicts and standing.holds(node.store, shown), contradicts)


def _dial(node: Node, trust: Trust, name: str, seconds: float) -> Client:
    return Client(
        trust,
        name,
        node.key,
        clock=node.clock,
        tries=1,
        seconds=seconds,
        source=node.config.sync_source,
    )
