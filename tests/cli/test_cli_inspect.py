"""A file is shown as what it says of itself, never as verified; personal data stays hidden until asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import CASE, PRIVATE, RECIPIENT, THIRD, Hub, Paper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.log.tile import encode_bundle


@pytest.fixture
def record(paper: Paper, tmp_path: Path) -> Path:
    path = tmp_path / "r.jws"
    path.write_text(paper.record())
    return path


def test_a_record_is_shown_with_labels_and_city_names(hub: Hub, record: Path) -> None:
    said = hub("inspect", record, lang="zh")
    assert said.out.startswith("未作任何核验")
    for words in (
        "矛盾纠纷调解案件",
        "610800 榆林市",
        "草场纠纷",
        CASE["case_number"],
        "2026-11-02 09:00:00",
    ):
        assert words in said.out


def test_nothing_is_said_to_be_verified(hub: Hub, record: Path) -> None:
    assert hub("inspect", record).out.startswith("Nothing was verified")
    assert hub("inspect", record, "--json").json["verified"] is False


def test_the_sealed_part_opens_with_personal_data_hidden(hub: Hub, paper: Paper, record: Path) -> None:
    key = paper.key(f"{RECIPIENT}-seal")
    for output in (
        hub("inspect", record, "--unseal", key).out,
        hub("inspect", record, "--unseal", key, "--json").out,
    ):
        assert "13900000000" not in output
        assert "张某" not in output
        assert "●●●" in output
    assert (
        hub("inspect", record, "--unseal", key, "--json").json["unsealed"]["parties"][0]["role"]
        == "applicant"
    )


def test_personal_data_is_shown_when_asked_for(hub: Hub, paper: Paper, record: Path) -> None:
    said = hub("inspect", record, "--unseal", paper.key(f"{RECIPIENT}-seal"), "--show-personal")
    assert "张某" in said.out


def test_a_city_that_it_was_not_sealed_to_cannot_open_it(hub: Hub, paper: Paper, record: Path) -> None:
    said = hub("inspect", record, "--unseal", paper.key(f"{THIRD}-seal"), "--json")
    assert said.code == 1
    assert said.json["problem"]["type"] == "/problems/not-allowed"


def test_receipts_checkpoints_entries_and_bundles_are_shown(hub: Hub, paper: Paper, tmp_path: Path) -> None:
    lines = [paper.entry(paper.record(), number) for number in (1, 2)]
    receipt = paper.receipt(tmp_path / "log", lines, 1)
    shown = {
        "receipt": receipt.encode(),
        "checkpoint": (tmp_path / "log" / "checkpoint").read_bytes(),
        "entry": lines[0],
        "bundle": encode_bundle(lines),
    }
    for name, content in shown.items():
        told = hub("inspect", "-", "--json", stdin=content).json
        assert told["type"] == name
        assert hub("inspect", "-", stdin=content).code == 0
    assert told["entries"][1]["to"] == {RECIPIENT: 2}


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (b'{"kind": "alert", "body": {}}', "This is a draft, not yet a signed record"),
        (b'[\n{"kind": "alert"}]', "This is JSON, and none of what is shown here"),
        (b'{"records": []}', "This is the body of a push, not a record"),
        (b'{"signed": {}, "signatures": []}', "This is a part of a trust repository"),
        (b"-----BEGIN PRIVATE KEY-----", "This is a key"),
        (b"<?xml version='1.0'?><alert/>", "This is XML, a CAP alert perhaps"),
        (b'node = "610800.exchange"', "This is a profile or a node's configuration"),
        (b"a letter", "This file is none of those that are shown"),
    ],
)
def test_another_file_is_told_by_what_it_looks_like(hub: Hub, content: bytes, title: str) -> None:
    said = hub("inspect", "-", stdin=content)
    assert said.code == 1
    assert said.err.startswith(f"✗ {title}\n")


def test_a_sealed_part_that_fits_no_schema_is_shown_all_the_same(
    hub: Hub, paper: Paper, tmp_path: Path
) -> None:
    wrong = PRIVATE | {"parties": [{"role": "张某", "name": "李某"}], "remark": "王某"}
    (tmp_path / "r.jws").write_text(paper.record(private=wrong))
    arguments = ("inspect", tmp_path / "r.jws", "--unseal", paper.key(f"{RECIPIENT}-seal"))
    said = hub(*arguments)
    assert said.code == 0
    assert "It does not fit the schema" in said.out
    assert "/parties/0/role" in said.out
    for name in ("张某", "李某", "王某"):
        assert name not in said.out
        assert name not in hub(*arguments, "--json").out
        assert name in hub(*arguments, "--show-personal").out


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=50).map(lambda tail: b"c2sp.org/tlog-proof@v1\n" + tail),
        st.binary(max_size=50).map(lambda tail: b"\x00\x09{" + tail),
        st.text(alphabet="eyJ.A", max_size=60).map(str.encode),
    )
)
def test_whatever_the_bytes_are_the_answer_is_a_refusal_in_words(hub: Hub, content: bytes) -> None:
    said = hub("inspect", "-", "--json", stdin=content)
    assert said.code == 1
    assert said.json["problem"]["type"].startswith("/problems/")
