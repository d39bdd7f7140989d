"""Requests a second with one record each, over those of an empty Flask POST on the same server.

Both get the very same requests from the same client over 32 connections, in rounds that alternate.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from bench.catalogue import Settings
from bench.floors import empty_post
from bench.load import Run, connections, drive, in_order, latencies
from bench.progress import progress
from bench.pushing import open_answer
from bench.records import Request, push_request
from bench.result import Bar, Result
from bench.sandbox import RECIPIENTS, SENDER, Sandbox, cpu_seconds, database

CONNECTIONS: Final = 32
ROUNDS: Final = 5
REQUESTS: Final = 10_000
QUICK_ROUNDS: Final = 3
QUICK_REQUESTS: Final = 3_000


def run(settings: Settings, bar: Bar) -> Result:
    rounds, count = (QUICK_ROUNDS, QUICK_REQUESTS) if settings.quick else (ROUNDS, REQUESTS)
    runs, floors = list[Run](), list[Run]()
    used = 0.0
    with (
        database(settings.engine, settings.folder) as url,
        progress("single", rounds) as advance,
    ):
        sandbox = Sandbox(settings.folder, url)
        with (
            sandbox.running() as supervisor,
            empty_post(sandbox.workers, sandbox.threads) as (empty_url, empty_supervisor),
        ):
            _round(sandbox.url, supervisor, _requests(sandbox, 10 * CONNECTIONS))
            for _ in range(rounds):
                requests = _requests(sandbox, count)
                floors.append(_round(empty_url, empty_supervisor, requests))
                before = cpu_seconds(supervisor)
                runs.append(_round(sandbox.url, supervisor, requests))
                used += cpu_seconds(supervisor) - before
                for answer in runs[-1].answers:
                    outcome = open_answer(sandbox, answer)["outcomes"][0]
                    if outcome["status"] != "accepted":
                        raise RuntimeError(f"a record was not accepted: {outcome}")
                advance(1)
    rates, floor_rates = ([count / each.seconds for each in some] for some in (runs, floors))
    return Result(
        "single",
        round(median(rates) / median(floor_rates), 3),
        bar,
        {
            "requests_per_second": round(median(rates)),
            "rounds": [round(rate) for rate in rates],
            "empty_flask_per_second": round(median(floor_rates)),
            "empty_flask_rounds": [round(rate) for rate in floor_rates],
            "engine": settings.engine,
            "requests_a_round": count,
            "connections": CONNECTIONS,
            "server_cpu_us_a_request": round(1e6 * used / (rounds * count)),
            "client_share_of_one_core": round(median(each.client_share for each in runs), 3),
            "client_share_at_the_floor": round(median(each.client_share for each in floors), 3),
            "answer_ms": latencies(runs),
        },
    )


def _requests(sandbox: Sandbox, count: int) -> list[Request]:
    key = sandbox.key(SENDER)
    records = sandbox.source.prepare(count, RECIPIENTS[:1])
    return [push_request(sandbox.url, [each], key) for each in records]


def _round(url: str, supervisor: int, requests: Sequence[Request]) -> Run:
    with connections(url, CONNECTIONS, supervisor) as peers:
        return drive(peers, in_order(requests), within=600).whole()
