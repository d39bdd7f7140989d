"""A refusal says what, where and what next, in the reader's language; nothing ends in a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Hub, Paper

from hub.cli import keys as keys_command
from hub.cli.faults import LocalProblem, Situation, facing, told, words
from hub.errors import MEANINGS, Code, Problem

HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,;:?!(]|[,;:?!)][\u4e00-\u9fff]")
PROFILE = 'node = "610800.exchange"\ntrust = "trust"\nkey = "key.pem"\n'


def profile(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "p.toml"
    path.write_text(text)
    return path


def test_a_refusal_has_title_detail_place_and_next_step(hub: Hub, tmp_path: Path) -> None:
    said = hub("pull", "--as", profile(tmp_path, PROFILE + "surprise = 1\n"))
    assert said.code == 1
    assert said.err.splitlines() == [
        "✗ The profile cannot be used",
        "p.toml: Unknown field.",
        "Where: /surprise",
        "Next: Mend the profile that --as or HUB_PROFILE names; its members are `node`, `trust`, `key`, `city`, "
        "`passphrase_file` and `url`.",
    ]


def test_a_refusal_is_told_in_chinese(hub: Hub, tmp_path: Path) -> None:
    said = hub("pull", "--as", profile(tmp_path, "node"), lang="zh")
    assert said.err.startswith("✗ 无法使用客户端配置")
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


@pytest.mark.parametrize("situation", Situation)
def test_every_situation_has_words_for_every_code_in_both_languages(situation: Situation) -> None:
    for code in Code:
        said = words(situation, code)
        assert all(said[name] for name in ("en", "zh", "next_en", "next_zh"))
        assert said["en"] != MEANINGS[code].en
        assert not HALF_WIDTH.search(said["zh"] + said["next_zh"])


def test_the_nearest_situation_has_its_say_and_code_and_place_stay() -> None:
    with pytest.raises(LocalProblem) as caught, facing(Situation.TRUST), facing(Situation.KEY):
        raise Problem(Code.INVALID, "detail", where="/use")
    found = caught.value
    assert (found.code, found.detail, found.where) == (Code.INVALID, "detail", "/use")
    assert found.title("en") == "The key is not one for that use"
    assert found.to_dict()["type"] == "/problems/invalid"
    assert found.to_dict()["status"] == MEANINGS[Code.INVALID].status


def test_a_node_out_of_reach_is_not_told_as_one_that_is_busy() -> None:
    found = told(Problem(Code.BUSY, "it does not answer"), Situation.ASKING)
    assert found.title("en") == "The node is out of reach"


def test_a_missing_key_is_told_as_a_file_and_not_as_an_address(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "open.pem").write_text("x")
    (tmp_path / "open.pem").chmod(0o644)
    said = hub("keys", "show", tmp_path / "open.pem")
    assert said.err.startswith("✗ The key file cannot be used")
    assert "mode 0644" in said.err
