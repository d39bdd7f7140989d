"""Another node's log, made by the test itself, which its owner may let fork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from partner import World

from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.note import encode_base64
from hub.log.tile import consistency_proof, new_tiles
from hub.log.tree import HASH_BYTES, CompactRange, leaf_hash
from keys.files import read_passphrase, read_signing
from keys.suite import SigningKey


def key_of(world: World, number: int, use: str) -> SigningKey:
    """A private key of one of the lab's nodes."""
    home = world.folder / "nodes" / world.lab.nodes[number].name / "keys"
    return read_signing(home / f"{use}.pem", read_passphrase(home / "passphrase", {}))


@dataclass
class Neighbour:
    """A log of `leaves` under a name and a key."""

    name: str
    key: SigningKey
    leaves: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, world: World, number: int = 1) -> Neighbour:
        return cls(world.lab.nodes[number].name, key_of(world, number, "log"))

    def grow(self, count: int, what: str = "entry") -> Neighbour:
        begin = len(self.leaves)
        self.leaves += [leaf_hash(f"{what} {number}".encode()) for number in range(begin, begin + count)]
        return self

    def forked(self, at: int) -> Neighbour:
        """The same log up to an entry, and another one from there on to the same size."""
        return Neighbour(self.name, self.key, self.leaves[:at]).grow(len(self.leaves) - at, "lie")

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        wanted = len(self.leaves) if size is None else size
        return Checkpoint(self.name, wanted, CompactRange().extend(self.leaves[:wanted]).root())

    def note(self, size: int | None = None) -> str:
        return sign_checkpoint(self.checkpoint(size), self.key)

    def proof(self, old: int, size: int | None = None) -> list[bytes]:
        tiles = {(level, number): hashes for level, number, hashes in new_tiles(0, self.leaves, {})[0]}
        wanted = len(self.leaves) if size is None else size
        return consistency_proof(
            old, wanted, lambda level, number, width: tiles[level, number][: width * HASH_BYTES]
        )

    def request(self, old: int, size: int | None = None) -> bytes:
        """What is sent to a witness that holds `old`."""
        return written(old, self.proof(old, size), self.note(size))


def written(old: int | str, proof: Sequence[bytes], note: str) -> bytes:
    lines = "".join(f"{encode_base64(each)}\n" for each in proof)
    return f"old {old}\n{lines}\n{note}".encode()
