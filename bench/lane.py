"""How long an alert takes from its push at one node to the pull of a system at another, during bulk sync.

Both nodes run with their clocks (`hub run`). A system of the recipient's city holds a pull at its own node; alerts are
pushed at the sender's node one after the other: 200 while nothing else happens, and 200 while the recipient's node
catches up 100,000 records of another kind, more being added as long as it takes. The bar is the ratio of the two 99th
percentiles; the time itself has one, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Final

from bench.catalogue import Settings
from bench.pair import RECIPIENT, Pair, fill
from bench.progress import progress
from bench.result import Bar, Result
from bench.sandbox import SENDER
from hub.client import Client
from hub.cursor import Passing
from hub.errors import Problem
from hub.store import Store

ALERTS: Final = 200
QUICK_ALERTS: Final = 40
BULK: Final = 100_000
QUICK_BULK: Final = 20_000
MORE: Final = 20_000
LEFT_AT_LEAST: Final = 10_000
"""More is added once fewer are left: the sync never ends before the alerts do."""
SECONDS_AT_MOST: Final = 3.0
PATIENCE_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 30
PAUSE_SECONDS: Final = 0.05


def run(settings: Settings, bar: Bar) -> Result:
    count = QUICK_ALERTS if settings.quick else ALERTS
    bulk = QUICK_BULK if settings.quick else BULK
    pair = Pair(settings.folder)
    with (
        pair.store(pair.origin) as sent,
        pair.store(pair.taker) as come,
        pair.running(pair.origin, "run"),
        pair.running(pair.taker, "run"),
        _listening(pair) as arrivals,
        progress("lane", 2 * count) as advance,
    ):
        pusher = Client(pair.trust, pair.origin.name, pair.key(SENDER))
        _cross(pair, pusher, arrivals)  # the first one opens connections, and is not counted
        idle = [_cross(pair, pusher, arrivals, advance) for _ in range(count)]
        with _bulk(pair, sent, come, bulk) as synced:
            busy = [_cross(pair, pusher, arrivals, advance) for _ in range(count)]
            taken = synced()
    slow, fast = _p99(busy), _p99(idle)
    return Result(
        "lane",
        round(slow / fast, 2),
        bar,
        {
            "p99_ms": round(1000 * slow),
            "p99_ms_bar": round(1000 * SECONDS_AT_MOST),
            "median_ms": round(1000 * sorted(busy)[len(busy) // 2]),
            "idle_p99_ms": round(1000 * fast),
            "idle_median_ms": round(1000 * sorted(idle)[len(idle) // 2]),
            "alerts": count,
            "records_synced_meanwhile": taken,
        },
        sound=slow < SECONDS_AT_MOST and taken > 0,
    )


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(0.99 * len(seconds)))]


def _cross(
    pair: Pair, pusher: Client, arrivals: Queue[str], advance: Callable[[int], None] = lambda _: None
) -> float:
    """The seconds from pushing an alert here to having it there, with its receipt."""
    alert = pair.source.prepare(1, [RECIPIENT])[0]
    started = time.perf_counter()
    outcome = next(pusher.push([alert.jws]))
    if outcome.status != "accepted":
        raise RuntimeError(f"an alert was not accepted: {outcome}")
    while True:
        try:
            came = arrivals.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise RuntimeError("an alert did not come") from None
        if came == alert.digest:
            advance(1)
            return time.perf_counter() - started


@contextmanager
def _listening(pair: Pair) -> Iterator[Queue[str]]:
    """The digests of alerts as the recipient's system pulls them."""
    arrivals: Queue[str] = Queue()
    ended = threading.Event()
    client = Client(pair.trust, pair.taker.name, pair.key(RECIPIENT))
    place = Passing()

    def listen() -> None:
        while not ended.is_set():
            try:
                for arrival in client.pull(place, kind="alert", wait=WAIT_SECONDS):
                    arrivals.put(arrival.digest)
            except Problem as problem:
                if not ended.is_set():
                    arrivals.put(str(problem))
                    ended.wait(PAUSE_SECONDS)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield arrivals
    finally:
        ended.set()


@contextmanager
def _bulk(pair: Pair, sent: Store, come: Store, count: int) -> Iterator[Callable[[], int]]:
    """Have the recipient's node catch up `count` records, and more as long as this is entered; tells how many came."""
    ended = threading.Event()
    name = pair.origin.name

    def place() -> int:
        return come.ask(lambda neighbours: neighbours.peer(name)).after

    def add(records: int) -> None:
        fill(sent, pair.source.prepare(records, [RECIPIENT], "ecology_lead"), RECIPIENT, lambda _: None)

    def keep_full() -> None:
        while not ended.wait(PAUSE_SECONDS):
            if sent.head().size - place() < LEFT_AT_LEAST:
                add(MORE)

    add(count)
    begun = place()
    thread = threading.Thread(target=keep_full, daemon=True)
    thread.start()
    try:
        yield lambda: place() - begun
    finally:
        ended.set()
        thread.join()
