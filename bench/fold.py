"""Foreign leaves verified a second, over bare SHA-256 of as many nodes: a peer's whole log, folded.

The peer's level-0 tiles lie in a file and are handed over as they would come; what the network adds is told by `sync`.
A process of its own folds, so that its memory can be told: at ten times as many leaves it must need no more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from bench.catalogue import Settings
from bench.progress import progress
from bench.result import Bar, Result
from hub.federation.folding import fold
from hub.log.checkpoint import Checkpoint
from hub.log.tree import HASH_BYTES, CompactRange, split_hashes
from schemas.limits import TILE_WIDTH

LEAVES: Final = 10_000_000
QUICK_LEAVES: Final = 1_000_000
SHARE: Final = 10
"""The small log has one leaf of so many."""
ROUNDS: Final = 3
AT_ONCE: Final = 1 << 16
GROWN_MIB: Final = 16
"""So much more memory the large log may need, at the most."""
ORIGIN: Final = "peer.exchange"


def run(settings: Settings, bar: Bar) -> Result:
    large = QUICK_LEAVES if settings.quick else LEAVES
    small = large // SHARE
    with progress("fold", large + ROUNDS * large) as advance:
        path = settings.folder / "leaves"
        roots = _write(path, (small, large))
        advance(large)
        spent, floors, peaks = list[float](), list[float](), {small: 0.0, large: 0.0}
        for _ in range(ROUNDS):
            floors.append(_floor(large))
            for size in (small, large):
                found = _folded(path, size, roots[size])
                peaks[size] = max(peaks[size], found["mib"])
            spent.append(found["seconds"])
            advance(large)
    return Result(
        "fold",
        round(median(floors) / median(spent), 3),
        bar,
        {
            "leaves_per_second": round(large / median(spent)),
            "bare_sha256_per_second": round(large / median(floors)),
            "leaves": large,
            "seconds": [round(each, 2) for each in spent],
            "mib": round(peaks[large], 1),
            f"mib_at_{small}_leaves": round(peaks[small], 1),
        },
        sound=peaks[large] <= peaks[small] + GROWN_MIB,
    )


def _write(path: Path, sizes: tuple[int, ...]) -> dict[int, str]:
    """A file of random leaves, as many as the largest size; the root of the first so many for each size."""
    roots: dict[int, str] = {}
    tree = CompactRange()
    with path.open("wb") as file:
        for start, end in _chunks(max(sizes), sizes):
            leaves = os.urandom((end - start) * HASH_BYTES)
            file.write(leaves)
            tree = tree.extend(split_hashes(leaves))
            if end in sizes:
                roots[end] = tree.root().hex()
    return roots


def _chunks(size: int, borders: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    start = 0
    while start < size:
        end = min([start + AT_ONCE, size, *(border for border in borders if border > start)])
        yield start, end
        start = end


def _floor(count: int) -> float:
    """The seconds of as many SHA-256 of two hashes and a prefix as a tree of `count` leaves has nodes."""
    node = b"\x01" + bytes(2 * HASH_BYTES)
    started = time.perf_counter()
    for _ in range(count - 1):
        sha256(node).digest()
    return time.perf_counter() - started


def _folded(path: Path, size: int, root: str) -> dict[str, float]:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.fold", str(path), str(size), root],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = orjson.loads(ended.stdout)
    return found


def _fold(path: Path, size: int, root: str) -> None:
    """What the process of its own does: fold the log, and say how long it took and the memory that it ever needed."""
    with path.open("rb") as file:

        def read(level: int, number: int, width: int) -> bytes:
            assert level == 0
            file.seek(number * TILE_WIDTH * HASH_BYTES)
            return file.read(width * HASH_BYTES)

        started = time.perf_counter()
        fold(CompactRange(), Checkpoint(ORIGIN, size, bytes.fromhex(root)), read)
        spent = time.perf_counter() - started
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    print(orjson.dumps({"seconds": spent, "mib": peak / 1024}).decode())


if __name__ == "__main__":
    _fold(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
