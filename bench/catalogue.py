"""The benches: what each measures, and the bar it is held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from bench.result import Bar, Result


@dataclass(frozen=True, slots=True)
class Settings:
    """How a bench is to run: at the size that ends within a minute, on which engine, in which folder.

    `engine` is for the benches that run a node on one database; `growth` and `crash` always use both. `seed` repeats
    what `partition` did; `loopback` keeps it from network namespaces.
    """

    quick: bool
    engine: str
    folder: Path
    seed: int | None = None
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Bench:
    name: str
    about: str
    bar: Bar

    def run(self, settings: Settings) -> Result:
        """Run it; the module is loaded only now."""
        runner: Callable[[Settings, Bar], Result] = import_module(f"bench.{self.name}").run
        return runner(settings, self.bar)


_ALL: Final = (
    Bench(
        "ingest",
        "batches of 500 pushed over HTTP, durable and logged, against Ed25519 verifications on all cores",
        Bar("ratio", 0.35, aim=0.55),
    ),
    Bench(
        "single",
        "one record a request over 32 connections, against an empty Flask POST on the same server",
        Bar("ratio", 0.10, aim=0.2),
    ),
    Bench("pull", "pages of 1,000 records, against ingest in the same run", Bar("ratio", 6)),
    Bench("audit", "hub verify --log on 1,000,000 entries, against bare SHA-256", Bar("ratio", 0.25)),
    Bench(
        "growth",
        "appending 1,000 records at 1,000,000 entries, against the same at 10,000",
        Bar("ratio", 1.2, at_most=True),
    ),
    Bench(
        "memory",
        "the server's peak while 1,000,000 records are pulled and while 64 long polls wait",
        Bar("mib", 300, at_most=True),
    ),
    Bench(
        "adapt",
        "every city's export to validated drafts, against the format's library and marshmallow alone",
        Bar("ratio", 2, at_most=True),
    ),
    Bench(
        "crash",
        "kill -9 at random instants during ingest, 50 times on SQLite and on PostgreSQL",
        Bar("lost", 0, at_most=True),
    ),
    Bench(
        "sync",
        "an empty node catches up 200,000 records from a peer, against Ed25519 verifications on all cores",
        Bar("ratio", 0.30),
    ),
    Bench("fold", "10,000,000 leaves of a peer's log verified, against bare SHA-256", Bar("ratio", 0.3)),
    Bench(
        "idle",
        "a round with nothing new at 1,000,000 entries: bytes on the wire, one request",
        Bar("bytes", 4095, at_most=True),
    ),
    Bench(
        "lane",
        "an alert from push to pull across two nodes during bulk sync: p99 over that of idle nodes",
        Bar("ratio", 20, at_most=True),
    ),
    Bench(
        "partition",
        "three nodes, links cut and healed and nodes killed at random for 5 minutes under load",
        Bar("lost", 0, at_most=True),
    ),
)
BENCHES: Final = {bench.name: bench for bench in _ALL}
ENGINES: Final = ("sqlite", "postgresql")
