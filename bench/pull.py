"""Records a second pulled in pages of 1,000, over those pushed in batches of 500 in the same run.

Both by as many connections of the same client; each record is for one city and is pulled once. Whether the
pages are signed, whole and without a gap is checked when the clock has stopped; proofs are not the node's work.
"""

from __future__ import annotations

from statistics import median
from typing import Final

from bench.catalogue import Settings
from bench.load import Answer, connections
from bench.progress import progress
from bench.pulling import PAGE, pull_all
from bench.pushing import CONNECTIONS, open_answer, push_round
from bench.result import Bar, Result
from bench.sandbox import RECIPIENTS, Sandbox, cpu_seconds, database

ROUNDS: Final = 3
RECORDS: Final = 40_000
QUICK_RECORDS: Final = 16_000


def run(settings: Settings, bar: Bar) -> Result:
    count = QUICK_RECORDS if settings.quick else RECORDS
    pushed, pulled, shares, sizes = list[float](), list[float](), list[float](), list[int]()
    used = 0.0
    with (
        database(settings.engine, settings.folder) as url,
        progress("pull", ROUNDS) as advance,
    ):
        for number in range(ROUNDS):
            sandbox = Sandbox(settings.folder / f"round-{number}", url)
            records = sandbox.source.prepare(count, RECIPIENTS)
            with sandbox.running() as supervisor, connections(sandbox.url, CONNECTIONS, supervisor) as peers:
                wanted = push_round(sandbox, peers, records)
                pages: list[Answer] = []
                before = cpu_seconds(supervisor)
                found = pull_all(sandbox, peers, RECIPIENTS, pages.append)
                used += cpu_seconds(supervisor) - before
            _check(sandbox, pages, set(wanted.indexes.values()))
            pushed.append(wanted.per_second)
            pulled.append(count / found.seconds)
            shares.append(found.client_share)
            sizes += [len(page.body) for page in pages]
            advance(1)
    return Result(
        "pull",
        round(median(pulled) / median(pushed), 3),
        bar,
        {
            "records_per_second": round(median(pulled)),
            "rounds": [round(rate) for rate in pulled],
            "ingest_records_per_second": round(median(pushed)),
            "ingest_rounds": [round(rate) for rate in pushed],
            "engine": settings.engine,
            "records_a_round": count,
            "page": PAGE,
            "page_bytes": max(sizes),
            "connections": CONNECTIONS,
            "server_cpu_us_a_record": round(1e6 * used / (ROUNDS * count)),
            "client_share_of_one_core": round(median(shares), 3),
        },
    )


def _check(sandbox: Sandbox, pages: list[Answer], wanted: set[int]) -> None:
    came = [item["index"] for page in pages for item in open_answer(sandbox, page)["items"] if item["record"]]
    if len(came) != len(wanted) or set(came) != wanted:
        raise RuntimeError(f"{len(set(came) & wanted)} of {len(wanted)} records were pulled")
