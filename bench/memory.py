"""The server's peak memory while 1,000,000 records are pulled from it, and while 64 long polls wait.

Counted is the proportional set size (PSS) of the supervisor and all its workers: what they share counts once.
It is sampled; the sum of each process's own high-water mark of resident memory, which counts shared pages
once a process but misses no peak, is told beside it. Every other cursor asks for gzip.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from bench.catalogue import Settings
from bench.filling import Filler, time_ordered
from bench.load import Answer, connections, drive, in_order
from bench.progress import progress
from bench.pulling import PAGE, pull_all
from bench.records import pull_request
from bench.result import Bar, Result
from bench.sandbox import RECIPIENTS, SENDER, Sandbox, database, processes
from hub.clock import utc_now

RECORDS: Final = 1_000_000
QUICK_RECORDS: Final = 50_000
POLLS: Final = 64
WAIT_SECONDS: Final = 30
QUICK_WAIT_SECONDS: Final = 8
SAMPLE_SECONDS: Final = 0.1
MIB: Final = 1 << 20


def run(settings: Settings, bar: Bar) -> Result:
    count = QUICK_RECORDS if settings.quick else RECORDS
    wait = QUICK_WAIT_SECONDS if settings.quick else WAIT_SECONDS
    with (
        database(settings.engine, settings.folder) as url,
        progress("memory", 2 * count) as advance,
    ):
        sandbox = Sandbox(settings.folder, url)
        jws = sandbox.source.prepare(1, RECIPIENTS[:1])[0].jws
        with sandbox.store() as store:
            Filler(store, SENDER, RECIPIENTS, jws, time_ordered, utc_now()).fill(count, advance)
        with sandbox.running() as supervisor:
            with Sampler(supervisor) as idle:
                pass
            pulled = 0

            def came(answer: Answer) -> None:
                nonlocal pulled
                items = answer.plain.count(b'{"index":')
                pulled += items
                advance(items)

            with (
                Sampler(supervisor) as pulling,
                connections(sandbox.url, len(RECIPIENTS), supervisor) as peers,
            ):
                pull_all(sandbox, peers, RECIPIENTS, came, compressed=lambda city: city in RECIPIENTS[::2])
            with Sampler(supervisor) as polling, connections(sandbox.url, POLLS, supervisor) as peers:
                polls = [
                    pull_request(sandbox.url, f"after={2**40}&wait={wait}", sandbox.key(RECIPIENTS[0]))
                    for _ in range(POLLS)
                ]
                held = drive(peers, in_order(polls), within=4 * wait).whole()
            high_water = sum(_high_water(each.pid) for each in processes(supervisor))
    waited = sum(answer.seconds >= wait - 1 and b'"items":[]' in answer.body for answer in held.answers)
    return Result(
        "memory",
        round(max(pulling.peak, polling.peak), 1),
        bar,
        {
            "pulling_mib": round(pulling.peak, 1),
            "polling_mib": round(polling.peak, 1),
            "idle_mib": round(idle.peak, 1),
            "high_water_sum_mib": round(high_water, 1),
            "counted": "PSS of supervisor and workers",
            "processes": pulling.processes,
            "samples": pulling.samples,
            "engine": settings.engine,
            "records_pulled": pulled,
            "page": PAGE,
            "polls_held": waited,
        },
        sound=pulled >= count and waited == POLLS,
    )


class Sampler:
    """Samples the memory of a node's processes while it is entered; `peak` is in MiB."""

    def __init__(self, supervisor: int) -> None:
        self._supervisor = supervisor
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peak = 0.0
        self.samples = 0
        self.processes = 0

    def __enter__(self) -> Sampler:
        self._take()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._take()

    def _take(self) -> None:
        with _gone_is_nothing():
            alive = processes(self._supervisor)
            self.peak = max(self.peak, sum(each.memory_full_info().pss for each in alive) / MIB)
            self.processes = len(alive)
            self.samples += 1


@contextmanager
def _gone_is_nothing() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return


def _high_water(pid: int) -> float:
    """The most resident memory that a process ever had, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
