"""Records a second that an empty node catches up from a peer, over Ed25519 verifications a second on all cores.

The peer is a running node with 200,000 records for the empty one; the other runs `hub sync`, whose whole time counts,
its start included: folding the peer's log, proving every entry, accepting every record as a push, storing all of it.
Both nodes share the machine. Afterwards the empty node's store must hold every record with its peer's bytes.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import Final

import orjson

from bench.catalogue import Settings
from bench.floors import cores, ed25519_per_second
from bench.pair import RECIPIENT, Pair, fill
from bench.progress import progress
from bench.records import Prepared
from bench.result import Bar, Result
from bench.sandbox import SENDER, cpu_seconds
from hub.clock import rfc3339, utc_now
from hub.store import Selection

RECORDS: Final = 200_000
QUICK_RECORDS: Final = 20_000
MADE_AT_ONCE: Final = 20_000


def run(settings: Settings, bar: Bar) -> Result:
    count = QUICK_RECORDS if settings.quick else RECORDS
    pair = Pair(settings.folder)
    digests: set[str] = set()
    with progress("sync", 2 * count) as advance:
        with pair.store(pair.origin) as store:
            for start in range(0, count, MADE_AT_ONCE):
                made = pair.source.prepare(min(MADE_AT_ONCE, count - start), [RECIPIENT])
                fill(store, made, RECIPIENT, advance)
                digests |= {each.digest for each in made}
        floors = [_floor(pair, made)]
        with pair.running(pair.origin, "serve") as supervisor:
            before = cpu_seconds(supervisor)
            spent, said = _sync(pair)
            served = cpu_seconds(supervisor) - before
        floors.append(_floor(pair, made))
        advance(count)
    if said["new"] != count or _held(pair) != digests:
        raise RuntimeError(f"{said['new']} of {count} records came, or others than were sent")
    return Result(
        "sync",
        round(count / spent / (median(floors) * cores()), 3),
        bar,
        {
            "records_per_second": round(count / spent),
            "seconds": round(spent, 1),
            "records": count,
            "ed25519_per_second_and_core": [round(each) for each in floors],
            "cores": cores(),
            "peer_cpu_us_a_record": round(1e6 * served / count),
        },
    )


def _floor(pair: Pair, records: Sequence[Prepared]) -> float:
    return ed25519_per_second(records, pair.key(SENDER).public)


def _sync(pair: Pair) -> tuple[float, dict[str, int]]:
    """The seconds that `hub sync` takes, and what it says of its round."""
    command = [sys.executable, "-m", "hub", "sync", pair.origin.name, "--json"]
    started = time.perf_counter()
    ended = subprocess.run(
        [*command, "--config", str(pair.path(pair.taker))], capture_output=True, text=True, check=False
    )
    spent = time.perf_counter() - started
    if ended.returncode:
        raise RuntimeError(f"hub sync ended with {ended.returncode}: {ended.stdout} {ended.stderr[-2000:]}")
    said: dict[str, int] = orjson.loads(ended.stdout)["rounds"][0]
    return spent, said


def _held(pair: Pair) -> set[str]:
    """The digests of the bytes that the taker holds for the recipient."""
    found: set[str] = set()
    after, more = -1, True
    with pair.store(pair.taker) as store:
        while more:
            page = store.page(Selection(frozenset({RECIPIENT}), after), rfc3339(utc_now()))
            found |= {hashlib.sha256((item.jws or "").encode()).hexdigest() for item in page.items}
            after, more = page.items[-1].index if page.items else after, page.more
    return found
