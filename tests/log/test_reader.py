"""A log's folder is read within bounds, and what is missing or broken is named."""

from __future__ import annotations

import gzip

import pytest

from hub.errors import Code, Problem
from hub.log.reader import DirReader
from hub.log.tile import ENTRIES, Tile, decode_bundle, encode_bundle

from .conftest import EntryMaker, LogFolder


def refusal_of(action: object, *arguments: int) -> Problem:
    assert callable(action)
    with pytest.raises(Problem) as refusal:
        action(*arguments)
    return refusal.value


def test_what_is_missing_is_named(log: LogFolder) -> None:
    reader = DirReader(log.folder)
    assert refusal_of(reader.checkpoint).code is Code.NOT_FOUND
    missing = refusal_of(reader.tile, 0, 1234, 7)
    assert (missing.code, missing.detail) == (Code.NOT_FOUND, "the log has no file tile/0/x001/234.p/7")
    assert "tile/entries/000" in refusal_of(reader.entries, 0, 256).detail


def test_a_partial_tile_that_was_deleted_is_read_from_the_full_one(
    log: LogFolder, make_entry: EntryMaker
) -> None:
    log.write([make_entry(n) for n in range(1, 257)])
    reader = DirReader(log.folder)
    assert reader.tile(0, 0, 3) == reader.tile(0, 0, 256)[:96]
    assert decode_bundle(reader.entries(0, 2), 2) == [make_entry(1), make_entry(2)]


def test_files_over_the_limits_are_refused_unread(log: LogFolder) -> None:
    reader = DirReader(log.folder)
    (log.folder / "checkpoint").write_bytes(b"x" * 70_000)
    assert refusal_of(reader.checkpoint).code is Code.TOO_LARGE
    log.put(Tile(0, 0), bytes(8193))
    assert refusal_of(reader.tile, 0, 0, 256).code is Code.TOO_LARGE


def test_gzipped_bundles_are_read_and_bombs_refused(log: LogFolder) -> None:
    reader = DirReader(log.folder)
    bundle = encode_bundle([b"{}", b"{}"])
    log.put(Tile(ENTRIES, 0, 2), gzip.compress(bundle))
    assert reader.entries(0, 2) == bundle
    log.put(Tile(ENTRIES, 0, 3), gzip.compress(bytes(20_000_000)))
    assert refusal_of(reader.entries, 0, 3).code is Code.TOO_LARGE
    for broken in (gzip.compress(bundle)[:-9], gzip.compress(bundle) + b"x", b"\x1f\x8b\x08" + bytes(40)):
        log.put(Tile(ENTRIES, 0, 4), broken)
        assert refusal_of(reader.entries, 0, 4).code is Code.MALFORMED


def test_a_checkpoint_that_is_not_text_is_refused(log: LogFolder) -> None:
    (log.folder / "checkpoint").write_bytes(b"\xff\xfe")
    assert refusal_of(DirReader(log.folder).checkpoint).code is Code.MALFORMED


def test_a_folder_in_the_place_of_a_file_is_a_problem_and_no_crash(log: LogFolder) -> None:
    (log.folder / "checkpoint").mkdir()
    assert refusal_of(DirReader(log.folder).checkpoint).code is Code.NOT_FOUND
