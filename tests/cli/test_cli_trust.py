"""A trust repository from keys and two files; shown to people, checked against a root that one holds."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Hub, Paper, Said
from rich.cells import cell_len
from rich.console import Console

from hub.cli.output import Output


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


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_narrow_screen_folds_all_of_it(
    hub: Hub, paper: Paper, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    screen = io.StringIO()
    narrow = Console(file=screen, force_terminal=True, width=60, color_system=None, highlight=False)
    monkeypatch.setattr(Output, "console", narrow)
    assert hub("trust", "show", paper.repository, lang=lang).code == 0
    lines = screen.getvalue().splitlines()
    assert len(lines) > 50
    assert [line for line in lines if cell_len(line) > 60] == []


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


def refreshed(hub: Hub, made: Path, *more: object) -> Said:
    key = made.parent
    return hub("trust", "refresh", made, "--timestamp-key", key / "timestamp.pem", *more)


def test_an_expiry_that_is_near_is_warned_of_and_the_remedy_named(
    hub: Hub, made: Path, tmp_path: Path
) -> None:
    assert hub("trust", "show", made).err == ""
    assert refreshed(hub, made, "--days", 1).code == 0
    said = hub("trust", "show", made)
    assert said.code == 0
    assert "timestamp of the trust repository expires in 0 days" in said.err
    assert f"hub trust refresh {made} --snapshot-key FILE --timestamp-key FILE" in said.err
    home = Path(shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-node")))
    listen = ("--url", "http://127.0.0.1:9", "--listen", "127.0.0.1:9")
    hub("init", "--dir", home / "n", "--name", "610800.exchange", *listen)
    shutil.copytree(made, home / "n" / "trust")
    assert "hub trust refresh" in hub("status", "--config", home / "n" / "hub.toml").err


def test_what_was_refreshed_verifies_and_holds_longer(hub: Hub, made: Path) -> None:
    before = {role["role"]: role for role in hub("trust", "show", made, "--json").json["signers"]}
    said = refreshed(hub, made, "--snapshot-key", made.parent / "snapshot.pem", "--days", 20, "--json")
    assert said.code == 0, said.err
    after = {role["role"]: role for role in said.json["roles"]}
    for name in ("snapshot", "timestamp"):
        assert after[name]["version"] == before[name]["version"] + 1
        assert after[name]["expires_at"] >= before[name]["expires_at"]
    assert after["timestamp"]["expires_at"] > before["timestamp"]["expires_at"]
    for name in ("root", "targets"):
        assert after[name] == before[name]
    assert hub("trust", "verify", made, "--root", made / "1.root.json").code == 0


def test_another_key_refreshes_nothing(hub: Hub, made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    said = hub("trust", "refresh", made, "--timestamp-key", made.parent / "root-1.pem")
    assert said.code == 1
    assert said.err.startswith("✗ The root does not name this key")
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_who_signs_is_shown_by_the_ids_that_keys_show_prints(hub: Hub, made: Path) -> None:
    shown = {role["role"]: role for role in hub("trust", "show", made, "--json").json["signers"]}
    kids = [hub("keys", "show", made.parent / f"root-{n}.pem", "--json").json["kid"] for n in (1, 2, 3)]
    assert sorted(shown["root"]["keys"]) == sorted(shown["targets"]["keys"]) == sorted(kids)
    assert shown["root"]["threshold"] == 2
    said = hub("trust", "show", made)
    assert "2 of 3" in said.out
    assert kids[0] in said.out


def test_a_key_is_shown_with_its_kinds_and_dates(hub: Hub, paper: Paper) -> None:
    said = hub("trust", "show", paper.repository)
    keys = said.out.partition("Keys\n")[2]
    assert "all kinds" in keys
    for heading in ("May sign", "Since (+08:00)", "Until (+08:00)", "Revoked (+08:00)"):
        assert heading in keys


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
