"""A trust repository from keys and two files; shown to people, checked against a root that one holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Hub, Paper


@pytest.fixture
def made(hub: Hub, paper: Paper, tmp_path: Path) -> Path:
    """A repository made by `hub trust init` of the lab's own targets."""
    targets = paper.repository / "targets"
    files = {name: next(targets.glob(f"*.{name}")) for name in ("trust-list.json", "agreements.json")}
    names = ("root-1", "root-2", "root-3", "snapshot", "timestamp")
    for name in names:
        hub("keys", "new", "--use", "sign", "--out", tmp_path / f"{name}.pem", "--no-passphrase")
    key = {name: tmp_path / f"{name}.pem" for name in names}
    roots = [part for name in names[:3] for part in ("--root-keys", key[name])]
    said = hub(
        *("trust", "init", "--dir", tmp_path / "made", *roots, "--threshold", 2),
        *("--trust-list", files["trust-list.json"], "--agreements", files["agreements.json"]),
        *("--snapshot-key", key["snapshot"], "--timestamp-key", key["timestamp"]),
    )
    assert said.code == 0, said.err
    return tmp_path / "made"


def test_what_was_made_verifies(hub: Hub, made: Path) -> None:
    said = hub("trust", "verify", made, "--root", made / "1.root.json", "--json")
    assert said.code == 0
    assert said.json["root_pinned"] is True


def test_a_second_time_is_refused(hub: Hub, made: Path, tmp_path: Path) -> None:
    key = tmp_path / "root-1.pem"
    said = hub(
        *("trust", "init", "--dir", made, "--root-keys", key, "--threshold", 1),
        *("--trust-list", next((made / "targets").glob("*.trust-list.json"))),
        *("--agreements", next((made / "targets").glob("*.agreements.json"))),
        *("--snapshot-key", key, "--timestamp-key", key, "--json"),
    )
    assert said.code == 1
    assert said.json["problem"]["type"] == "/problems/conflict"


def test_a_stranger_root_refuses_the_repository(hub: Hub, made: Path, paper: Paper) -> None:
    said = hub("trust", "verify", paper.repository, "--root", made / "1.root.json")
    assert said.code == 1
    assert "✗" in said.err


def test_its_own_root_proves_little_and_that_is_said(hub: Hub, paper: Paper) -> None:
    said = hub("trust", "verify", paper.repository)
    assert said.code == 0
    assert "Its own root was believed" in said.err


def test_a_changed_target_is_found(hub: Hub, made: Path) -> None:
    target = next((made / "targets").glob("*.agreements.json"))
    content = json.loads(target.read_text())
    content["agreements"][0]["highest_marking"] = "red"
    target.write_text(json.dumps(content))
    assert hub("trust", "verify", made).code == 1


def test_an_expiry_that_is_near_is_warned_of(hub: Hub, made: Path) -> None:
    said = hub("trust", "show", made)
    assert said.code == 0
    assert "expires in 6 days" in said.err


@pytest.mark.parametrize(("lang", "words"), [("zh", "610800 榆林市"), ("en", "610800 Yulin")])
def test_cities_and_agreements_are_shown_by_name(hub: Hub, paper: Paper, lang: str, words: str) -> None:
    said = hub("trust", "show", paper.repository, lang=lang)
    assert words in said.out
    assert paper.lab.agreements[0]["id"] in said.out
    assert "全体城市协作协议" in said.out


def test_programs_get_every_member(hub: Hub, paper: Paper) -> None:
    shown: dict[str, Any] = hub("trust", "show", paper.repository, "--json").json
    assert [city["code"] for city in shown["cities"]] == ["610800", "150600", "141100"]
    assert shown["nodes"][0]["log"] == paper.lab.nodes[0].log
    assert all(key["valid"] for city in shown["cities"] for key in city["keys"])
