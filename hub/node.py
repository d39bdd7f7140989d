"""A node: the only place that makes real things from the configuration."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import psutil

from hub import standing
from hub.clock import rfc3339, utc_now
from hub.config import Config
from hub.errors import Code, Problem
from hub.exchange import Exchange
from hub.log.checkpoint import Checkpoint, VerifiedCheckpoint, open_checkpoint, sign_checkpoint
from hub.log.note import COSIGNATURE, ED25519, VerifierKey, sign_note, signature_line
from hub.log.tree import CompactRange
from hub.store import Store
from hub.store.awaited import AwaitedCount
from hub.store.neighbours import Neighbours
from hub.trust import TrustInForce
from hub.witness import Witness
from keys.files import read_passphrase, read_signing
from keys.suite import SigningKey
from keys.trust_list import Trust

WORKERS: Final = "workers"
"""The folder in `state` that holds a file for each web worker, named after its pid."""


@dataclass(frozen=True, slots=True)
class Health:
    """What `readyz` and `hub status` say: `ready` if `faults` is empty."""

    name: str
    size: int
    checkpoint: str
    trust_expires_at: datetime
    alerts: AwaitedCount
    halted: bool
    peers_cut_off: int
    peers_failing: int
    """Peers of the trust list whose last round failed."""
    missing: int
    """Records whose entries are in the log, and whose bytes are to be fetched again."""
    faults: list[str]

    @property
    def ready(self) -> bool:
        return not self.faults


class Node:
    """Everything that a running hub holds; `clock` is the one that all of it goes by. To open it writes no entry.

    One whose log has gone back is opened only by those who say so (`even_halted`): its web workers, which go on to
    serve what may be read, and whoever puts it in order again.
    """

    def __init__(
        self, config: Config, clock: Callable[[], datetime] = utc_now, *, even_halted: bool = False
    ) -> None:
        self.config = config
        self.clock = clock
        passphrase = read_passphrase(config.passphrase_file, os.environ)
        self.key: SigningKey = read_signing(config.node_key, passphrase)
        self._log_key = read_signing(config.log_key, passphrase)
        witness_key = read_signing(config.witness_key, passphrase)
        self.trust = TrustInForce(config.trust, config.state / "trust", clock)
        self._check_identity(self.trust(), VerifierKey(config.name, COSIGNATURE, witness_key.public))
        self.store = Store.open(config.database, config.name, self._sign_checkpoint)
        try:
            self._check_history()
            if not even_halted:
                standing.check_running(self.store, self.log_verifier)
        except Problem:
            self.store.close()
            raise
        self.exchange = Exchange(config.name, self.store, self.trust, clock, config.polls)
        self.witness = Witness(config.name, self.store, self.trust, witness_key)
        self.trust.on_change = self.exchange.log_trust

    def close(self) -> None:
        """Finish what was begun and let go of everything."""
        self.exchange.close()
        self.store.close()

    def note_trust(self) -> None:
        """Make entries of the trust list and the agreements in force, where there are none yet.

        It is for after the log was found to be the one that was published: an entry in an old copy of it would fork it.
        Raises: Problem `busy` where the database cannot be written.
        """
        if self.store.head().halted is None:
            self.exchange.log_trust(self.clock())

    def health(self) -> Health:
        """Whether this node can do its work, and what stands in the way.

        Raises: Problem `busy` where the database does not answer.
        """
        faults = []
        try:
            self.trust()
        except Problem as problem:
            faults.append(problem.detail)
        head = self.store.head()
        try:
            verified = open_checkpoint(head.checkpoint, self.log_verifier)
            frontier = CompactRange.from_bytes(head.frontier)
            stated = (verified.checkpoint.size, verified.checkpoint.root)
            if stated != (frontier.size, frontier.root()) or head.size != frontier.size:
                faults.append("the log's head does not fit its checkpoint")
            elif head.size and not self.store.lines(head.size - 1, head.size):
                faults.append("the log's last entry is missing")
        except Problem as problem:
            faults.append(f"the log's checkpoint does not verify: {problem.detail}")
        if head.halted is not None:
            faults.append(standing.UNCOVERED)
        listed = self.trust.nodes
        peers = [peer for peer in self.store.ask(Neighbours.all_peers) if peer.name in listed]
        missing = self._missing_workers()
        if missing:
            faults.append(f"{missing} of {self.config.workers} workers are not up")
        if self.trust.failure is not None:
            faults.append(f"a newer trust repository was refused: {self.trust.failure}")
        return Health(
            self.config.name,
            head.size,
            head.checkpoint,
            self.trust.expires_at,
            self.store.ask_awaited(lambda awaited: awaited.count(rfc3339(self.clock()))),
            head.halted is not None,
            sum(peer.cut_at is not None for peer in peers),
            sum(peer.cut_at is None and peer.failures > 0 for peer in peers),
            self.store.recall(lambda held: held.missing_count()),
            faults,
        )

    def announce(self) -> None:
        """Say that a web worker, this process, is up; `serve` empties the folder at its start."""
        (self.config.state / WORKERS / str(os.getpid())).touch()

    def _missing_workers(self) -> int:
        """How many of the configured web workers are not up; none where this node is not served by workers."""
        folder = self.config.state / WORKERS
        if not folder.is_dir():
            return 0
        up = sum(psutil.pid_exists(int(each.name)) for each in folder.iterdir())
        return max(0, self.config.workers - up)

    def remember(self) -> None:
        """Keep the newest checkpoint outside the database, to know an old copy of it by at the next start."""
        head = self.store.head()
        checkpoint = head.halted or head.checkpoint
        written = self._memory.with_name(f"{self._memory.name}.{os.getpid()}")
        with written.open("w", encoding="utf-8") as file:
            file.write(checkpoint)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._memory)

    @property
    def _memory(self) -> Path:
        return self.config.state / "checkpoint"

    def _check_history(self) -> None:
        """Halt a log that is older than what this node remembers to have published.

        Raises: Problem `unknown-key` for a log of another key.
        """
        open_checkpoint(self.store.head().checkpoint, self.log_verifier)
        published = self.remembered()
        if published is not None:
            standing.halt(self.store, self.log_verifier, published)

    def remembered(self) -> VerifiedCheckpoint | None:
        """What this node remembers to have published, where its log does not hold it.

        Raises: Problem where the log's own key has not signed it.
        """
        if not self._memory.exists():
            return None
        return standing.contradicting(self.store, self.log_verifier, self._memory.read_text(), own=True)

    @property
    def log_verifier(self) -> VerifierKey:
        """The key that this node's checkpoints verify with."""
        return VerifierKey(self.config.name, ED25519, self._log_key.public)

    def sign_text(self, text: str) -> str:
        """A text as a note that this node's log has signed. It must be none that could pass for a checkpoint."""
        return sign_note(text, [signature_line(self.config.name, self._log_key, text)])

    def _sign_checkpoint(self, checkpoint: Checkpoint) -> str:
        return sign_checkpoint(checkpoint, self._log_key)

    def _check_identity(self, trust: Trust, witness: VerifierKey) -> None:
        """A node whose keys are not those of the trust list would sign what nobody believes."""
        listed = trust.nodes.get(self.config.name)
        if listed is None:
            raise Problem(Code.NOT_FOUND, f"the trust list has no node named {self.config.name}")
        if self.key.kid not in {key.kid for key in listed.keys}:
            raise Problem(Code.UNKNOWN_KEY, "the node's key is not the one in the trust list")
        if str(self.log_verifier) != listed.log:
            raise Problem(Code.UNKNOWN_KEY, "the log's key is not the one in the trust list")
        if str(witness) != listed.witness:
            raise Problem(Code.UNKNOWN_KEY, "the witness's key is not the one in the trust list")
