"""The time to append 1,000 records in one commit at 1,000,000 entries, over the same at 10,000.

Appends go through `Store.write`, as one job with what a push of 1,000 looks up, numbers, logs and stores; both
stores are open at once and take turns, so that noise of the machine falls on both. What filling left to be
written is written first (a checkpoint; on PostgreSQL also the `VACUUM ANALYZE` that its autovacuum would do).
Ids in time order (version 7) and scattered ones (version 5), on both engines; the worst of the four counts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

from sqlalchemy import create_engine, text

from bench import postgresql
from bench.catalogue import ENGINES, Settings
from bench.filling import Filler, MakeId, scattered, time_ordered
from bench.progress import Advance, progress
from bench.records import Source
from bench.result import Bar, Result
from bench.sandbox import RECIPIENTS, SENDER, database
from hub.clock import utc_now
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.store import Store
from keys.suite import generate_signing

APPEND: Final = 1_000
APPENDS: Final = 40
QUICK_APPENDS: Final = 16
SMALL: Final = 10_000
LARGE: Final = 1_000_000
QUICK_LARGE: Final = 100_000
IDS: Final[dict[str, MakeId]] = {"version_7": time_ordered, "version_5": scattered}


def run(settings: Settings, bar: Bar) -> Result:
    large, appends = (QUICK_LARGE, QUICK_APPENDS) if settings.quick else (LARGE, APPENDS)
    found: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        urls = {engine: stack.enter_context(database(engine, settings.folder)) for engine in ENGINES}
        advance = stack.enter_context(progress("growth", len(IDS) * len(ENGINES) * large))
        for engine, (name, make_id) in product(ENGINES, IDS.items()):
            label = f"{engine}_{name}"
            sizes = (SMALL, large)
            with _fillers(settings.folder, urls[engine], label, make_id, sizes, advance) as (small, grown):
                found[label] = _compare(small, grown, appends)
    return Result(
        "growth",
        max(each["ratio"] for each in found.values()),
        bar,
        {"entries": large, "entries_before": SMALL, "records_an_append": APPEND, "appends": appends} | found,
    )


def _compare(small: Filler, grown: Filler, appends: int) -> dict[str, Any]:
    few, many = list[float](), list[float]()
    for number in range(appends):
        # Who goes first alternates, too.
        for filler, spent in ((small, few), (grown, many))[:: 1 if number % 2 else -1]:
            arrivals = filler.arrivals(APPEND)
            started = time.perf_counter()
            filler.append(arrivals)
            spent.append(time.perf_counter() - started)
    return {
        "ratio": round(median(many) / median(few), 3),
        "ratio_of_means": round(mean(many) / mean(few), 3),
        "ms": round(1000 * median(many), 2),
        "ms_before": round(1000 * median(few), 2),
    }


@contextmanager
def _fillers(
    folder: Path, url: str | None, label: str, make_id: MakeId, sizes: tuple[int, ...], advance: Advance
) -> Iterator[list[Filler]]:
    key = generate_signing()
    jws = Source(SENDER, "all", key).prepare(1, RECIPIENTS[:1])[0].jws

    def sign(checkpoint: Checkpoint) -> str:
        return sign_checkpoint(checkpoint, key)

    with ExitStack() as stack:
        fillers = []
        for size in sizes:
            name = f"{label}_{size}"
            held = f"sqlite:///{folder / name}.db" if url is None else postgresql.in_schema(url, name)
            store = Store.open(held, "610800.exchange", sign)
            stack.callback(store.close)
            filler = Filler(store, SENDER, RECIPIENTS, jws, make_id, utc_now())
            filler.fill(size, advance)
            _settle(held)
            fillers.append(filler)
        yield fillers


def _settle(url: str) -> None:
    """Have all that was written so far on disk, and the planner's statistics taken."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        for statement in ("PRAGMA wal_checkpoint(TRUNCATE)",) if sqlite else ("VACUUM ANALYZE", "CHECKPOINT"):
            connection.execute(text(statement))
    engine.dispose()
    os.sync()
