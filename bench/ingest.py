"""Records a second that a node takes in batches of 500, durable and logged, over the bare signature checks.

Rounds of fresh records alternate with the floor; both figures are medians.
"""

from __future__ import annotations

from statistics import median
from typing import Final

from bench.catalogue import Settings
from bench.floors import cores, ed25519_per_second
from bench.load import Run, connections, latencies
from bench.progress import progress
from bench.pushing import BATCH, CONNECTIONS, push_round
from bench.result import Bar, Result
from bench.sandbox import RECIPIENTS, SENDER, Sandbox, cpu_seconds, database

ROUNDS: Final = 5
RECORDS: Final = 40_000
QUICK_ROUNDS: Final = 3
QUICK_RECORDS: Final = 10_000


def run(settings: Settings, bar: Bar) -> Result:
    rounds, count = (QUICK_ROUNDS, QUICK_RECORDS) if settings.quick else (ROUNDS, RECORDS)
    rates, floors, runs = list[float](), list[float](), list[Run]()
    used = 0.0
    with (
        database(settings.engine, settings.folder) as url,
        progress("ingest", rounds) as advance,
    ):
        sandbox = Sandbox(settings.folder, url)
        with sandbox.running() as supervisor, connections(sandbox.url, CONNECTIONS, supervisor) as peers:
            push_round(sandbox, peers, sandbox.source.prepare(BATCH * CONNECTIONS, RECIPIENTS[:1]))
            for _ in range(rounds):
                records = sandbox.source.prepare(count, RECIPIENTS[:1])
                floors.append(ed25519_per_second(records, sandbox.key(SENDER).public))
                before = cpu_seconds(supervisor)
                pushed = push_round(sandbox, peers, records)
                used += cpu_seconds(supervisor) - before
                rates.append(pushed.per_second)
                runs.append(pushed.run)
                advance(1)
            floors.append(ed25519_per_second(records, sandbox.key(SENDER).public))
    floor = median(floors) * cores()
    return Result(
        "ingest",
        round(median(rates) / floor, 3),
        bar,
        {
            "records_per_second": round(median(rates)),
            "rounds": [round(rate) for rate in rates],
            "ed25519_per_second_one_thread": [round(floor) for floor in floors],
            "cores": cores(),
            "engine": settings.engine,
            "records_a_round": count,
            "batch": BATCH,
            "record_bytes": len(records[0].jws),
            "connections": CONNECTIONS,
            "server_cpu_us_a_record": round(1e6 * used / (rounds * count)),
            "client_share_of_one_core": round(median(each.client_share for each in runs), 3),
            "answer_ms": latencies(runs),
        },
    )
