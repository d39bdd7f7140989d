"""Go's sumdb/note and sumdb/tlog, which know nothing of this project, open our notes and compute our roots."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.log import entry
from hub.log.checkpoint import Checkpoint, add_cosignatures, cosign, sign_checkpoint
from hub.log.note import COSIGNATURE, ED25519, VerifierKey
from hub.log.tree import CompactRange, leaf_hash
from hub.store import Store
from hub.witness import Witness
from keys.suite import signing_key_from_raw
from keys.trust_list import Node, Target, Trust

from .conftest import GoJudge, Judged

ORIGIN = "610800.exchange"
LOG_KEY = signing_key_from_raw(b"l" * 32)
WITNESS_KEY = signing_key_from_raw(b"w" * 32)
OTHER_KEY = signing_key_from_raw(b"o" * 32)
TIME = 1_795_000_000
LOG = VerifierKey(ORIGIN, ED25519, LOG_KEY.public)
WITNESS = VerifierKey("150600.exchange", COSIGNATURE, WITNESS_KEY.public)
ENTRIES = [
    entry.opened(
        at="2026-11-21T08:30:00.000Z", by="值班员", id="00000000-0000-7000-8000-000000000000", revision=n + 1
    )
    for n in range(1000)
]

WITNESS_TOO = VerifierKey("140900.exchange", COSIGNATURE, OTHER_KEY.public)

Judge = Callable[..., Judged]


@pytest.fixture
def judge(go_judge: GoJudge) -> Judge:
    """Let Go judge a checkpoint note over entries, and the cosignatures of witnesses."""
    return lambda note, lines, *witnesses: go_judge(note, LOG, lines, *witnesses)


def checkpoint_over(lines: list[bytes]) -> Checkpoint:
    root = CompactRange().extend([leaf_hash(line) for line in lines]).root()
    return Checkpoint(ORIGIN, len(lines), root)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 1000])
def test_go_computes_the_root_that_we_signed(judge: Judge, size: int) -> None:
    lines = ENTRIES[:size]
    judged = judge(sign_checkpoint(checkpoint_over(lines), LOG_KEY), lines)
    assert (judged.returncode, judged.stderr) == (0, "")
    assert judged.stdout.startswith(f"ok {ORIGIN} {size} ")


def test_go_refuses_a_log_of_other_entries_or_another_size(judge: Judge) -> None:
    note = sign_checkpoint(checkpoint_over(ENTRIES[:300]), LOG_KEY)
    for lines in (ENTRIES[:299], ENTRIES[:301], [*ENTRIES[:299], ENTRIES[300]]):
        judged = judge(note, lines)
        assert (judged.returncode, judged.stdout) == (1, "")


def test_go_refuses_a_checkpoint_that_was_changed_or_signed_by_another(judge: Judge) -> None:
    note = sign_checkpoint(checkpoint_over(ENTRIES[:2]), LOG_KEY)
    by_another = sign_checkpoint(checkpoint_over(ENTRIES[:2]), WITNESS_KEY)
    for forged in (note.replace("\n2\n", "\n3\n"), by_another):
        assert judge(forged, ENTRIES[:2]).returncode == 1


def cosigned_by_both(checkpoint: Checkpoint) -> str:
    lines = [
        cosign(checkpoint, WITNESS.name, WITNESS_KEY, TIME),
        cosign(checkpoint, WITNESS_TOO.name, OTHER_KEY, TIME + 5),
    ]
    return add_cosignatures(sign_checkpoint(checkpoint, LOG_KEY), lines)


def test_go_verifies_our_cosignatures_and_says_when_they_were_made(judge: Judge) -> None:
    judged = judge(cosigned_by_both(checkpoint_over(ENTRIES[:5])), ENTRIES[:5], WITNESS, WITNESS_TOO)
    assert (judged.returncode, judged.stderr) == (0, "")
    assert judged.stdout.splitlines()[1:] == [
        f"cosigned {WITNESS.name} {TIME}",
        f"cosigned {WITNESS_TOO.name} {TIME + 5}",
    ]


def test_go_refuses_a_cosignature_of_another_checkpoint_or_time(judge: Judge) -> None:
    checkpoint = checkpoint_over(ENTRIES[:5])
    note = sign_checkpoint(checkpoint, LOG_KEY)
    other = cosign(checkpoint_over(ENTRIES[:4]), WITNESS.name, WITNESS_KEY, TIME)
    for line in (other, later(cosign(checkpoint, WITNESS.name, WITNESS_KEY, TIME))):
        refused = judge(add_cosignatures(note, [line]), ENTRIES[:5], WITNESS)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == f"refused: {WITNESS.name}: the cosignature fails\n"


def later(line: str) -> str:
    """A cosignature line whose time was changed afterwards."""
    dash, name, encoded = line.split(" ")
    raw = bytearray(base64.b64decode(encoded))
    raw[11] ^= 1
    return f"{dash} {name} {base64.b64encode(raw).decode()}\n"


def test_go_refuses_a_witness_that_did_not_cosign_or_is_counted_twice(judge: Judge) -> None:
    checkpoint = checkpoint_over(ENTRIES[:5])
    one = add_cosignatures(
        sign_checkpoint(checkpoint, LOG_KEY), [cosign(checkpoint, WITNESS.name, WITNESS_KEY, TIME)]
    )
    missing = judge(one, ENTRIES[:5], WITNESS, WITNESS_TOO)
    assert missing.stderr == f"refused: {WITNESS_TOO.name}: no cosignature by the witness\n"
    renamed = VerifierKey("another.name", COSIGNATURE, WITNESS_KEY.public)
    own = VerifierKey("another.name", COSIGNATURE, LOG_KEY.public)
    for twice in ((WITNESS, WITNESS), (WITNESS, renamed), (own,)):
        refused = judge(one, ENTRIES[:5], *twice)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "given twice, or is the log's own" in refused.stderr


def test_go_refuses_a_second_line_of_a_witness_that_fails(judge: Judge) -> None:
    checkpoint = checkpoint_over(ENTRIES[:5])
    good = cosign(checkpoint, WITNESS.name, WITNESS_KEY, TIME)
    note = add_cosignatures(sign_checkpoint(checkpoint, LOG_KEY), [good, later(good)])
    assert judge(note, ENTRIES[:5], WITNESS).returncode == 1


def test_go_verifies_what_our_witness_answers(judge: Judge, tmp_path: Path) -> None:
    now = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    node = Node(ORIGIN, "http://127.0.0.1:1", (), str(LOG), str(WITNESS))
    targets = (Target("trust-list.json", 1, "0" * 64), Target("agreements.json", 1, "0" * 64))
    trust = Trust({}, {ORIGIN: node}, {}, {}, 1, targets, now)
    store = Store.open(f"sqlite:///{tmp_path / 'witness.db'}", WITNESS.name, lambda _: "unused")
    try:
        witness = Witness(WITNESS.name, store, lambda: trust, WITNESS_KEY)
        note = sign_checkpoint(checkpoint_over(ENTRIES[:5]), LOG_KEY)
        answer = witness.add_checkpoint(f"old 0\n\n{note}".encode(), now)
    finally:
        store.close()
    assert answer.status == 200
    assert judge(add_cosignatures(note, [answer.text]), ENTRIES[:5], WITNESS).returncode == 0
