"""Ranges: a log cut into runs of tiles that are checked each on its own, in this process or in several.

The rules:

1. A range is up to 64 level-0 tiles with their entry bundles. Its check reads each entry once and nothing of any
   other range: entries, the streams inside, level-0 tiles.
2. It stops at its first fault and hands the fault back beside what it found up to there.
3. `check_ranges` gives the findings in the log's order, however many processes there are. Who joins them holds a
   range's beginning against the end of the one before it, then takes its fault, then goes on; so the first
   fault of the log is the one that is named.
4. The other processes are started anew (`spawn`), end with this one, and are given the reader and two numbers.
"""

from __future__ import annotations

import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Final

from hub.errors import Code, Problem
from hub.log import entry as entries
from hub.log import form
from hub.log import tile as tiles
from hub.log.reader import LogReader
from hub.log.tree import HASH_BYTES, complete_root, leaf_hashes
from schemas.limits import TILE_WIDTH

RANGE_ENTRIES: Final = 64 * TILE_WIDTH
"""A divisor of what a level-1 tile covers, so that no tile above level 0 fills inside of a range."""
AHEAD: Final = 2
"""Ranges for each process that are given out before their turn to be joined: what memory is bounded by."""

Progress = Callable[[int, int], None]
"""Called with the entries checked so far and how many there are."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one range holds, up to its fault if it has one."""

    types: Mapping[str, int]
    """How many entries of each type."""
    first: Mapping[str, tuple[int, int]]
    """By city code, in the log's order: the first number of its stream, and the index of that entry."""
    last: Mapping[str, int]
    """The last number of each stream; there is no gap between."""
    moves: Sequence[tuple[int, entries.Departed | entries.Hosted]]
    """Cities that departed or came before anything was numbered for them here, to be held against what was before."""
    roots: bytes
    """The roots of the full level-0 tiles: hashes of level 1."""
    tail: bytes
    """The partial level-0 tile at the log's end."""
    fault: Problem | None


def check_ranges(
    reader: LogReader, size: int, processes: int, progress: Progress | None = None
) -> Generator[Found, None, None]:
    """Check a log of `size` entries range by range; what was found, in the log's order.

    With more than one process the reader is pickled. To be closed by whoever stops early (`contextlib.closing`).
    Raises `Problem` INTERNAL where a process ends before its work; faults of the log are in what is found.
    """
    if processes > 1:
        yield from _shared(reader, size, processes, progress)
        return
    for first in range(0, size, RANGE_ENTRIES):
        yield check_range(reader, first, size, progress)


def check_range(reader: LogReader, first: int, size: int, progress: Progress | None = None) -> Found:
    """Check the range that begins with entry `first` of a log of `size` entries."""
    streams = _Streams()
    roots, tail, fault = bytearray(), b"", None
    try:
        for begin in range(first, min(first + RANGE_ENTRIES, size), TILE_WIDTH):
            number, width = begin // TILE_WIDTH, min(TILE_WIDTH, size - begin)
            lines = _bundle(reader, number, width)
            streams.check(begin, lines)
            hashes = leaf_hashes(lines)
            compare(reader, 0, number, b"".join(hashes))
            if width == TILE_WIDTH:
                roots += complete_root(hashes)
            else:
                tail = b"".join(hashes)
            if progress is not None:
                progress(begin + width, size)
    except Problem as problem:
        fault = problem
    return Found(+streams.types, streams.first, streams.last(), streams.moves, bytes(roots), tail, fault)


def compare(reader: LogReader, level: int, number: int, tile: bytes) -> None:
    """Hold a tile of the log against what it must be. Raises `Problem` CONFLICT naming the hash that differs."""
    width = len(tile) // HASH_BYTES
    held = reader.tile(level, number, width)
    if held == tile:
        return
    path = tiles.Tile(level, number, width).path
    if len(held) != len(tile):
        raise Problem(Code.CONFLICT, f"{path} is not {width} hashes long")
    differing = next(i for i in range(width) if held[32 * i : 32 * i + 32] != tile[32 * i : 32 * i + 32])
    place = number * TILE_WIDTH + differing
    below = f"entry {place}" if level == 0 else tiles.Tile(level - 1, place).path
    raise Problem(Code.CONFLICT, f"{path} does not hold the hash of {below}")


def gap(index: int, city: str, n: int, awaited: int) -> Problem:
    """The refusal of a stream that does not count on by one."""
    return Problem(
        Code.CONFLICT, f"entry {index}: the stream of {city} goes on with {n} instead of {awaited}"
    )


def check_move(index: int, entry: entries.Departed | entries.Hosted, last: int) -> None:
    """Hold what the entry at `index` says of a city's stream against its last number by then.

    Raises `Problem` CONFLICT.
    """
    if isinstance(entry, entries.Departed):
        if entry.last != last:
            raise Problem(
                Code.CONFLICT,
                f"entry {index}: {entry.city} departs at number {entry.last} of its stream, which is at {last}",
            )
    elif (
        entry.before > last or entry.begins > index or any(not entry.before < n <= last for n in entry.ahead)
    ):
        raise Problem(
            Code.CONFLICT, f"entry {index}: {entry.city} was given more of its stream than there is"
        )


def _bundle(reader: LogReader, number: int, width: int) -> list[bytes]:
    try:
        return tiles.decode_bundle(reader.entries(number, width), width)
    except Problem as problem:
        if problem.code is not Code.MALFORMED:
            raise
        path = tiles.Tile(tiles.ENTRIES, number, width).path
        raise Problem(Code.MALFORMED, f"{path}: {problem.detail}") from problem


_ACCEPTED_END: Final = b'"type":"accepted","v":1}'


class _Streams:
    """Counts the types, and each recipient's stream from wherever it begins."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.first: dict[str, tuple[int, int]] = {}
        self.moves: list[tuple[int, entries.Departed | entries.Hosted]] = []
        self._awaited: dict[str, int] = {}

    def last(self) -> dict[str, int]:
        return {city: awaited - 1 for city, awaited in self._awaited.items()}

    def check(self, begin: int, lines: list[bytes]) -> None:
        """Check the entries from index `begin` on."""
        awaited, routed = self._awaited, 0
        for place, numbering in enumerate(form.numberings(lines)):
            if numbering is None:
                self._check_other(begin + place, lines[place])
                continue
            routed += 1
            for city, n in numbering.items():
                if n != awaited.get(city):
                    self._begin(begin + place, city, n)
                awaited[city] = n + 1
        accepted = sum([line.endswith(_ACCEPTED_END) for line in lines])
        self.types.update({"accepted": accepted, "received": routed - accepted})

    def _begin(self, index: int, city: str, n: int) -> None:
        if city in self._awaited:
            raise gap(index, city, n, self._awaited[city])
        self.first[city] = (n, index)

    def _check_other(self, index: int, line: bytes) -> None:
        try:
            entry = entries.decode(line)
        except Problem as problem:
            raise Problem(problem.code, f"entry {index}: {problem.detail}", where=problem.where) from problem
        self.types[entry.type] += 1
        if isinstance(entry, entries.Departed | entries.Hosted):
            if entry.city in self._awaited:
                check_move(index, entry, self._awaited[entry.city] - 1)
            else:
                self.moves.append((index, entry))


# --- several processes ---


def _shared(
    reader: LogReader, size: int, processes: int, progress: Progress | None
) -> Generator[Found, None, None]:
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_stand_by)
    starts = iter(range(0, size, RANGE_ENTRIES))

    def give_out(ranges: int) -> list[Future[Found]]:
        return [pool.submit(check_range, reader, first, size) for first in islice(starts, ranges)]

    joined = 0
    try:
        waiting = deque(give_out(AHEAD * processes))
        while waiting:
            found = waiting.popleft().result()
            waiting.extend(give_out(1))
            joined = min(joined + RANGE_ENTRIES, size)
            if progress is not None:
                progress(joined, size)
            yield found
    except BrokenProcessPool:
        raise Problem(
            Code.INTERNAL, "a process that was checking a part of the log ended before its work was done"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _stand_by() -> None:
    """In each process: Ctrl-C is for the command that started it, and where that is killed this ends too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
