"""Go's sumdb/note and sumdb/tlog, which know nothing of this project, open our notes and compute our roots."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.log import entry
from hub.log.checkpoint import Checkpoint, add_cosignatures, cosign, sign_checkpoint
from hub.log.note import COSIGNATURE, ED25519, VerifierKey
from hub.log.tile import encode_bundle
from hub.log.tree import CompactRange, leaf_hash
from hub.store import Store
from hub.witness import Witness
from keys.suite import signing_key_from_raw
from keys.trust_list import Node, Target, Trust

GOPATH = Path("/usr/share/gocode")
SUMDB = GOPATH / "src/golang.org/x/mod/sumdb/tlog"
SOURCE = Path(__file__).parent / "logcheck/main.go"

ORIGIN = "610800.exchange"
LOG_KEY = signing_key_from_raw(b"l" * 32)
WITNESS_KEY = signing_key_from_raw(b"w" * 32)
LOG = VerifierKey(ORIGIN, ED25519, LOG_KEY.public)
WITNESS = VerifierKey("150600.exchange", COSIGNATURE, WITNESS_KEY.public)
ENTRIES = [
    entry.opened(
        at="2026-11-21T08:30:00.000Z", by="值班员", id="00000000-0000-7000-8000-000000000000", revision=n + 1
    )
    for n in range(1000)
]

Judge = Callable[[str, list[bytes]], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go on this machine")
    if not SUMDB.is_dir():
        pytest.skip("Debian's golang-golang-x-mod-dev is not installed")
    folder = tmp_path_factory.mktemp("go")
    built = folder / "logcheck"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    subprocess.run([go, "build", "-o", str(built), str(SOURCE)], env=environment, check=True, cwd=folder)
    return built


@pytest.fixture
def judge(program: Path, tmp_path: Path) -> Judge:
    """Let Go judge a checkpoint note over entries, with the witness's key where it bears a cosignature."""

    def run(note: str, lines: list[bytes]) -> subprocess.CompletedProcess[str]:
        (tmp_path / "checkpoint").write_text(note)
        (tmp_path / "entries").write_bytes(encode_bundle(lines))
        files = (str(tmp_path / "checkpoint"), str(LOG), str(tmp_path / "entries"))
        witness = (str(WITNESS),) if WITNESS.name in note else ()
        return subprocess.run([str(program), *files, *witness], capture_output=True, text=True, check=False)

    return run


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


def test_go_verifies_our_cosignature_and_refuses_one_of_another_checkpoint(judge: Judge) -> None:
    checkpoint = checkpoint_over(ENTRIES[:5])
    note = sign_checkpoint(checkpoint, LOG_KEY)
    time = 1_795_000_000
    cosigned = add_cosignatures(note, [cosign(checkpoint, WITNESS.name, WITNESS_KEY, time)])
    assert judge(cosigned, ENTRIES[:5]).returncode == 0
    other = cosign(checkpoint_over(ENTRIES[:4]), WITNESS.name, WITNESS_KEY, time)
    refused = judge(add_cosignatures(note, [other]), ENTRIES[:5])
    assert (refused.returncode, refused.stderr) == (1, "refused: the cosignature fails\n")


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
    assert judge(add_cosignatures(note, [answer.text]), ENTRIES[:5]).returncode == 0
