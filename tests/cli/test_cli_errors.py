"""A refusal says what, where and what next, in the reader's language; nothing ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Hub, Paper

from hub.cli import keys as keys_command

PROFILE = 'node = "610800.exchange"\ntrust = "trust"\nkey = "key.pem"\n'


def profile(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "p.toml"
    path.write_text(text)
    return path


def test_a_refusal_has_title_detail_place_and_next_step(hub: Hub, tmp_path: Path) -> None:
    said = hub("pull", "--as", profile(tmp_path, PROFILE + "surprise = 1\n"))
    assert said.code == 1
    assert said.err.splitlines() == [
        "✗ Does not fit the schema",
        "p.toml: Unknown field.",
        "Where: /surprise",
        "Next: Mend the field that `where` points to.",
    ]


def test_a_refusal_is_told_in_chinese(hub: Hub, tmp_path: Path) -> None:
    said = hub("pull", "--as", profile(tmp_path, "node"), lang="zh")
    assert said.err.startswith("✗ 格式不符合约定")
    assert "处理建议：" in said.err


def test_a_refusal_is_told_to_programs_on_standard_output(hub: Hub, tmp_path: Path) -> None:
    said = hub("pull", "--json", "--as", profile(tmp_path, PROFILE))
    assert said.code == 1
    assert said.json["problem"]["type"] == "/problems/not-found"
    assert said.json["problem"]["next"]
    assert said.err == ""


def test_wrong_use_is_told_to_programs_on_standard_output(hub: Hub) -> None:
    said = hub("status", "--json")
    assert said.code == 2
    assert said.json["problem"]["title"] == "Give --config or --as."


@pytest.mark.parametrize("as_json", [False, True])
def test_the_unexpected_is_one_line_and_a_hint(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, as_json: bool
) -> None:
    def fail(_use: str) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr(keys_command, "generate", fail)
    arguments = ("keys", "new", "--use", "sign", "--out", tmp_path / "k", "--no-passphrase")
    said = hub(*arguments, *(["--json"] if as_json else []))
    told = said.json["problem"]["title"] if as_json else said.err.strip()
    assert said.code == 1
    assert told == "Unexpected: RuntimeError: the sky fell. Run the same with `hub --debug …` to see where."
    assert "Traceback" in hub("--debug", *arguments).err


def test_a_profile_without_a_city_sends_nothing(hub: Hub, paper: Paper, tmp_path: Path) -> None:
    (tmp_path / "r.jws").write_text(paper.record())
    audit = paper.folder / "clients" / f"audit-{paper.origin}.toml"
    said = hub("push", "--as", audit, tmp_path / "r.jws", "--json")
    assert said.json["problem"]["type"] == "/problems/not-allowed"


def test_the_version_is_told(hub: Hub) -> None:
    assert hub("--version").out == "hub 0.1.0\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(hub: Hub, shell: str) -> None:
    assert "_HUB_COMPLETE" in hub("completion", shell).out


def test_a_shell_is_told_commands_and_options(hub: Hub) -> None:
    asked = {"_HUB_COMPLETE": "bash_complete", "COMP_WORDS": "hub keys ro", "COMP_CWORD": "2"}
    assert "rotate" in hub(**asked).out
