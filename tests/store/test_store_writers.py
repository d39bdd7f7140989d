"""Many writers: threads share commits, processes take turns, and a kill at any instant loses nothing told."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from keeping import ORDOS, SENDER, XINZHOU, Letter, open_store, put, verify
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from waiting import until

from hub.errors import Code, Problem
from hub.store import Job, Store, Transaction
from hub.store.transaction import Arrival

SCRIPT = Path(__file__).with_name("writing_process.py")
PLACES = (SCRIPT.parent, SCRIPT.parents[1], SCRIPT.parents[2])
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PLACES))}


def queue_up(
    store: Store, jobs: Sequence[Callable[[], object]], then: Callable[[], object] = lambda: None
) -> list[object]:
    """Run `jobs`, each on a thread, so that all of them wait for the appender together; `then` is done first."""
    gate = threading.Event()
    with ThreadPoolExecutor(len(jobs) + 1) as threads:
        holding = threads.submit(store.write, Job(lambda _: (gate.wait(10), then())))
        until(lambda: holding.running() and store._appender._queue.empty())
        futures = [threads.submit(job) for job in jobs]
        until(lambda: store._appender._queue.qsize() == len(jobs))
        gate.set()
        return [future.exception() or future.result() for future in futures]


def test_jobs_that_arrive_together_share_one_commit(store: Store) -> None:
    commits: list[object] = []
    event.listen(store._database.writer, "commit", commits.append)
    letters = [Letter([ORDOS, XINZHOU]) for _ in range(24)]
    outcomes = queue_up(store, [lambda each=each: store.write(each.job()).result for each in letters])  # type: ignore[misc]
    assert sorted(outcomes) == [("accepted", n) for n in range(24)]  # type: ignore[type-var]
    assert len(commits) == 2, "one for the job that held the others up, one for all of them"
    assert verify(store).streams == {ORDOS: 24, XINZHOU: 24}


def test_a_job_that_breaks_fails_alone(store: Store) -> None:
    class Broken(Exception):
        pass

    def poison(transaction: Transaction) -> None:
        transaction.next_numbers([ORDOS])
        transaction.append(b"not even an entry")
        raise Broken

    good = [Letter() for _ in range(6)]
    jobs: list[Callable[[], object]] = [lambda each=each: store.write(each.job()).result[0] for each in good]  # type: ignore[misc]
    jobs.insert(3, lambda: store.write(Job(poison)))
    outcomes = queue_up(store, jobs)
    assert isinstance(outcomes.pop(3), Broken)
    assert outcomes == ["accepted"] * 6
    assert verify(store).streams == {ORDOS: 6}


def test_a_job_that_breaks_the_database_fails_alone(store: Store) -> None:
    """A row that no table takes twice shows only when all is written: the others are then done one by one."""
    good = [Letter() for _ in range(4)]
    bad = Letter()

    def misnumber(transaction: Transaction) -> None:
        _, index = bad.put(transaction)
        arrival = Arrival(bad.id, 1, bad.digest, bad.kind, bad.sender, bad.marking, None, bad.jws)
        transaction.store(arrival, index, {ORDOS: 1})

    jobs: list[Callable[[], object]] = [lambda each=each: store.write(each.job()).result[0] for each in good]  # type: ignore[misc]
    jobs.insert(1, lambda: store.write(Job(misnumber, None, [bad.id])))
    outcomes = queue_up(store, jobs)
    refused = outcomes.pop(1)
    assert isinstance(refused, Problem)
    assert refused.code is Code.BUSY
    assert outcomes == ["accepted"] * 4
    assert verify(store).streams == {ORDOS: 4}


def test_a_batch_whose_transaction_cannot_be_begun_is_busy_at_once(store: Store) -> None:
    """One by one each job would wait for the same lock in vain, and those behind it for all of them."""
    tried: list[object] = []

    def refuse(connection: object) -> None:
        tried.append(connection)
        raise OperationalError("BEGIN", None, Exception("database is locked"))

    jobs = [partial(lambda each: store.write(each.job()), Letter()) for _ in range(12)]
    outcomes = queue_up(store, jobs, lambda: event.listen(store._database.writer, "begin", refuse))
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Problem)] == [Code.BUSY] * 12
    assert len(tried) == 1
    event.remove(store._database.writer, "begin", refuse)
    assert put(store, Letter()) == [("accepted", 0)]
    assert verify(store).size == 1


def test_a_refusal_is_the_jobs_own_and_costs_its_neighbours_nothing(store: Store) -> None:
    def refuse(_: Transaction) -> None:
        raise Problem(Code.CONFLICT, "no")

    letter = Letter()
    outcomes = queue_up(store, [lambda: store.write(Job(refuse)), lambda: store.write(letter.job()).result])
    assert isinstance(outcomes[0], Problem)
    assert outcomes[1] == ("accepted", 0)


def test_the_same_record_from_many_threads_is_stored_once(store: Store) -> None:
    letter = Letter()
    outcomes = queue_up(store, [lambda: store.write(letter.job()).result] * 8)
    assert sorted(outcomes) == [("accepted", 0), *[("duplicate", 0)] * 7]  # type: ignore[type-var]


def test_closing_while_others_write_answers_everybody(database_url: str) -> None:
    store = open_store(database_url)
    started = threading.Barrier(9)

    def write() -> int:
        started.wait()
        stored = 0
        try:
            while True:
                put(store, Letter())
                stored += 1
        except Problem as problem:
            assert problem.code is Code.BUSY
        return stored

    with ThreadPoolExecutor(8) as threads:
        writers = [threads.submit(write) for _ in range(8)]
        started.wait()
        until(lambda: store.head().size > 20)
        store._appender.close()
        told = sum(writer.result(timeout=10) for writer in writers)
    assert verify(store).size == told
    store.close()


def test_two_stores_on_one_database_write_by_turns(store: Store, database_url: str) -> None:
    other = open_store(database_url)
    with ThreadPoolExecutor(4) as threads:
        writers = [
            threads.submit(lambda to: [put(to, Letter([ORDOS])) for _ in range(25)], each)
            for each in (store, other, store, other)
        ]
        indexes = [index for writer in writers for ((_, index),) in writer.result()]
    assert sorted(indexes) == list(range(100))
    assert verify(other).streams == {ORDOS: 100}
    other.close()


def test_two_processes_on_one_database_write_by_turns(store: Store, database_url: str) -> None:
    command = [sys.executable, str(SCRIPT), database_url, "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        mine = [put(store, Letter())[0][1] for _ in range(60)]
        others = [int(line.split()[0]) for line in process.stdout]
    assert process.returncode == 0
    assert len(set(mine) | set(others)) == 119
    assert verify(store).streams == {ORDOS: 120}


@pytest.mark.parametrize("told", [1, 40])
def test_what_was_told_survives_a_kill(database_url: str, told: int) -> None:
    command = [sys.executable, str(SCRIPT), database_url, "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().split() for _ in range(told)]
        process.kill()
    store = open_store(database_url)
    assert verify(store).size >= told
    for index, record_id, digest in acknowledged:
        assert [(each.index, each.digest) for each in store.revisions(record_id, [SENDER])] == [
            (int(index), digest)
        ]
    size = store.head().size
    assert put(store, Letter()) == [("accepted", size)]
    store.close()
