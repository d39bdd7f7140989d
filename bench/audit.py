"""Entries a second that `hub verify --log` checks, over bare SHA-256 of as many hashes over the same bytes.

The log is a folder of tiles, as an auditor is handed one, signed by a lab's node. The command's whole time
counts, its start included; the time it takes over a log of one entry is told beside it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from bench.catalogue import Settings
from bench.filling import time_ordered
from bench.floors import sha256_seconds
from bench.progress import Advance, progress
from bench.result import Bar, Result
from bench.sandbox import RECIPIENTS, SENDER, Sandbox
from hub.clock import rfc3339, utc_now
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.tile import ENTRIES, Tile, encode_bundle, new_tiles
from hub.log.tree import CompactRange, leaf_hashes
from keys.suite import SigningKey
from schemas.limits import TILE_WIDTH

SIZE: Final = 1_000_000
QUICK_SIZE: Final = 400_000
ROUNDS: Final = 3
CITIES: Final = 4
"""Recipients of each record: entries of some 310 bytes."""
CHUNK: Final = 256 * TILE_WIDTH
"""Entries written at a time: a multiple of a tile's width."""


def run(settings: Settings, bar: Bar) -> Result:
    size = QUICK_SIZE if settings.quick else SIZE
    sandbox = Sandbox(settings.folder, None)
    whole, tiny = settings.folder / "log", settings.folder / "log-of-one"
    with progress("audit", size + ROUNDS * size // 4) as advance:
        floor, length = write_log(whole, sandbox.name, sandbox.log_key(), size, advance)
        write_log(tiny, sandbox.name, sandbox.log_key(), 1, lambda _: None)
        spent, starts = list[float](), list[float]()
        for _ in range(ROUNDS):
            starts.append(_verify(tiny, sandbox.repository))
            spent.append(_verify(whole, sandbox.repository))
            advance(size // 4)
    return Result(
        "audit",
        round(floor / median(spent), 3),
        bar,
        {
            "entries_per_second": round(size / median(spent)),
            "bare_sha256_entries_per_second": round(size / floor),
            "entries": size,
            "entry_bytes": length,
            "seconds": [round(each, 2) for each in spent],
            "start_seconds": round(median(starts), 2),
            "ratio_without_start": round(floor / (median(spent) - median(starts)), 3),
        },
    )


def write_log(folder: Path, origin: str, key: SigningKey, size: int, advance: Advance) -> tuple[float, int]:
    """Write a log of accepted entries as tlog-tiles; the bare hashing time of it, and the last entry's bytes."""
    floor, tails, tree = 0.0, dict[int, bytes](), CompactRange()
    held: dict[str, bytes] = {}
    for lines in _lines(size):
        floor += sha256_seconds(lines)
        leaves = leaf_hashes(lines)
        written, tails = new_tiles(tree.size, leaves, tails)
        for level, number, hashes in written:
            held[Tile(level, number, len(hashes) // 32).path] = hashes
        for start in range(0, len(lines), TILE_WIDTH):
            part = lines[start : start + TILE_WIDTH]
            held[Tile(ENTRIES, (tree.size + start) // TILE_WIDTH, len(part)).path] = encode_bundle(part)
        tree = tree.extend(leaves)
        for path, content in held.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        held.clear()
        advance(len(lines))
    (folder / "checkpoint").write_text(sign_checkpoint(Checkpoint(origin, size, tree.root()), key))
    return floor, len(lines[-1])


def _lines(size: int) -> Iterator[Sequence[bytes]]:
    """Entries of records to a few cities each, in chunks of whole tiles."""
    now = utc_now()
    at = rfc3339(now)
    numbers = dict.fromkeys(RECIPIENTS, 0)
    for start in range(0, size, CHUNK):
        lines = []
        for place in range(start, min(start + CHUNK, size)):
            cities = [RECIPIENTS[(place + step) % len(RECIPIENTS)] for step in range(CITIES)]
            for city in cities:
                numbers[city] += 1
            record_id = time_ordered(now, place)
            lines.append(
                entries.accepted(
                    at=at,
                    id=record_id,
                    revision=1,
                    digest=hashlib.sha256(record_id.encode()).hexdigest(),
                    kind="alert",
                    sender=SENDER,
                    marking="amber",
                    to={city: numbers[city] for city in cities},
                )
            )
        yield lines


def _verify(log: Path, repository: Path) -> float:
    command = [sys.executable, "-m", "hub", "verify", "--log", str(log), "--trust", str(repository)]
    started = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    spent = time.perf_counter() - started
    if ended.returncode:
        raise RuntimeError(f"hub verify ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return spent
