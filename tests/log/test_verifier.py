"""A whole log is believed entry by entry and tile by tile, and whatever was tampered with is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hub.errors import Code, Problem
from hub.log import entry
from hub.log.checkpoint import Checkpoint, add_cosignatures, cosign
from hub.log.note import COSIGNATURE, VerifierKey
from hub.log.reader import DirReader
from hub.log.tile import ENTRIES, Tile, decode_bundle, encode_bundle, inclusion_proof, tile_root
from hub.log.tree import EMPTY_ROOT, leaf_hash, verify_inclusion
from hub.log.verifier import LogReport, verify_log
from keys.suite import SigningKey

from .conftest import AT, ORIGIN, EntryMaker, LogFolder

PROCESSES = pytest.mark.parametrize("processes", [1, 2])
"""On the tests that touch each kind of file; `test_ranges.py` has what lies between ranges."""


def verified(log: LogFolder, processes: int = 1) -> LogReport:
    return verify_log(DirReader(log.folder), log.verifier, processes=processes)


def refusal_of(log: LogFolder, processes: int = 1) -> Problem:
    with pytest.raises(Problem) as refusal:
        verified(log, processes)
    return refusal.value


@PROCESSES
@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 300, 1000])
def test_an_honest_log_is_found_whole(
    log: LogFolder, make_entry: EntryMaker, size: int, processes: int
) -> None:
    checkpoint = log.write([make_entry(n) for n in range(1, size + 1)])
    report = verified(log, processes)
    assert (report.origin, report.size, report.root) == (ORIGIN, size, checkpoint.root)
    assert report.streams == ({"150600": size} if size else {})
    assert report.types == ({"accepted": size} if size else {})


@PROCESSES
def test_an_honest_log_of_three_levels_is_found_whole(
    log: LogFolder, make_entry: EntryMaker, processes: int
) -> None:
    log.write([make_entry(n) for n in range(1, 65_800)])
    assert (log.folder / Tile(2, 0, 1).path).exists()
    assert verified(log, processes).size == 65_799


def test_progress_is_told_to_the_end(log: LogFolder, make_entry: EntryMaker) -> None:
    log.write([make_entry(n) for n in range(1, 301)])
    told: list[tuple[int, int]] = []
    verify_log(DirReader(log.folder), log.verifier, progress=lambda done, all_: told.append((done, all_)))
    assert told == [(256, 300), (300, 300)]


@PROCESSES
def test_entries_of_every_type_are_counted(log: LogFolder, make_entry: EntryMaker, processes: int) -> None:
    digest = "cd" * 32
    route: dict[str, Any] = {"id": "00000000-0000-7000-8000-000000000000", "revision": 1, "digest": digest}
    lines = [
        make_entry(1),
        entry.received(
            at=AT,
            **route,
            kind="alert",
            sender="640100",
            marking="red",
            to={"150600": 2},
            via="x",
            via_index=0,
        ),
        entry.trust(at=AT, file="agreements.json", version=1, digest=digest),
        make_entry(3, to={"150600": 3, "141100": 1}),
        entry.erased(at=AT, index=0, digest=digest, basis="retention"),
        entry.trust(at=AT, file="agreements.json", version=2, digest=digest),
    ]
    log.write(lines)
    report = verified(log, processes)
    assert report.types == {"accepted": 2, "received": 1, "trust": 2, "erased": 1}
    assert report.streams == {"141100": 1, "150600": 3}


@PROCESSES
def test_a_number_left_out_of_a_stream_shows(log: LogFolder, make_entry: EntryMaker, processes: int) -> None:
    """The recipient that sees 16 and then 18 knows that 17 was kept from it."""
    log.write([make_entry(n) for n in (*range(1, 17), 18)])
    refusal = refusal_of(log, processes)
    assert refusal.code is Code.CONFLICT
    assert refusal.detail == "entry 16: the stream of 150600 goes on with 18 instead of 17"


@pytest.mark.parametrize("numbers", [(2,), (1, 1), (1, 2, 1), (1, 2, 2)])
def test_a_stream_that_is_renumbered_shows(
    log: LogFolder, make_entry: EntryMaker, numbers: tuple[int, ...]
) -> None:
    log.write([make_entry(n) for n in numbers])
    assert f"entry {len(numbers) - 1}: the stream" in refusal_of(log).detail


def test_a_line_that_is_no_entry_is_named(log: LogFolder, make_entry: EntryMaker) -> None:
    for broken in (b"", b"{}", make_entry(257) + b" ", make_entry(257).replace(b"amber", b"secret")):
        log.write([*(make_entry(n) for n in range(1, 257)), broken])
        refusal = refusal_of(log)
        assert refusal.code is Code.MALFORMED
        assert refusal.detail.startswith("entry 256: ")


def rebundle(log: LogFolder, number: int, width: int, change: Callable[[list[bytes]], object]) -> None:
    tile = Tile(ENTRIES, number, width)
    lines = decode_bundle(log.get(tile), width)
    change(lines)
    log.put(tile, encode_bundle(lines))


@PROCESSES
def test_an_entry_that_was_changed_is_named(log: LogFolder, make_entry: EntryMaker, processes: int) -> None:
    log.write([make_entry(n) for n in range(1, 301)])
    rebundle(log, 1, 44, lambda lines: lines.__setitem__(3, make_entry(260, marking="clear")))
    refusal = refusal_of(log, processes)
    assert (refusal.code, refusal.detail) == (
        Code.CONFLICT,
        "tile/0/001.p/44 does not hold the hash of entry 259",
    )


@PROCESSES
def test_an_entry_that_was_taken_out_is_noticed(
    log: LogFolder, make_entry: EntryMaker, processes: int
) -> None:
    log.write([make_entry(n) for n in range(1, 301)])
    rebundle(log, 0, 256, lambda lines: lines.pop())
    assert "tile/entries/000" in refusal_of(log, processes).detail


def forge_first_tile(log: LogFolder, make_entry: EntryMaker) -> bytes:
    """Replace entry 7 in its bundle and its level-0 tile, and leave the parent and the checkpoint alone."""
    forged = make_entry(8, digest="ff" * 32)
    rebundle(log, 0, 256, lambda lines: lines.__setitem__(7, forged))
    tile = log.get(Tile(0, 0))
    log.put(Tile(0, 0), tile[: 7 * 32] + leaf_hash(forged) + tile[8 * 32 :])
    return forged


@PROCESSES
def test_a_forged_tile_below_an_honest_parent_is_refused(
    log: LogFolder, make_entry: EntryMaker, processes: int
) -> None:
    """CVE-2026-56865: Go's TileHashReader left full tiles unchecked against their parents.

    In a tree of 300 the root is computed from tiles 1/000.p/1 and 0/001.p/44. Both stay honest, so the root
    is right; entry 7 and tile 0/000 are forged to fit each other. A reader that takes the tile once the root
    has been seen believes the forged entry.
    """
    log.write([make_entry(n) for n in range(1, 301)])
    forged = forge_first_tile(log, make_entry)
    assert leaf_hash(forged) == log.get(Tile(0, 0))[7 * 32 : 8 * 32]
    refusal = refusal_of(log, processes)
    assert (refusal.code, refusal.detail) == (
        Code.CONFLICT,
        "tile/1/000.p/1 does not hold the hash of tile/0/000",
    )


def test_a_proof_built_from_a_forged_tile_does_not_lead_to_the_root(
    log: LogFolder, make_entry: EntryMaker
) -> None:
    checkpoint = log.write([make_entry(n) for n in range(1, 301)])
    forged = forge_first_tile(log, make_entry)
    reader = DirReader(log.folder)
    for index, line in ((7, forged), (6, make_entry(7))):
        proof = inclusion_proof(index, 300, reader.tile)
        with pytest.raises(Problem) as refusal:
            verify_inclusion(index, 300, leaf_hash(line), proof, checkpoint.root)
        assert refusal.value.code is Code.BAD_SIGNATURE


def test_a_forgery_carried_all_the_way_up_meets_the_checkpoint(
    log: LogFolder, make_entry: EntryMaker
) -> None:
    log.write([make_entry(n) for n in range(1, 301)])
    forge_first_tile(log, make_entry)
    log.put(Tile(1, 0, 1), tile_root(log.get(Tile(0, 0))))
    assert "root" in refusal_of(log).detail


@PROCESSES
@pytest.mark.parametrize("tile", [Tile(0, 0), Tile(0, 1), Tile(0, 2, 88), Tile(1, 0, 2)])
def test_a_bit_changed_in_any_tile_is_named(
    log: LogFolder, make_entry: EntryMaker, processes: int, tile: Tile
) -> None:
    log.write([make_entry(n) for n in range(1, 601)])
    content = bytearray(log.get(tile))
    content[-1] ^= 1
    log.put(tile, bytes(content))
    refusal = refusal_of(log, processes)
    assert refusal.code is Code.CONFLICT
    assert tile.path in refusal.detail


@PROCESSES
def test_a_tile_that_is_cut_short_or_missing_is_named(
    log: LogFolder, make_entry: EntryMaker, processes: int
) -> None:
    log.write([make_entry(n) for n in range(1, 301)])
    log.put(Tile(1, 0, 1), b"")
    assert "tile/1/000.p/1 is not 1 hashes long" in refusal_of(log, processes).detail
    (log.folder / Tile(1, 0, 1).path).unlink()
    assert (refusal_of(log, processes).code, refusal_of(log, processes).detail) == (
        Code.NOT_FOUND,
        "the log has no file tile/1/000.p/1",
    )


@PROCESSES
def test_a_checkpoint_over_other_entries_is_refused(
    log: LogFolder, make_entry: EntryMaker, processes: int
) -> None:
    log.write([make_entry(n) for n in range(1, 11)])
    log.sign(Checkpoint(ORIGIN, 10, leaf_hash(b"another tree")))
    assert "root" in refusal_of(log, processes).detail
    log.sign(Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    assert verified(log, processes).size == 0  # an older head of the same log is still true


def test_a_checkpoint_by_another_key_is_refused(
    log: LogFolder, make_entry: EntryMaker, witness_key: SigningKey
) -> None:
    log.write([make_entry(1)])
    LogFolder(log.folder, witness_key).sign(Checkpoint(ORIGIN, 1, leaf_hash(make_entry(1))))
    assert refusal_of(log).code is Code.UNKNOWN_KEY


def test_cosignatures_are_counted_against_the_quorum(
    log: LogFolder, make_entry: EntryMaker, witness_key: SigningKey
) -> None:
    checkpoint = log.write([make_entry(1)])
    note = log.folder / "checkpoint"
    note.write_text(add_cosignatures(note.read_text(), [cosign(checkpoint, "w", witness_key, 7)]))
    witness = VerifierKey("w", COSIGNATURE, witness_key.public)
    reader = DirReader(log.folder)
    report = verify_log(reader, log.verifier, witnesses=[witness], quorum=1)
    assert [(c.witness, c.time) for c in report.cosignatures] == [(witness, 7)]
    for witnesses, quorum in (([witness], 2), ([], 1)):
        with pytest.raises(Problem) as refusal:
            verify_log(reader, log.verifier, witnesses=witnesses, quorum=quorum)
        assert refusal.value.code is Code.UNSIGNED
