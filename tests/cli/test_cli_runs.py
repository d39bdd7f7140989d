"""`hub adapt run` by hand: what was done in a table, what is wrong with its next step, and an exit code."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from conftest import Hub
from town import ORDOS, YULIN, Desk, Town, a_town, a_town_lab, case, finding

from hub.client import Client

__all__ = ["a_town", "a_town_lab"]


@pytest.fixture
def desk(town: Town) -> Desk:
    return town.desk()


def run(hub: Hub, desk: Desk, *arguments: object, **named: Any) -> Any:
    return hub("adapt", "run", desk.city, "--config", desk.config, *arguments, **named)


def test_a_run_says_what_it_sent_and_the_next_one_that_nothing_has_changed(hub: Hub, desk: Desk) -> None:
    desk.lay([case("1"), case("2")])
    said = run(hub, desk)
    assert said.code == 0, said.err
    assert "register.csv" in said.out
    again = run(hub, desk)
    assert (again.code, "Unchanged since it was read: 1 files" in again.out) == (0, True)
    assert run(hub, desk, lang="zh").code == 0
    assert desk.counts("1", "2") == [1, 1]


def test_a_program_is_told_every_count(hub: Hub, desk: Desk) -> None:
    desk.lay([case("1"), case("2", 状态="?")])
    said = run(hub, desk, "--json")
    assert said.code == 1
    (taken,) = said.json["taken"]
    assert (taken["rows"], taken["new"], taken["quarantined"], taken["problem"]) == (2, 1, 1, None)
    (given,) = said.json["given"]
    assert (given["sink"], given["written"]) == ("arrivals", 0)
    (taken,) = run(hub, desk, "--json", "--again", "--only", "export").json["taken"]
    assert (taken["unchanged"], taken["new"]) == (1, 0)


def test_quarantine_is_the_next_step_where_something_waits(hub: Hub, desk: Desk) -> None:
    desk.lay([case("1", 状态="外星人", 申请人="张某甲")])
    for lang in ("en", "zh"):
        said = run(hub, desk, "--again", lang=lang)
        assert said.code == 1
        assert "hub quarantine list" in said.out
        assert "外星人" not in said.out + said.err
        assert "张某甲" not in said.out + said.err


def test_one_place_is_worked_off_by_its_name_and_others_are_refused(hub: Hub, desk: Desk) -> None:
    desk.lay([case("1")])
    assert run(hub, desk, "--only", "arrivals").code == 0
    assert desk.counts("1") == [0]
    said = run(hub, desk, "--only", "nothing")
    assert said.code == 2
    assert "there are: export, arrivals" in said.err


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_node_that_is_away_is_told_with_what_to_do_and_sends_later(
    hub: Hub, desk: Desk, town: Town, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    desk.lay([case("1")])
    profile = town.world.folder / "clients" / f"{ORDOS}-office.toml"
    own = desk.folder / "client.toml"
    words = profile.read_text(encoding="utf-8").replace('"../', f'"{town.world.folder}/')
    own.write_text(words + 'url = "http://127.0.0.1:9"\n', encoding="utf-8")
    right = desk.members["profile"]
    desk.set({"profile": f'"{own}"'})
    kept = Client.__init__.__kwdefaults__ or {}
    monkeypatch.setattr(Client.__init__, "__kwdefaults__", {**kept, "tries": 1})
    said = run(hub, desk, lang=lang)
    assert said.code == 1
    assert said.err.startswith("✗ ")
    assert "127.0.0.1:9 does not answer" in said.err
    desk.set({"profile": right})
    assert run(hub, desk).code == 0
    assert desk.counts("1") == [1]


def test_mistakes_in_the_settings_are_told_before_anything_is_done(hub: Hub, desk: Desk, town: Town) -> None:
    desk.lay([case("1")])
    asked = len(town.asked)
    assert "there are: 150600" in hub("adapt", "run", YULIN, "--config", desk.config).err
    desk.set({"profile": f'"{town.world.folder}/clients/{YULIN}-office.toml"'})
    said = run(hub, desk)
    assert (said.code, "the profile speaks for 610800, not for 150600" in said.err) == (1, True)
    desk.set({"profile": '"nowhere.toml"'})
    assert run(hub, desk).code == 1
    desk.set({"colour": '"red"'})
    said = run(hub, desk)
    assert (said.code, "/adapters/0/colour" in said.err) == (1, True)
    assert len(town.asked) == asked
    assert hub("adapt", "run", "火星", "--config", desk.config).code == 2


def test_a_city_file_of_another_city_is_refused(hub: Hub, desk: Desk) -> None:
    words = desk.dialect.read_text(encoding="utf-8").replace('"150600"', '"610800"')
    desk.dialect.write_text(words, encoding="utf-8")
    said = run(hub, desk)
    assert (said.code, "the dialect is 610800's" in said.err) == (1, True)
    desk.dialect.write_text("DIALECT = 1/0", encoding="utf-8")
    assert run(hub, desk).code == 1


def test_hostile_names_of_files_are_text_in_the_terminal(hub: Hub, desk: Desk) -> None:
    desk.lay([case("1", 状态="?")], "[red]x\x1b[31m.csv")
    desk.lay([case("2", 状态="?")], "[bold]y.csv")
    said = run(hub, desk)
    assert "\x1b" not in said.out + said.err
    assert "[bold]y.csv" in said.out
    listed = hub("quarantine", "list", "--config", desk.config)
    assert "\x1b" not in listed.out
    assert "[bold]y.csv" in listed.out


def test_what_is_withheld_and_what_is_lost_is_told(hub: Hub, desk: Desk, town: Town) -> None:
    desk.set(source={"withdraw_at_most": "0"})
    desk.lay([finding("1"), finding("2")])
    run(hub, desk)
    desk.lay([finding("1")])
    said = run(hub, desk)
    assert "withdraw_at_most" in said.out
    assert "1 rows are gone from the source" in re.sub(r"\s+", " ", said.out)
    other = town.desk(YULIN)
    assert run(hub, other).code == 0
    given = json.loads(run(hub, other, "--json").out)["given"]
    assert [each["written"] for each in given] == [0]
