"""A node: the only place that makes real things from the configuration."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import psutil

from hub.clock import utc_now
from hub.config import Config
from hub.errors import Code, Problem
from hub.exchange import Exchange
from hub.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from hub.log.note import COSIGNATURE, ED25519, VerifierKey
from hub.log.tree import CompactRange
from hub.store import Store
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
    faults: list[str]

    @property
    def ready(self) -> bool:
        return not self.faults


class Node:
    """Everything that a running hub holds; `clock` is the one that all of it goes by."""

    def __init__(self, config: Config, clock: Callable[[], datetime] = utc_now) -> None:
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
        except Problem:
            self.store.close()
            raise
        self.exchange = Exchange(config.name, self.store, self.trust, clock, config.polls)
        self.witness = Witness(config.name, self.store, self.trust, witness_key)
        self.trust.on_change = self.exchange.log_trust
        self.exchange.log_trust(clock())

    def close(self) -> None:
        """Finish what was begun and let go of everything."""
        self.exchange.close()
        self.store.close()

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
        checkpoint = self.store.head().checkpoint
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
        """A database that is older than what this node has published would fork the log.

        Raises: Problem `conflict`, saying how to recover; `unknown-key` for a log of another key.
        """
        held = open_checkpoint(self.store.head().checkpoint, self.log_verifier)
        if not self._memory.exists():
            return
        published = open_checkpoint(self._memory.read_text(), self.log_verifier)
        if held.size < published.size or (held.size == published.size and held.root != published.root):
            raise Problem(
                Code.CONFLICT,
                f"the database holds {held.size} log entries, but this node has published {published.size}: it is an"
                " old copy, and going on with it would fork the log; put the newest copy in its place"
                " (docs/operations.md, Backup and restore)",
            )

    @property
    def log_verifier(self) -> VerifierKey:
        """The key that this node's checkpoints verify with."""
        return VerifierKey(self.config.name, ED25519, self._log_key.public)

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
