"""kill -9 at random instants during ingest: nothing that was acknowledged may be lost, and the log must verify.

A round: push batches, kill the node at a random instant, start it again. Then

1. what got no answer is pushed again and must be accepted, or be a duplicate where it had been written;
2. the whole log verifies, over HTTP as an auditor sees it;
3. every acknowledged record's entry, of all rounds so far, stands at the index that was answered, with its id
   and digest;
4. its bytes are pulled, and hash to the digest that was answered.

Every third kill takes the supervisor alone: the workers must end by themselves. PostgreSQL's own server lives on.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import psutil

from bench.catalogue import ENGINES, Settings
from bench.kept import KeptLog
from bench.load import Answer, connections, drive, in_order
from bench.progress import progress
from bench.pulling import pull_all
from bench.pushing import open_answer
from bench.records import Prepared, Request, push_request
from bench.result import Bar, Result
from bench.sandbox import RECIPIENTS, SENDER, Sandbox, database, processes
from hub.errors import Problem
from hub.log.note import VerifierKey
from hub.log.verifier import verify_log

ROUNDS: Final = 50
QUICK_ROUNDS: Final = 4
CONNECTIONS: Final = 8
RECORDS: Final = 4_000
"""Ready to be pushed in a round: more than a node takes before the last instant at which it is killed."""
BATCHES: Final = (1, 10, 50, 200)
KILL_WITHIN_SECONDS: Final = 0.8
END_SECONDS: Final = 10


@dataclass(slots=True)
class Tally:
    """What a node on one engine acknowledged, by id, and what became of it."""

    acknowledged: dict[str, tuple[str, int]] = field(default_factory=dict)
    unanswered: list[Prepared] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    again_accepted: int = 0
    again_duplicate: int = 0
    log_failures: list[str] = field(default_factory=list)
    longest_end: float = 0.0
    """Seconds that the workers outlived a supervisor killed alone."""
    checked: int = 0
    """Verified logs."""
    entries: int = 0


def run(settings: Settings, bar: Bar) -> Result:
    rounds = QUICK_ROUNDS if settings.quick else ROUNDS
    seed = int.from_bytes(os.urandom(4))
    tallies: dict[str, Tally] = {}
    with progress("crash", rounds * len(ENGINES)) as advance:
        for engine in ENGINES:
            with database(engine, settings.folder / engine) as url:
                node = _Victim(Sandbox(settings.folder / engine, url), random.Random(seed))
                tallies[engine] = node.tally
                for number in range(rounds):
                    node.round(alone=number % 3 == 2)
                    advance(1)
                node.recover()
    lost = sum(len(each.lost) for each in tallies.values())
    return Result(
        "crash",
        lost,
        bar,
        {"kills": rounds * len(ENGINES), "seed": seed}
        | {engine: _figures(tally) for engine, tally in tallies.items()},
        sound=all(not each.log_failures and each.checked == rounds for each in tallies.values()),
    )


def _figures(tally: Tally) -> dict[str, Any]:
    return {
        "acknowledged": len(tally.acknowledged),
        "lost": len(tally.lost),
        "unanswered_then_accepted": tally.again_accepted,
        "unanswered_then_duplicate": tally.again_duplicate,
        "log_verified": tally.checked,
        "log_failures": tally.log_failures,
        "entries": tally.entries,
        "workers_outlived_supervisor_s": round(tally.longest_end, 2),
    }


class _Victim:
    """One node through its deaths."""

    def __init__(self, sandbox: Sandbox, chance: random.Random) -> None:
        self._sandbox = sandbox
        self._chance = chance
        self._fresh: list[Prepared] = []
        self._killed = False
        self.tally = Tally()

    def round(self, *, alone: bool) -> None:
        """Start, recover from the last death, push, kill."""
        self._fresh += self._sandbox.source.prepare(RECORDS - len(self._fresh), RECIPIENTS)
        with self._sandbox.running() as supervisor:
            if self._killed:
                self._recover(supervisor)
            self._push_and_kill(supervisor, alone=alone)
        self._killed = True

    def recover(self) -> None:
        """Start and check once more."""
        with self._sandbox.running() as supervisor:
            self._recover(supervisor)

    def _push_and_kill(self, supervisor: int, *, alone: bool) -> None:
        sent: dict[Request, list[Prepared]] = {}
        key, left = self._sandbox.key(SENDER), self._fresh
        while left:
            size = self._chance.choice(BATCHES)
            sent[push_request(self._sandbox.url, left[:size], key)] = left[:size]
            left = left[size:]
        workers = processes(supervisor)[1:]
        killed_at = list[float]()

        def kill() -> None:
            killed_at.append(time.monotonic())
            if alone:
                os.kill(supervisor, signal.SIGKILL)
            else:
                os.killpg(supervisor, signal.SIGKILL)

        with connections(self._sandbox.url, CONNECTIONS, supervisor) as peers:
            timer = threading.Timer(self._chance.uniform(0.01, KILL_WITHIN_SECONDS), kill)
            timer.start()
            run = drive(peers, in_order(list(sent)), within=60)
            timer.join()
        _wait_ended(workers)
        if alone:
            self.tally.longest_end = max(self.tally.longest_end, time.monotonic() - killed_at[0])
        for answer in run.answers:
            self._acknowledge(answer)
            del sent[answer.request]
        self.tally.unanswered = [each for request in run.broken for each in sent.pop(request)]
        self._fresh = [each for batch in sent.values() for each in batch]

    def _acknowledge(self, answer: Answer) -> list[str]:
        outcomes = open_answer(self._sandbox, answer)["outcomes"]
        for each in outcomes:
            if each["status"] not in ("accepted", "duplicate"):
                raise RuntimeError(f"a record was not accepted: {each}")
            self.tally.acknowledged[each["id"]] = (each["digest"], each["index"])
        return [each["status"] for each in outcomes]

    def _recover(self, supervisor: int) -> None:
        tally, known = self.tally, dict(self.tally.acknowledged)
        with connections(self._sandbox.url, len(RECIPIENTS), supervisor) as peers:
            # 1. Again, what got no answer.
            again = [
                push_request(
                    self._sandbox.url, tally.unanswered[start : start + 500], self._sandbox.key(SENDER)
                )
                for start in range(0, len(tally.unanswered), 500)
            ]
            for answer in drive(peers, in_order(again), within=60).whole().answers:
                statuses = self._acknowledge(answer)
                tally.again_accepted += statuses.count("accepted")
                tally.again_duplicate += statuses.count("duplicate")
            # 2. The log.
            log = KeptLog(self._sandbox.auditor())
            try:
                report = verify_log(log, VerifierKey.parse(self._sandbox.log))
            except Problem as problem:
                tally.log_failures.append(str(problem))
                return
            tally.checked += 1
            tally.entries = report.size
            # 3. Entries.
            for record_id, (digest, index) in known.items():
                line = log.lines.get(index, b"")
                if f'"digest":"{digest}"'.encode() not in line or f'"id":"{record_id}"'.encode() not in line:
                    tally.lost.add(record_id)
            # 4. Bytes.
            held = self._pulled(peers)
        for record_id, (digest, index) in known.items():
            if held.get(index) != digest:
                tally.lost.add(record_id)

    def _pulled(self, peers: list[socket.socket]) -> dict[int, str]:
        """What the recipients pull, all of it: index to the digest of the bytes."""
        held: dict[int, str] = {}

        def came(answer: Answer) -> None:
            for item in orjson.loads(answer.plain)["items"]:
                held[item["index"]] = hashlib.sha256(item["record"].encode()).hexdigest()

        pull_all(self._sandbox, peers, RECIPIENTS, came)
        return held


def _wait_ended(workers: list[psutil.Process]) -> None:
    """Wait until the workers run no more. Raises: RuntimeError where one outlives its supervisor."""
    deadline = time.monotonic() + END_SECONDS
    while any(map(_alive, workers)):
        if time.monotonic() > deadline:
            raise RuntimeError("a worker outlives its supervisor")
        time.sleep(0.01)


def _alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that nobody has buried yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
