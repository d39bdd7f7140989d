"""A log's files copied into a folder, the tiles, entry bundles and checkpoint of tlog-tiles, as far as they are new.

1. What the folder holds must be the beginning of what is copied: a copy is never made over another history, nor over
   more than the log itself has.
2. Files first, each written whole and flushed to disk; the checkpoint last. A copy that is killed half-way is the one
   that it was before.
3. What is there is not written again: a copy costs what the log has grown.
4. A partial tile goes when the one that has grown past it is under the checkpoint.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub.errors import Code, Problem
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.note import VerifierKey
from hub.log.reader import DirReader, LogReader
from hub.log.tile import ENTRIES, Tile, prefix_root
from schemas.limits import TILE_WIDTH

CHECKPOINT: Final = "checkpoint"
Told = Callable[[int, int], None]
"""Told how many files are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds now, and how many entries of it are new."""

    checkpoint: VerifiedCheckpoint
    new: int


class CopyAheadError(Problem):
    """A copy holds a checkpoint under the log's own key that the log does not hold: the log has gone back."""

    def __init__(self, held: VerifiedCheckpoint) -> None:
        super().__init__(
            Code.CONFLICT,
            f"the copy holds a checkpoint of {held.size} entries that this log does not hold: the log has gone back,"
            " and the copy is left as it is",
        )
        self.held = held


def held_copy(folder: Path, key: VerifierKey) -> VerifiedCheckpoint | None:
    """The checkpoint of a copy, None where there is no copy. Raises: Problem for one that the log has not signed."""
    if not (folder / CHECKPOINT).exists():
        return None
    return open_checkpoint(DirReader(folder).checkpoint(), key)


def copy_log(
    reader: LogReader, folder: Path, key: VerifierKey, told: Told = lambda _done, _all: None
) -> Copied:
    """Bring the copy in `folder` up to what `reader` has; `key` is that of the log.

    Raises: CopyAheadError; Problem `not-allowed` for a folder that cannot be written, and what reading raises.
    """
    newest = open_checkpoint(reader.checkpoint(), key)
    held = held_copy(folder, key)
    old = 0 if held is None else held.size
    if held is not None and old:
        grown = old <= newest.size and prefix_root(old, newest.size, reader.tile) == held.root
        if not grown:
            raise CopyAheadError(held)
    try:
        _write_all(reader, folder, list(_grown(old, newest.size)), told)
        _write(folder / CHECKPOINT, newest.note.encode())
        for tile in _grown(old, newest.size):
            _drop_partial(folder, tile)
    except OSError as error:
        raise Problem(Code.NOT_ALLOWED, f"{folder} cannot be written: {error.strerror}") from error
    return Copied(newest, newest.size - old)


def _grown(old: int, new: int) -> Iterator[Tile]:
    """The tiles, entry bundles among them, that a log of `new` entries has and one of `old` has not."""
    for level in (ENTRIES, 0):
        yield from _grown_at(level, old, new)
    level = 1
    while new >> 8 * level:
        yield from _grown_at(level, old >> 8 * level, new >> 8 * level)
        level += 1


def _grown_at(level: int, old: int, new: int) -> Iterator[Tile]:
    if new > old:
        for number in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            yield Tile(level, number, min(TILE_WIDTH, new - number * TILE_WIDTH))


def _write_all(reader: LogReader, folder: Path, tiles: list[Tile], told: Told) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for done, tile in enumerate(tiles, start=1):
        path = folder / tile.path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if tile.level == ENTRIES:
            _write(path, reader.entries(tile.number, tile.width))
        else:
            _write(path, reader.tile(tile.level, tile.number, tile.width))
        told(done, len(tiles))


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole, and its name, to disk. Nobody but its owner reads it: entries say who wrote to whom."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _drop_partial(folder: Path, tile: Tile) -> None:
    """Remove the narrower tiles that this one has grown past."""
    narrower = (folder / Tile(tile.level, tile.number).path).with_suffix(".p")
    if not narrower.is_dir():
        return
    for path in narrower.iterdir():
        if tile.width == TILE_WIDTH or path.name != str(tile.width):
            path.unlink(missing_ok=True)
    if tile.width == TILE_WIDTH:
        narrower.rmdir()
