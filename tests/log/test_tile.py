"""Tiles have one path each, grow at a cost that ignores the log's size, and prove what the tree proves."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from hub.log import tree as tree_module
from hub.log.tile import (
    ENTRIES,
    Tile,
    compact_range,
    consistency_proof,
    decode_bundle,
    encode_bundle,
    inclusion_proof,
    new_tiles,
    parse_path,
    tiles_of,
)
from hub.log.tree import CompactRange, leaf_hash, level_up, verify_consistency, verify_inclusion

LEAVES = [leaf_hash(b"entry %d" % i) for i in range(70_000)]
Held = dict[tuple[int, int], bytes]


def grow(held: Held, size: int, leaves: list[bytes], tails: dict[int, bytes]) -> dict[int, bytes]:
    written, tails = new_tiles(size, leaves, tails)
    for level, number, content in written:
        held[level, number] = content
    return tails


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
        (Tile(1, 1234067), "tile/1/x001/x234/067"),
        (Tile(2, 0, 1), "tile/2/000.p/1"),
        (Tile(ENTRIES, 1000, 255), "tile/entries/x001/000.p/255"),
        (Tile(63, 2**62), "tile/63/x004/x611/x686/x018/x427/x387/904"),
    ],
)
def test_a_tile_has_one_path(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/001", "tile/0/001/002", "tile/0/x001", "tile/0/X001/000",
        "tile/00/000", "tile/64/000", "tile/-1/000", "tile/1 /000", "tile/entry/000", "tile/0/000.p/0",
        "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p/1/", "tile/0/000.p", "/tile/0/000",
        "tile/0/000/", "tile/0/../000", "tile/0/٠٠٠", "tile/0/000\n", "tile/0/x999/x999/x999/x999/x999/x999/999",
    ],
)  # fmt: skip
def test_any_other_spelling_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(Problem) as refusal:
        parse_path(path)
    assert refusal.value.code is Code.MALFORMED


@settings(deadline=None)
@given(st.text(alphabet="tile/entris0129x.p-", max_size=40).map(lambda tail: "tile/" + tail) | st.text())
def test_paths_of_any_text_are_refused_or_written_back_the_same(path: str) -> None:
    try:
        tile = parse_path(path)
    except Problem:
        return
    assert tile.path == path


def test_seventy_thousand_leaves_make_the_tiles_of_the_specification() -> None:
    """The worked example of tlog-tiles, Partial Tiles."""
    tiles = list(tiles_of(70_000))
    full = [(t.level, t.width) for t in tiles if t.width == 256]
    partial = [(t.level, t.number, t.width) for t in tiles if t.width < 256]
    assert (full.count((0, 256)), full.count((1, 256))) == (273, 1)
    assert partial == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    held: Held = {}
    grow(held, 0, LEAVES, {})
    assert {(t.level, t.number): t.width * 32 for t in tiles} == {at: len(c) for at, c in held.items()}
    assert [t.path for t in tiles_of(256)] == ["tile/0/000", "tile/1/000.p/1"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from((0, 1, 3, 255, 256, 257, 700)), max_size=6))
def test_tiles_grown_in_any_steps_are_those_of_one_step(steps: list[int]) -> None:
    held: Held = {}
    tails: dict[int, bytes] = {}
    size = 0
    for step in steps:
        tails = grow(held, size, LEAVES[size : size + step], tails)
        size += step
        assert compact_range(size, tails) == CompactRange().extend(LEAVES[:size])
    at_once: Held = {}
    grow(at_once, 0, LEAVES[:size], {})
    assert held == at_once


def test_only_tiles_that_changed_are_written() -> None:
    _, tails = new_tiles(0, LEAVES[:300], {})
    written, _ = new_tiles(300, LEAVES[300:302], tails)
    assert [(level, number, len(content) // 32) for level, number, content in written] == [(0, 1, 46)]


def test_growing_costs_the_same_whatever_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a million entries a commit of a thousand must hash and write what it does at ten thousand."""
    hashed = 0

    def counting(hashes: Sequence[bytes]) -> list[bytes]:
        nonlocal hashed
        hashed += len(hashes) // 2
        return level_up(hashes)

    monkeypatch.setattr(tree_module, "level_up", counting)
    for size in (10_000, 1_000_000, 100_000_000):
        tails = {level: LEAVES[0] * (size >> 8 * level & 255) for level in range(4)}
        hashed = 0
        written, _ = new_tiles(size, LEAVES[:1000], tails)
        assert len(written) <= 7
        assert hashed <= 1000 + 255


def test_tails_of_another_tree_are_refused() -> None:
    _, tails = new_tiles(0, LEAVES[:300], {})
    for size, wrong in ((301, tails), (300, {}), (300, {**tails, 2: LEAVES[0]}), (300, {**tails, 0: b"x"})):
        with pytest.raises(Problem):
            new_tiles(size, LEAVES[:1], wrong)
        with pytest.raises(Problem):
            compact_range(size, wrong)


@pytest.mark.parametrize("size", [1, 2, 7, 255, 256, 257, 300, 511, 513, 65_536, 65_537, 70_000])
def test_proofs_read_from_tiles_are_those_that_the_tree_takes(size: int) -> None:
    held: Held = {}
    grow(held, 0, LEAVES[:size], {})
    root = CompactRange().extend(LEAVES[:size]).root()

    def read_tile(level: int, number: int, width: int) -> bytes:
        assert len(held[level, number]) >= width * 32
        return held[level, number][: width * 32]

    for index in {0, 1, size // 2, size - 2, size - 1, 255, 256} & set(range(size)):
        verify_inclusion(index, size, LEAVES[index], inclusion_proof(index, size, read_tile), root)
    for old in {1, 2, 3, size // 2, size - 1, 255, 256, 257, 65_536} & set(range(1, size + 1)):
        old_root = CompactRange().extend(LEAVES[:old]).root()
        verify_consistency(old, size, old_root, root, consistency_proof(old, size, read_tile))


def test_proofs_for_an_older_size_are_read_from_the_tiles_of_a_grown_log() -> None:
    held: Held = {}
    grow(held, 0, LEAVES[:1000], {})
    proof = inclusion_proof(298, 300, lambda level, number, width: held[level, number][: width * 32])
    verify_inclusion(298, 300, LEAVES[298], proof, CompactRange().extend(LEAVES[:300]).root())


def test_proofs_of_all_small_trees_hold() -> None:
    def read_tile(level: int, number: int, width: int) -> bytes:
        assert (level, number) == (0, 0)
        return b"".join(LEAVES[:width])

    for size in range(1, 34):
        root = CompactRange().extend(LEAVES[:size]).root()
        for index in range(size):
            verify_inclusion(index, size, LEAVES[index], inclusion_proof(index, size, read_tile), root)
            old_root = CompactRange().extend(LEAVES[: index + 1]).root()
            proof = consistency_proof(index + 1, size, read_tile)
            verify_consistency(index + 1, size, old_root, root, proof)


def test_no_proof_reaches_outside_of_the_tree() -> None:
    for index, size in ((-1, 5), (5, 5), (0, 0)):
        with pytest.raises(Problem) as refusal:
            inclusion_proof(index, size, lambda *_: b"")
        assert refusal.value.code is Code.NOT_FOUND
    with pytest.raises(Problem):
        consistency_proof(6, 5, lambda *_: b"")
    with pytest.raises(Problem) as refusal:
        inclusion_proof(0, 5, lambda *_: b"short")
    assert "tile/0/000.p/5" in refusal.value.detail


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_a_bundle_gives_back_its_entries(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


def test_a_bundle_of_more_fewer_or_broken_entries_is_refused() -> None:
    bundle = encode_bundle([b"one", b"two"])
    for content, width in ((bundle, 1), (bundle, 3), (bundle[:-1], 2), (bundle + b"\x00", 2), (b"", 1)):
        with pytest.raises(Problem):
            decode_bundle(content, width)
    with pytest.raises(Problem) as refusal:
        encode_bundle([b"x" * 65_536])
    assert refusal.value.code is Code.TOO_LARGE


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 256))
def test_bundles_of_any_bytes_are_refused_or_written_back_the_same(bundle: bytes, width: int) -> None:
    try:
        entries = decode_bundle(bundle, width)
    except Problem:
        return
    assert encode_bundle(entries) == bundle
