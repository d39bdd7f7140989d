"""The auditor's command says what it checked, stops at what fails, and needs nothing of the node."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Hub, Paper

HEAVY = ("sqlalchemy", "flask", "granian", "alembic", "apscheduler", "hub.node", "hub.store", "hub.exchange")


@dataclass(frozen=True)
class Held:
    """Two records in a log, and the files of the second."""

    log: Path
    record: Path
    receipt: Path
    lines: list[bytes]


@pytest.fixture
def held(paper: Paper, tmp_path: Path) -> Held:
    records = [paper.record() for _ in range(2)]
    lines = [paper.entry(jws, number) for number, jws in enumerate(records, start=1)]
    log = tmp_path / "log"
    receipt = paper.receipt(log, lines, 1)
    (tmp_path / "r.jws").write_text(records[1] + "\n")
    (tmp_path / "r.tlog-proof").write_text(receipt)
    return Held(log, tmp_path / "r.jws", tmp_path / "r.tlog-proof", lines)


def test_a_record_and_its_receipt_verify(hub: Hub, paper: Paper, held: Held) -> None:
    said = hub("verify", held.record, held.receipt, "--trust", paper.repository)
    assert said.code == 0
    assert "✗" not in said.out
    assert "Verified." in said.out
    assert f"index 1 of 2 in {paper.origin}" in said.out


def test_the_verdict_is_in_chinese_too(hub: Hub, paper: Paper, held: Held) -> None:
    assert (
        "核验通过。" in hub("verify", held.record, held.receipt, "--trust", paper.repository, lang="zh").out
    )


def test_programs_are_told_every_step(hub: Hub, paper: Paper, held: Held) -> None:
    told = hub("verify", held.record, held.receipt, "--trust", paper.repository, "--json").json
    assert told["verified"] is True
    assert [step["passed"] for step in told["steps"]] == [True] * 7
    assert told["log"] | {"entered_at": ""} == {
        "origin": paper.origin,
        "index": 1,
        "size": 2,
        "entered_at": "",
    }


def test_another_record_under_the_same_receipt_is_refused(hub: Hub, paper: Paper, held: Held) -> None:
    held.record.write_text(paper.record())
    said = hub("verify", held.record, held.receipt, "--trust", paper.repository)
    assert said.code == 1
    assert "✓ The record bears the signature" in said.out
    assert "✗ The record fits its schema, and the log entry says of it what it is" in said.out
    assert "Verified" not in said.out


def test_a_changed_signature_is_refused(hub: Hub, paper: Paper, held: Held) -> None:
    jws = held.record.read_text().strip()
    held.record.write_text(jws[:-4] + ("AAAA" if jws[-4:] != "AAAA" else "BBBA"))
    told = hub("verify", held.record, held.receipt, "--trust", paper.repository, "--json")
    assert told.code == 1
    assert told.json["verified"] is False
    assert told.json["problem"]["type"] == "/problems/bad-signature"


def test_an_entry_moved_to_another_place_is_refused(hub: Hub, paper: Paper, held: Held) -> None:
    held.receipt.write_text(held.receipt.read_text().replace("index 1\n", "index 0\n"))
    said = hub("verify", held.record, held.receipt, "--trust", paper.repository)
    assert said.code == 1
    assert "✗ The entry is in that log, at its index" in said.out


def test_cosignatures_that_are_asked_for_must_be_there(hub: Hub, paper: Paper, held: Held) -> None:
    said = hub("verify", held.record, held.receipt, "--trust", paper.repository, "--quorum", 1)
    assert said.code == 1
    assert "0 of 1 cosignatures" in said.err


def test_a_log_in_a_folder_verifies(hub: Hub, paper: Paper, held: Held) -> None:
    told = hub("verify", "--log", held.log, "--trust", paper.repository, "--json")
    assert told.code == 0
    assert told.json["entries"] == {"accepted": 2}
    assert told.json["streams"] == {"150600": 2}
    assert "Verified." in hub("verify", "--log", held.log, "--trust", paper.repository).out


def test_a_number_left_out_is_found(hub: Hub, paper: Paper, tmp_path: Path) -> None:
    lines = [paper.entry(paper.record(), number) for number in (1, 3)]
    paper.write_log(tmp_path / "gap", lines)
    said = hub("verify", "--log", tmp_path / "gap", "--trust", paper.repository)
    assert said.code == 1
    assert "✓ The checkpoint is signed by the log" in said.out
    assert "entry 1: the stream of 150600 goes on with 3 instead of 2" in said.err


def test_a_nodes_log_asks_for_an_auditors_key(hub: Hub, paper: Paper) -> None:
    said = hub("verify", "--log", paper.lab.nodes[0].url, "--trust", paper.repository)
    assert said.code == 1
    assert "--key" in said.err


def test_an_unknown_address_is_not_believed(hub: Hub, paper: Paper) -> None:
    said = hub("verify", "--log", "http://127.0.0.1:9", "--trust", paper.repository)
    assert "no node at this address" in said.err


def test_a_record_without_its_receipt_is_a_wrong_use(hub: Hub, paper: Paper, held: Held) -> None:
    assert hub("verify", held.record, "--trust", paper.repository).code == 2
    assert hub("verify", "--trust", paper.repository).code == 2


def test_an_auditor_needs_no_database_and_no_server(paper: Paper, held: Held) -> None:
    program = (
        "import sys\n"
        "from hub.cli import cli\n"
        "try:\n"
        "    cli(sys.argv[1:], prog_name='hub')\n"
        "except SystemExit as end:\n"
        "    assert end.code in (0, None), end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    arguments = ["verify", str(held.record), str(held.receipt), "--trust", str(paper.repository)]
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.splitlines()[-1] == "[]"


def test_a_record_that_does_not_verify_is_told_as_that(hub: Hub, paper: Paper, held: Held) -> None:
    jws = held.record.read_text().strip()
    held.record.write_text(jws[:-4] + ("AAAA" if jws[-4:] != "AAAA" else "BBBA"))
    said = hub("verify", held.record, held.receipt, "--trust", paper.repository)
    assert said.err.startswith("✗ The record does not verify")
    assert "Sign exactly the bytes" not in said.err


def test_witnesses_whom_nobody_asked_for_are_not_spoken_of(hub: Hub, paper: Paper, held: Held) -> None:
    said = hub("verify", held.record, held.receipt, "--trust", paper.repository)
    assert "as many as were asked for" not in said.out
    assert "none are asked for" in said.out
