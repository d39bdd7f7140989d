"""A log's reader that keeps what a verifier read, so that the same entries can be held against what is known."""

from __future__ import annotations

from hub.log.reader import LogReader
from hub.log.tile import decode_bundle
from schemas.limits import TILE_WIDTH


class KeptLog(LogReader):
    """A log's reader that keeps the entries which pass through it, by index."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self.lines: dict[int, bytes] = {}

    def checkpoint(self) -> str:
        return self._reader.checkpoint()

    def tile(self, level: int, number: int, width: int) -> bytes:
        return self._reader.tile(level, number, width)

    def entries(self, number: int, width: int) -> bytes:
        bundle = self._reader.entries(number, width)
        self.lines.update(enumerate(decode_bundle(bundle, width), start=number * TILE_WIDTH))
        return bundle
