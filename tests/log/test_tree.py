"""The tree agrees with RFC 6962's own recursive definition, however it is grown and proven."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from hub.log.tree import (
    EMPTY_ROOT,
    CompactRange,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(b"entry %d" % i) for i in range(600)]


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def naive_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 9162 §2.1.3.1, word for word."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*naive_path(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_path(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_subproof(old: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """RFC 9162 §2.1.4.1, word for word."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old <= split:
        return [*naive_subproof(old, leaves[:split], whole), naive_root(leaves[split:])]
    return [*naive_subproof(old - split, leaves[split:], False), naive_root(leaves[:split])]


def test_the_empty_tree_has_the_hash_of_nothing_for_a_root() -> None:
    assert CompactRange().root() == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_leaves_and_nodes_are_hashed_apart_so_that_none_passes_for_the_other() -> None:
    left, right = LEAVES[0], LEAVES[1]
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"a") == hashlib.sha256(b"\x00a").digest()


@settings(deadline=None)
@given(st.lists(st.integers(0, 90), max_size=6))
def test_a_compact_range_grown_in_any_steps_has_the_root_of_the_definition(steps: list[int]) -> None:
    grown, size = CompactRange(), 0
    for step in steps:
        grown = grown.extend(LEAVES[size : size + step])
        size += step
        assert (grown.size, grown.root()) == (size, naive_root(LEAVES[:size]))
        assert CompactRange.from_bytes(grown.to_bytes()) == grown


def test_a_leaf_at_a_time_or_all_at_once_makes_the_same_range() -> None:
    grown = CompactRange()
    for leaf in LEAVES[:300]:
        grown = grown.append(leaf)
    assert grown == CompactRange().extend(LEAVES[:300])


def test_every_proof_of_every_small_tree_is_taken_and_no_other() -> None:
    for size in range(1, 40):
        root = naive_root(LEAVES[:size])
        for index in range(size):
            proof = naive_path(index, LEAVES[:size])
            verify_inclusion(index, size, LEAVES[index], proof, root)
            for wrong in ((index + 1) % (size + 1), size, -1):
                if wrong != index:
                    with pytest.raises(Problem):
                        verify_inclusion(wrong, size, LEAVES[index], proof, root)
            with pytest.raises(Problem):
                verify_inclusion(index, size, LEAVES[index], [*proof, root], root)
            if proof:
                with pytest.raises(Problem):
                    verify_inclusion(index, size, LEAVES[index], proof[:-1], root)
                with pytest.raises(Problem):
                    verify_inclusion(index, size, LEAVES[index], proof[1:], root)


def test_every_smaller_tree_is_proven_to_begin_the_larger() -> None:
    for new in range(1, 40):
        for old in range(1, new + 1):
            proof = naive_subproof(old, LEAVES[:new])
            old_root, new_root = naive_root(LEAVES[:old]), naive_root(LEAVES[:new])
            verify_consistency(old, new, old_root, new_root, proof)
            with pytest.raises(Problem):
                verify_consistency(old, new, LEAVES[0] if old > 1 else LEAVES[1], new_root, proof)
            with pytest.raises(Problem):
                verify_consistency(old, new, old_root, LEAVES[500], proof)
            with pytest.raises(Problem):
                verify_consistency(old, new, old_root, new_root, [*proof, new_root])
            if proof:
                with pytest.raises(Problem):
                    verify_consistency(old, new, old_root, new_root, proof[:-1])


def test_a_log_that_forks_finds_no_proof() -> None:
    """Split view: the second tree has another entry 3; the honest proof cannot cover it."""
    forked = [*LEAVES[:3], leaf_hash(b"forged"), *LEAVES[4:12]]
    with pytest.raises(Problem) as refusal:
        verify_consistency(7, 12, naive_root(LEAVES[:7]), naive_root(forked), naive_subproof(7, LEAVES[:12]))
    assert refusal.value.code is Code.BAD_SIGNATURE


def test_the_empty_tree_is_consistent_with_itself_alone() -> None:
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    for old_root, new, new_root in ((EMPTY_ROOT, 1, LEAVES[0]), (LEAVES[0], 0, LEAVES[0])):
        with pytest.raises(Problem):
            verify_consistency(0, new, old_root, new_root, [])


def test_hashes_of_another_length_are_refused_as_malformed() -> None:
    for short in (b"", LEAVES[1][:31], LEAVES[1] + b"\x00"):
        with pytest.raises(Problem) as refusal:
            verify_inclusion(0, 2, LEAVES[0], [short], naive_root(LEAVES[:2]))
        assert refusal.value.code is Code.MALFORMED
        with pytest.raises(Problem):
            verify_consistency(1, 2, LEAVES[0], naive_root(LEAVES[:2]), [short])
        with pytest.raises(Problem):
            CompactRange(1, (short,))


HASHES = st.binary(min_size=31, max_size=33) | st.just(LEAVES[0])
NUMBERS = st.integers(-2, 40) | st.integers(2**62, 2**65)


@settings(deadline=None)
@given(NUMBERS, NUMBERS, HASHES, HASHES, st.lists(HASHES, max_size=8))
def test_hostile_proofs_raise_nothing_but_problems(
    first: int, second: int, one: bytes, two: bytes, proof: list[bytes]
) -> None:
    with contextlib.suppress(Problem):
        verify_inclusion(first, second, one, proof, two)
    with contextlib.suppress(Problem):
        verify_consistency(first, second, one, two, proof)


@settings(deadline=None)
@given(st.binary(max_size=120))
def test_stored_ranges_of_any_bytes_are_refused_or_written_back_the_same(stored: bytes) -> None:
    try:
        found = CompactRange.from_bytes(stored)
    except Problem:
        return
    assert found.to_bytes() == stored
