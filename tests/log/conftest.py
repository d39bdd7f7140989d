"""A whole log in a folder, made by the house's own functions, for the tests to verify and to forge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.log import entry
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.note import ED25519, VerifierKey
from hub.log.tile import ENTRIES, Tile, compact_range, encode_bundle, new_tiles
from hub.log.tree import HASH_BYTES, leaf_hash
from keys.suite import SigningKey, signing_key_from_raw

AT = "2026-11-21T08:30:00.000Z"
ORIGIN = "610800.exchange"

EntryMaker = Callable[..., bytes]


def accepted_entry(n: int, **changed: object) -> bytes:
    """The `accepted` entry number n of the stream of 150600."""
    members: dict[str, object] = {
        "at": AT,
        "id": f"00000000-0000-7000-8000-{n:012x}",
        "revision": 1,
        "digest": f"{n:064x}",
        "kind": "mediation_case",
        "sender": "610800",
        "marking": "amber",
        "to": {"150600": n},
    }
    return entry.accepted(**{**members, **changed})  # type: ignore[arg-type]


@dataclass(frozen=True)
class LogFolder:
    """A log in the tlog-tiles layout and the key that signs it."""

    folder: Path
    key: SigningKey

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(ORIGIN, ED25519, self.key.public)

    def write(self, lines: Sequence[bytes]) -> Checkpoint:
        """Write entries, tiles and a signed checkpoint; the checkpoint."""
        tiles, tails = new_tiles(0, [leaf_hash(line) for line in lines], {})
        for level, number, content in tiles:
            self.put(Tile(level, number, len(content) // HASH_BYTES), content)
        for first in range(0, len(lines), 256):
            run = lines[first : first + 256]
            self.put(Tile(ENTRIES, first // 256, len(run)), encode_bundle(run))
        checkpoint = Checkpoint(ORIGIN, len(lines), compact_range(len(lines), tails).root())
        self.sign(checkpoint)
        return checkpoint

    def sign(self, checkpoint: Checkpoint) -> None:
        (self.folder / "checkpoint").write_text(sign_checkpoint(checkpoint, self.key))

    def put(self, tile: Tile, content: bytes) -> None:
        path = self.folder / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def get(self, tile: Tile) -> bytes:
        return (self.folder / tile.path).read_bytes()


@pytest.fixture
def log(tmp_path: Path) -> LogFolder:
    return LogFolder(tmp_path, signing_key_from_raw(b"l" * 32))


@pytest.fixture
def witness_key() -> SigningKey:
    return signing_key_from_raw(b"w" * 32)


@pytest.fixture
def make_entry() -> EntryMaker:
    return accepted_entry
