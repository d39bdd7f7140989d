"""What the verifier needs of a log: three methods, and a folder that has them.

Everything a reader returns is unproven. A reader bounds what it reads; it proves nothing.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Final, Protocol

from hub.errors import Code, Problem
from hub.log.tile import BUNDLE_BYTES, ENTRIES, TILE_BYTES, Tile, decode_bundle, encode_bundle
from hub.log.tree import HASH_BYTES
from schemas.limits import NOTE_BYTES, TILE_WIDTH

_GZIP: Final = b"\x1f\x8b\x08"
"""How a gzipped file begins. An entry bundle cannot: its third byte is the `{` of the first entry."""


class LogReader(Protocol):
    """A log's files. A method raises `Problem`: NOT_FOUND for what is missing, TOO_LARGE over a bound."""

    def checkpoint(self) -> str:
        """The signed note."""
        ...

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The `width` hashes of a tile."""
        ...

    def entries(self, number: int, width: int) -> bytes:
        """The bundle of the `width` entries whose leaves are in level-0 tile `number`."""
        ...


class DirReader:
    """A log as a folder in the tlog-tiles layout: `checkpoint`, `tile/<L>/<N>`, `tile/entries/<N>`.

    Entry bundles may be gzipped. Where a partial tile was deleted because the log has grown past it, the
    beginning of the larger one serves (tlog-tiles, Partial Tiles).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def checkpoint(self) -> str:
        note = self._read("checkpoint", NOTE_BYTES)
        if note is None:
            raise Problem(Code.NOT_FOUND, "the log has no file checkpoint")
        try:
            return note.decode()
        except UnicodeDecodeError:
            raise Problem(Code.MALFORMED, "a checkpoint is UTF-8") from None

    def tile(self, level: int, number: int, width: int) -> bytes:
        wanted = Tile(level, number, width)
        exact = self._read(wanted.path, TILE_BYTES)
        if exact is not None:
            return exact
        return self._full(wanted, TILE_BYTES)[: width * HASH_BYTES]

    def entries(self, number: int, width: int) -> bytes:
        wanted = Tile(ENTRIES, number, width)
        exact = self._read(wanted.path, BUNDLE_BYTES)
        if exact is not None:
            return _gunzip(exact)
        bundle = _gunzip(self._full(wanted, BUNDLE_BYTES))
        return encode_bundle(decode_bundle(bundle, TILE_WIDTH)[:width])

    def _full(self, wanted: Tile, limit: int) -> bytes:
        found = None
        if wanted.width != TILE_WIDTH:
            found = self._read(Tile(wanted.level, wanted.number).path, limit)
        if found is None:
            raise Problem(Code.NOT_FOUND, f"the log has no file {wanted.path}")
        return found

    def _read(self, path: str, limit: int) -> bytes | None:
        try:
            with (self._folder / path).open("rb") as file:
                # Room for the whole limit would be made, 16 MiB for a bundle, whatever the file's size.
                content = file.read(min(limit, os.fstat(file.fileno()).st_size) + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as broken:
            raise Problem(Code.NOT_FOUND, f"{path} cannot be read: {broken.strerror}") from broken
        if len(content) > limit:
            raise Problem(Code.TOO_LARGE, f"{path} is over {limit} bytes")
        return content


def _gunzip(content: bytes) -> bytes:
    """The bundle behind gzip, if it is gzipped; never more than the limit is unpacked."""
    if not content.startswith(_GZIP):
        return content
    unpacker = zlib.decompressobj(wbits=31)
    try:
        bundle = unpacker.decompress(content, BUNDLE_BYTES + 1)
    except zlib.error:
        raise Problem(Code.MALFORMED, "a gzipped entry bundle is broken") from None
    if len(bundle) > BUNDLE_BYTES:
        raise Problem(Code.TOO_LARGE, f"an entry bundle is over {BUNDLE_BYTES} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise Problem(Code.MALFORMED, "a gzipped entry bundle is cut short or has something behind it")
    return bundle
