"""Two real nodes for a bench: one city sends from the first node, one receives at the second, one beside the sender."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import requests

from bench.progress import Advance
from bench.records import Prepared, Source
from bench.sandbox import RECIPIENTS, SENDER, processes
from hub.clock import rfc3339, utc_now
from hub.config import Config, read_config
from hub.lab.building import LabNode, build
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.store import Job, Store, Transaction
from hub.store.transaction import Arrival
from keys.files import read_passphrase, read_signing
from keys.suite import SigningKey
from keys.trust_list import Trust
from keys.trust_repository import open_trust

RECIPIENT: Final = RECIPIENTS[0]
NEIGHBOUR: Final = RECIPIENTS[1]
"""Hosted by the sender's own node: what goes there concerns the other node no further than its entry."""
FILLED_AT_ONCE: Final = 5_000
READY_SECONDS: Final = 30
END_SECONDS: Final = 20


class Pair:
    """The two nodes' folders, keys and addresses; nothing is started yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "lab"
        lab = build(self.folder, [SENDER, RECIPIENT, NEIGHBOUR], 2, None, utc_now())
        self.origin, self.taker = lab.nodes
        self._keys = {each["city"]: read_signing(Path(each["key"]), None) for each in lab.systems}
        self._agreement = lab.agreements[0]["id"]
        self.trust: Trust = open_trust(self.folder / "trust", self.folder / "seen", utc_now())

    @property
    def source(self) -> Source:
        return Source(SENDER, self._agreement, self.key(SENDER))

    def key(self, city: str) -> SigningKey:
        return self._keys[city]

    def path(self, node: LabNode) -> Path:
        """A node's configuration."""
        return self.folder / "nodes" / node.name / "hub.toml"

    def config(self, node: LabNode) -> Config:
        return read_config(self.path(node))

    @contextmanager
    def store(self, node: LabNode) -> Iterator[Store]:
        """A node's store, while the node is not running."""
        config = self.config(node)
        log_key = read_signing(config.log_key, read_passphrase(config.passphrase_file, {}))

        def sign(checkpoint: Checkpoint) -> str:
            return sign_checkpoint(checkpoint, log_key)

        store = Store.open(config.database, node.name, sign)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def running(self, node: LabNode, verb: str) -> Iterator[int]:
        """A node as processes, by `hub serve` or `hub run`; its supervisor's pid."""
        path = self.path(node)
        with (path.parent / "node.log").open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "hub", verb, "--config", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        try:
            _wait_ready(node.url, process)
            yield process.pid
        finally:
            left = processes(process.pid)
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            psutil.wait_procs(left, END_SECONDS)


def fill(store: Store, records: Sequence[Prepared], recipient: str, advance: Advance) -> None:
    """Put records of the sender into its node's store, as a push would have."""
    now = utc_now()
    for start in range(0, len(records), FILLED_AT_ONCE):
        part = records[start : start + FILLED_AT_ONCE]

        def apply(transaction: Transaction, part: Sequence[Prepared] = part) -> None:
            for each in part:
                numbers = transaction.next_numbers([recipient])
                line = entries.accepted(
                    at=rfc3339(now),
                    id=each.id,
                    revision=1,
                    digest=each.digest,
                    kind=each.kind,
                    sender=SENDER,
                    marking="amber",
                    to=numbers,
                )
                arrival = Arrival(each.id, 1, each.digest, each.kind, SENDER, "amber", None, each.jws)
                transaction.store(arrival, transaction.append(line), numbers)

        store.write(Job(apply, ids=[each.id for each in part]))
        advance(len(part))


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if session.get(f"{url}/readyz", timeout=2).status_code == 200:
                    return
            except requests.RequestException:
                time.sleep(0.05)
    raise RuntimeError("the node does not start")
