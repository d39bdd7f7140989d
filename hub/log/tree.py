"""The Merkle tree of RFC 6962 and RFC 9162, and the few hashes that stand for a whole tree.

The rules:

1. A leaf is SHA-256(00 ‖ entry), a node is SHA-256(01 ‖ left ‖ right), the empty tree's root is SHA-256("").
2. A tree of n leaves splits at the largest power of two below n.
3. A proof has exactly as many hashes, each of 32 bytes, as its sizes call for; none is skipped or left over.
4. A consistency proof starts at size 1; from size 0 only the empty tree itself is taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hub.errors import Code, Problem

HASH_BYTES: Final = 32
SIZE_LIMIT: Final = 2**63
"""Tree sizes stay below this (tlog-cosignature, tlog-tiles and the databases all fit it)."""

LEAF_PREFIX: Final = b"\x00"
NODE_PREFIX: Final = b"\x01"
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The leaf of one entry (RFC 9162 §2.1.1)."""
    return hashlib.sha256(LEAF_PREFIX + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The leaves of many entries."""
    sha256, prefix = hashlib.sha256, LEAF_PREFIX
    return [sha256(prefix + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The parent of two nodes (RFC 9162 §2.1.1)."""
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def level_up(hashes: Sequence[bytes]) -> list[bytes]:
    """The parents of an even number of neighbouring nodes; all bulk hashing runs through this one loop."""
    sha256, prefix = hashlib.sha256, NODE_PREFIX
    nodes = iter(hashes)
    return [sha256(prefix + left + right).digest() for left, right in zip(nodes, nodes, strict=True)]


def complete_root(hashes: list[bytes]) -> bytes:
    """The root over a power of two of neighbouring nodes."""
    while len(hashes) > 1:
        hashes = level_up(hashes)
    return hashes[0]


def split_hashes(joined: bytes) -> list[bytes]:
    """Hashes that lie end to end, one by one. Raises `Problem` MALFORMED if the last is cut short."""
    if len(joined) % HASH_BYTES:
        raise Problem(Code.MALFORMED, "hashes are 32 bytes each")
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]


@dataclass(frozen=True, slots=True)
class CompactRange:
    """A tree of `size` leaves as the roots of its complete subtrees, largest first.

    There are as many hashes as `size` has one bits; more leaves can be added, and the root read, without the
    leaves already in. A value, never changed in place: a transaction that fails leaves nothing to undo.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size < SIZE_LIMIT:
            raise Problem(Code.MALFORMED, "tree size out of range")
        if len(self.hashes) != self.size.bit_count() or any(len(h) != HASH_BYTES for h in self.hashes):
            raise Problem(Code.MALFORMED, "a compact range has one 32-byte hash for each one bit of its size")

    def append(self, leaf: bytes) -> CompactRange:
        """The range with one more leaf hash."""
        return self.extend((leaf,))

    def extend(self, leaves: Sequence[bytes]) -> CompactRange:
        """The range with more leaf hashes, hashed level by level: about one SHA-256 a leaf."""
        stack = list(self.hashes)
        kept: list[bytes] = []  # the right edge, lowest level first
        row, start = list(leaves), self.size
        while row:
            if start & 1:
                row.insert(0, stack.pop())
            if len(row) & 1:
                kept.append(row.pop())
            row, start = level_up(row), start >> 1
        return CompactRange(self.size + len(leaves), (*stack, *reversed(kept)))

    def root(self) -> bytes:
        """The root of the tree (RFC 9162 §2.1.1)."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in self.hashes[-2::-1]:
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """u64 big-endian size ‖ hashes, largest subtree first."""
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, stored: bytes) -> CompactRange:
        """The inverse of `to_bytes`. Raises `Problem` MALFORMED."""
        if len(stored) < 8:
            raise Problem(Code.MALFORMED, "a compact range begins with its size")
        return cls(int.from_bytes(stored[:8], "big"), tuple(split_hashes(stored[8:])))


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` is number `index` of the tree of `size` leaves under `root` (RFC 9162 §2.1.3.2).

    Raises `Problem`: MALFORMED for numbers or hashes that no proof can have, BAD_SIGNATURE where the proof
    does not lead to the root.
    """
    _check_hashes((leaf, root, *proof))
    if not 0 <= index < size < SIZE_LIMIT:
        raise Problem(Code.MALFORMED, "the index lies outside of the tree")
    place, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Problem(Code.BAD_SIGNATURE, "the inclusion proof has too many hashes")
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise Problem(Code.BAD_SIGNATURE, "the inclusion proof has too few hashes")
    if node != root:
        raise Problem(Code.BAD_SIGNATURE, "the inclusion proof does not lead to the root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `new` leaves begins with the tree of `old` leaves (RFC 9162 §2.1.4.2).

    The roots are compared whole; that they are 32 bytes long is the checkpoint's rule. Raises `Problem`:
    MALFORMED for numbers or hashes that no proof can have, BAD_SIGNATURE where the proof does not lead to both
    roots.
    """
    _check_hashes(proof)
    if not 0 <= old <= new < SIZE_LIMIT:
        raise Problem(Code.MALFORMED, "a tree only grows")
    if old == 0 and new != 0:
        raise Problem(Code.MALFORMED, "nothing is consistent with the empty tree but itself")
    if old == new:
        if proof or old_root != new_root or (old == 0 and old_root != EMPTY_ROOT):
            raise Problem(Code.BAD_SIGNATURE, "trees of one size have one root and need no proof")
        return
    if not proof:
        raise Problem(Code.BAD_SIGNATURE, "the consistency proof is missing")
    path = list(proof)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    # A complete old tree is itself the first node; the proof then leaves it out.
    old_node = new_node = old_root if old.bit_count() == 1 else path.pop(0)
    for sibling in path:
        if last == 0:
            raise Problem(Code.BAD_SIGNATURE, "the consistency proof has too many hashes")
        if place & 1 or place == last:
            old_node, new_node = node_hash(sibling, old_node), node_hash(sibling, new_node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new_node = node_hash(new_node, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise Problem(Code.BAD_SIGNATURE, "the consistency proof has too few hashes")
    if old_node != old_root or new_node != new_root:
        raise Problem(Code.BAD_SIGNATURE, "the consistency proof does not lead to both roots")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(h) != HASH_BYTES for h in hashes):
        raise Problem(Code.MALFORMED, "hashes are 32 bytes each")
