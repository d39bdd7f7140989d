"""Trees and checkpoints that others made: transparency-dev's proofs, Sunlight's log and checkpoint."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint
from hub.log.note import COSIGNATURE, VerifierKey, open_note
from hub.log.reader import DirReader
from hub.log.tile import Tile, inclusion_proof, new_tiles, tile_root
from hub.log.tree import CompactRange, leaf_hash, verify_consistency, verify_inclusion

VECTORS = Path(__file__).parents[2] / "../shared/vectors"
MERKLE, TLOG = VECTORS / "merkle", VECTORS / "tlog"
LOG_SIZE = 300

needs_merkle = pytest.mark.skipif(not MERKLE.is_dir(), reason="shared vectors (merkle) are not here")
needs_tlog = pytest.mark.skipif(not TLOG.is_dir(), reason="shared vectors (tlog) are not here")


def holds(case: dict[str, Any]) -> bool:
    """Whether our verifier takes a proof."""

    def decoded(name: str) -> bytes:
        return base64.b64decode(case[name] or "")

    proof = [base64.b64decode(sibling) for sibling in case["proof"] or ()]
    try:
        if "leafIdx" in case:
            verify_inclusion(case["leafIdx"], case["treeSize"], decoded("leafHash"), proof, decoded("root"))
        else:
            sizes = case["size1"], case["size2"]
            verify_consistency(*sizes, decoded("root1"), decoded("root2"), proof)
    except Problem:
        return False
    return True


@needs_merkle
def test_all_196_proofs_are_judged_as_their_makers_judge_them() -> None:
    cases = [json.loads(path.read_bytes()) for path in sorted(MERKLE.rglob("*.json"))]
    assert len(cases) == 196
    assert {case["wantErr"] for case in cases} == {True, False}
    assert [case["desc"] for case in cases if holds(case) == case["wantErr"]] == []


@pytest.fixture
def keys() -> list[VerifierKey]:
    return [VerifierKey.parse(line) for line in (TLOG / "keys.txt").read_text().splitlines()]


@needs_tlog
def test_the_tree_of_300_is_recomputed_from_its_entries(keys: list[VerifierKey]) -> None:
    """Its makers' entries read `record 0`, `record 1` and so on; the bundles that lie beside it are decoys."""
    reader = DirReader(TLOG / "mirror")
    checkpoint = Checkpoint.parse(open_note(reader.checkpoint(), keys).body)
    assert checkpoint.size == LOG_SIZE
    leaves = [leaf_hash(b"record %d" % i) for i in range(LOG_SIZE)]
    assert CompactRange().extend(leaves).root() == checkpoint.root
    written, _ = new_tiles(0, leaves, {})
    for level, number, content in written:
        assert reader.tile(level, number, len(content) // 32) == content
    assert reader.tile(1, 0, 1) == tile_root(reader.tile(0, 0, 256))
    for index in (0, 255, 256, 299):
        proof = inclusion_proof(index, LOG_SIZE, reader.tile)
        verify_inclusion(index, LOG_SIZE, leaves[index], proof, checkpoint.root)


@needs_tlog
def test_the_gzipped_bundles_are_unpacked_within_bounds_and_known_for_decoys() -> None:
    reader = DirReader(TLOG / "mirror")
    assert reader.entries(0, 256) == b"fake mirrored entry bundle\n"
    assert reader.entries(1, 44) == b"fake mirrored partial entry bundle\n"
    with pytest.raises(Problem) as refusal:
        reader.entries(2, 256)
    assert (refusal.value.code, refusal.value.detail) == (
        Code.NOT_FOUND,
        f"the log has no file {Tile(-1, 2).path}",
    )


@needs_tlog
def test_the_witnessed_checkpoint_opens_with_its_two_keys(keys: list[VerifierKey]) -> None:
    assert [key.type for key in keys] == [COSIGNATURE, COSIGNATURE]
    opened = open_note((TLOG / "witnessed-checkpoint").read_bytes(), keys)
    checkpoint = Checkpoint.parse(opened.body)
    assert (checkpoint.origin, checkpoint.size) == ("rome2026h1.example.org", LOG_SIZE)
    # The log's own signature is of type 05 and passed over; the mirror's key signed the other checkpoint.
    assert [(s.key.name, s.time) for s in opened.signatures] == [("witness.example.org", 1767139200)]


@needs_tlog
def test_the_witnessed_checkpoint_with_one_bit_changed_is_refused(keys: list[VerifierKey]) -> None:
    text = (TLOG / "witnessed-checkpoint").read_text()
    with pytest.raises(Problem) as refusal:
        open_note(text.replace("\n300\n", "\n301\n"), keys)
    assert refusal.value.code is Code.BAD_SIGNATURE
