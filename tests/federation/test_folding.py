"""Folding a log in any steps gives its tree, and each leaf of it can be proven afterwards, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from hub.federation import folding
from hub.federation.folding import Leaves, fold
from hub.log.checkpoint import Checkpoint
from hub.log.tile import new_tiles
from hub.log.tree import CompactRange

LARGEST = 256 * 256 + 600
"""Two levels of full tiles, and partial ones."""
LEAVES = [hashlib.sha256(b"%d" % n).digest() for n in range(LARGEST)]

Read = Callable[[int, int, int], bytes]


@cache
def tiles() -> dict[tuple[int, int], bytes]:
    written, _ = new_tiles(0, LEAVES, {})
    return {(level, number): tile for level, number, tile in written}


def honest(level: int, number: int, width: int) -> bytes:
    """Tiles of any smaller tree are beginnings of the largest one's."""
    return tiles()[level, number][: 32 * width]


@cache
def checkpoint(size: int) -> Checkpoint:
    return Checkpoint("log", size, CompactRange().extend(LEAVES[:size]).root())


def flipped(at: tuple[int, int], bit: int) -> Read:
    def read(level: int, number: int, width: int) -> bytes:
        tile = bytearray(honest(level, number, width))
        if (level, number) == at:
            tile[bit // 8 % len(tile)] ^= 1 << bit % 8
        return bytes(tile)

    return read


sizes = st.integers(1, LARGEST) | st.sampled_from([1, 255, 256, 257, 65535, 65536, 65537, LARGEST])


@given(st.lists(sizes, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_folding_in_any_steps_gives_the_root_of_the_tree(steps: list[int]) -> None:
    known = CompactRange()
    for size in sorted(steps):
        known, leaves = fold(known, checkpoint(size), honest)
        assert known == CompactRange().extend(LEAVES[:size])
        assert leaves.leaf(size - 1) == LEAVES[size - 1]
        assert leaves.leaf(0) == LEAVES[0]


@given(sizes, st.data())
@settings(max_examples=60, deadline=None)
def test_after_a_restart_any_leaf_is_proven_anew(size: int, data: st.DataObject) -> None:
    leaves = Leaves(checkpoint(size), honest)
    for index in data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=5)):
        assert leaves.leaf(index) == LEAVES[index]


@given(sizes, st.data())
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_in_any_tile_that_a_leaf_is_proven_by_is_refused(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    asked: list[tuple[int, int]] = []

    def watched(level: int, number: int, width: int) -> bytes:
        asked.append((level, number))
        return honest(level, number, width)

    Leaves(checkpoint(size), watched).leaf(index)
    number = index // 256
    width = min(256, size - number * 256)
    # Any bit of the leaf's own tile; of other tiles those hashes count that the path is made of.
    bit = data.draw(st.integers(0, width * 256 - 1))
    leaves = Leaves(checkpoint(size), flipped((0, number), bit))
    with pytest.raises(Problem) as refused:
        leaves.leaf(index)
    assert refused.value.code is Code.BAD_SIGNATURE
    with pytest.raises(Problem):
        leaves.leaf(index)


@given(sizes, st.data())
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_in_any_tile_that_is_folded_is_refused(size: int, data: st.DataObject) -> None:
    known = data.draw(st.integers(0, size - 1))
    first = known // 256
    number = data.draw(st.integers(first, (size - 1) // 256))
    width = min(256, size - number * 256)
    bit = data.draw(st.integers(0, width * 256 - 1))
    with pytest.raises(Problem) as refused:
        fold(CompactRange().extend(LEAVES[:known]), checkpoint(size), flipped((0, number), bit))
    assert refused.value.code is Code.BAD_SIGNATURE


@pytest.mark.parametrize("index", [-1, 300, 2**70])
def test_a_leaf_outside_of_the_log_is_refused(index: int) -> None:
    with pytest.raises(Problem) as refused:
        Leaves(checkpoint(300), honest).leaf(index)
    assert refused.value.code is Code.CONFLICT


def test_what_is_fetched_next_is_kept_and_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "TILES_KEPT", 10)
    asked: list[tuple[int, int, int]] = []

    def read(level: int, number: int, width: int) -> bytes:
        asked.append((level, number, width))
        return honest(level, number, width)

    _, leaves = fold(CompactRange(), checkpoint(LARGEST), read, start=20 * 256 + 7)
    assert len(asked) == -(-LARGEST // 256)
    asked.clear()
    for index in range(20 * 256, 30 * 256):
        assert leaves.leaf(index) == LEAVES[index]
    assert asked == []
    for index in range(30 * 256, 50 * 256):
        assert leaves.leaf(index) == LEAVES[index]
    assert len([tile for tile in asked if tile[0] == 0]) <= 20 + 1
    assert len([tile for tile in asked if tile[0] > 0]) <= 3, "upper tiles come once"


def test_memory_does_not_grow_with_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "TILES_KEPT", 4)
    _, leaves = fold(CompactRange(), checkpoint(LARGEST), honest)
    for index in range(0, LARGEST, 100):
        leaves.leaf(index)
    held = len(leaves._folded) + len(leaves._proven) + len(leaves._at_hand)
    assert held <= 4 + 2 * folding.TILES_AT_HAND
