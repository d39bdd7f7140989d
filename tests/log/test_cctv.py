"""Which of C2SP's 914 edge-case Ed25519 signatures the suite takes, and that this never changes unnoticed.

Libraries differ on points of small order and on second spellings of a point. A signature that one node takes
and another refuses would part their logs, so the accepted set is pinned: none in which a small-order key or R
or a second spelling of a point is involved. That leaves the honest signature, and 42 more: 35 whose key and R
have a low-order component that cancels out, and 7 whose key alone has one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hub.errors import Code, Problem
from keys.suite import verify_key_from_raw

CCTV = Path(__file__).parents[2] / "../shared/vectors/ed25519/cctv.json"

ACCEPTED_BY_FLAGS = {
    (): 1,
    ("low_order_component_A",): 7,
    ("low_order_component_A", "low_order_component_R"): 35,
}
ACCEPTED_SHA256 = "9111cd3acbe211e15031707588bc9d68cb7b0c2d8f500fad1ebfedfc4362ffab"
"""Over one ASCII digit a vector in their order, 1 where it is accepted."""


@pytest.fixture(scope="module")
def vectors() -> list[dict[str, Any]]:
    if not CCTV.is_file():
        pytest.skip("shared vectors (ed25519) are not here")
    found: list[dict[str, Any]] = json.loads(CCTV.read_bytes())
    return found


def accepts(vector: dict[str, Any]) -> bool:
    """Whether the suite takes key and signature; it refuses with a named problem and in no other way."""
    try:
        key = verify_key_from_raw(bytes.fromhex(vector["key"]))
        key.verify(bytes.fromhex(vector["sig"]), vector["msg"].encode())
    except Problem as refusal:
        assert refusal.code in (Code.MALFORMED, Code.BAD_SIGNATURE)
        return False
    return True


def test_exactly_the_pinned_signatures_are_accepted(vectors: list[dict[str, Any]]) -> None:
    assert len(vectors) == 914
    verdicts = [accepts(vector) for vector in vectors]
    taken = Counter(
        tuple(sorted(vector["flags"] or ()))
        for vector, verdict in zip(vectors, verdicts, strict=True)
        if verdict
    )
    assert taken == ACCEPTED_BY_FLAGS
    digits = "".join("1" if verdict else "0" for verdict in verdicts)
    assert hashlib.sha256(digits.encode()).hexdigest() == ACCEPTED_SHA256


def test_no_signature_verifies_under_a_second_spelling_or_a_small_order_key(
    vectors: list[dict[str, Any]],
) -> None:
    """Such a key could sign two different checkpoints with one signature."""
    risky = {"low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"}
    assert not [
        vector["number"] for vector in vectors if risky & set(vector["flags"] or ()) and accepts(vector)
    ]
