"""`hub quarantine`: an officer lists, opens, mends and lets go; nobody else reads a cell."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Hub, Said
from town import Desk, Town, a_town, a_town_lab, case

from keys.files import write_private
from keys.suite import generate_unseal

__all__ = ["a_town", "a_town_lab"]

SECRETS = ("张某甲", "13900000077", "围栏外三十米", "外星人")
DEADLINE_SECONDS = 60
BAD = case("2", 申请人="张某甲", 摘要="围栏外三十米，电话13900000077", 状态="外星人")


@pytest.fixture
def desk(town: Town) -> Desk:
    desk = town.desk()
    desk.lay([case("1"), BAD])
    desk.take()
    return desk


@pytest.fixture
def quarantine(hub: Hub, desk: Desk) -> Any:
    """`hub quarantine` with the city's configuration."""

    def run(command: str, *arguments: object, **named: Any) -> Said:
        return hub("quarantine", command, *arguments, "--config", desk.config, **named)

    return run


def hides_all(said: Said) -> bool:
    return not any(secret in said.out + said.err for secret in SECRETS)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_list_says_what_is_wrong_and_shows_no_cell(quarantine: Any, desk: Desk, lang: str) -> None:
    said = quarantine("list", lang=lang)
    assert said.code == 0
    assert "register.csv" in said.out
    assert hides_all(said)
    listed = quarantine("list", "--json")
    (row,) = listed.json["entries"]
    assert hides_all(listed)
    assert (row["local_number"], row["line"], row["table"]) == ("2", 3, "案件")
    assert [(each["column"], each["shape"]) for each in row["reasons"]] == [("状态", "字字字")]
    assert quarantine("list", "--city", "榆林", "--json").json["entries"] == []


def test_a_row_is_shown_whole_with_its_wrong_column_marked(quarantine: Any, desk: Desk) -> None:
    (number,) = [entry.entry for entry in desk.entries()]
    said = quarantine("show", number)
    assert said.code == 0
    assert all(secret in said.out for secret in SECRETS)
    assert "✗ 状态" in said.out
    assert f"hub quarantine fix {number}" in said.out
    assert quarantine("show", number, "--json").json["row"] == BAD


def test_another_key_is_refused_with_what_to_do(quarantine: Any, desk: Desk, tmp_path: Path) -> None:
    write_private(tmp_path / "other.pem", generate_unseal(), None)
    desk.set({"seal_key": f'"{tmp_path}/other.pem"'})
    for command in (("show", 1), ("fix", 1, "状态=调解")):
        for lang in ("zh", "en"):
            said = quarantine(*command, lang=lang)
            assert said.code == 1
            assert said.err.startswith("✗ ")
            assert "sealed to another key than seal_key" in said.err
            assert hides_all(said)
    said = quarantine("release", "--all", desk.city)
    assert said.code == 1
    assert hides_all(said)
    assert len(desk.entries()) == 1


def test_a_fix_sends_and_a_bad_one_says_why(quarantine: Any, desk: Desk) -> None:
    said = quarantine("fix", 1, "状态=火星人")
    assert said.code == 1
    assert "stays in quarantine" in said.out
    assert "状态" in said.out
    assert "火星人" not in said.out + said.err
    said = quarantine("fix", 1, "状态=调解", "金额=5")
    assert said.code == 0
    assert "✓ 1: sent" in said.out
    assert desk.counts("2") == [1]
    assert "Nothing is in quarantine" in quarantine("list").out


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_column_without_a_value_is_read_from_standard_input(
    quarantine: Any, desk: Desk, end: bytes
) -> None:
    lines = "李某乙\n调解".encode() + end
    said = quarantine("fix", 1, "申请人", "金额=5", "状态", stdin=lines)
    assert said.code == 0
    assert "李某乙" not in said.out + said.err
    assert desk.said("2")["parties"] == [{"role": "applicant", "name": "李某乙"}]
    (arrival,) = desk.revisions("2")
    assert (arrival.record.body["state"], arrival.record.body["amount"]) == ("mediating", "5")


def test_an_empty_line_empties_the_cell(quarantine: Any, desk: Desk) -> None:
    assert quarantine("fix", 1, "申请人", "状态=调解", stdin=b"\n").code == 0
    assert "parties" not in desk.said("2")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("调解\n".encode(), "no line for 申请人"),
        ("调解\n张某丙\n".encode("gb18030"), "no text"),
        ("字".encode() * 70_000 + b"\n\n", "too long"),
    ],
)
def test_standard_input_that_will_not_do_changes_nothing(
    quarantine: Any, desk: Desk, lines: bytes, told: str
) -> None:
    said = quarantine("fix", 1, "状态", "申请人", stdin=lines)
    assert said.code != 0
    assert told in said.err
    assert len(desk.entries()) == 1
    assert desk.counts("2") == [0]


def test_nothing_is_asked_for_an_entry_that_is_not_there(quarantine: Any) -> None:
    said = quarantine("fix", 99, "状态", stdin=b"")
    assert said.code == 1
    assert "There is no such entry" in said.err


def test_at_a_terminal_the_value_is_asked_for(desk: Desk) -> None:
    ours, theirs = pty.openpty()
    arguments = ("quarantine", "fix", "1", "状态", "申请人", "--config", str(desk.config), "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "hub", *arguments],
        env={**os.environ, "HUB_LANG": "en", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        for column, value in (("状态", "调解"), ("申请人", "")):
            _wait_for(ours, f"{column} = ".encode())
            os.write(ours, value.encode() + b"\n")
        out, _ = process.communicate(timeout=DEADLINE_SECONDS)
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 0
    assert json.loads(out)["released"] == [{"number": 1, "status": "new", "reasons": []}]
    assert "parties" not in desk.said("2")


def _wait_for(terminal: int, words: bytes) -> None:
    shown, deadline = b"", time.monotonic() + DEADLINE_SECONDS
    while words not in shown:
        assert time.monotonic() < deadline, shown
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 65_536)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("fix", 1, "状态"), 2),
        (("fix", 1, "=调解"), 2),
        (("fix", 1), 2),
        (("fix", 1, "没有=1"), 1),
        (("fix", 99, "状态=调解"), 1),
        (("show", 0), 2),
        (("show", 99), 1),
        (("release",), 2),
        (("release", 99), 1),
        (("release", 1, "--all", "150600"), 2),
        (("dismiss", 99), 1),
        (("dismiss",), 2),
    ],
)
def test_what_cannot_be_done_changes_nothing(quarantine: Any, desk: Desk, arguments: Any, code: int) -> None:
    said = quarantine(*arguments)
    assert (said.code, hides_all(said)) == (code, True)
    assert len(desk.entries()) == 1
    assert desk.counts("2") == [0]


def test_all_rows_of_a_city_are_released_and_the_bad_ones_keep_none_back(quarantine: Any, desk: Desk) -> None:
    words = desk.dialect.read_text(encoding="utf-8")
    rows = [{**BAD, "编号": "3"}, {**BAD, "编号": "4", "状态": "火星人"}, {**BAD, "编号": "5"}]
    desk.lay(rows, "more.csv")
    desk.take()
    desk.dialect.write_text(words.replace('"登记": ', '"外星人": "registered", "登记": '), encoding="utf-8")
    said = quarantine("release", "--all", "鄂尔多斯", "--json")
    assert said.code == 1
    assert [each["status"] for each in said.json["released"]] == ["new", "new", None, "new"]
    assert desk.counts("2", "3", "4", "5") == [1, 1, 0, 1]
    assert [entry.number for entry in desk.entries()] == ["4"]


def test_a_number_that_is_named_twice_is_one(quarantine: Any, desk: Desk) -> None:
    words = desk.dialect.read_text(encoding="utf-8")
    desk.dialect.write_text(words.replace('"登记": ', '"外星人": "registered", "登记": '), encoding="utf-8")
    assert quarantine("release", 1, 1).code == 0
    assert desk.counts("2") == [1]


def test_a_row_set_aside_is_not_asked_about_again(quarantine: Any, desk: Desk) -> None:
    assert "Set aside: 1" in quarantine("dismiss", 1, 1).out
    assert desk.take_one(again=True).mended_before == 1
    assert desk.entries() == []
