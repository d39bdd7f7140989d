"""What came from elsewhere is shown as text: it moves no cursor, rings no bell, colours and hides nothing."""

from __future__ import annotations

import json

import pytest

from hub.cli.output import Column, Output
from hub.errors import Code, Problem
from hub.visible import visible

HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\x00\x9b31m\u202egnp.exe\u2066"


def shown(told: str) -> None:
    assert "owned" in told
    assert not [each for each in told if not each.isprintable() and each != "\n"]


def test_words_tables_facts_and_refusals_are_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.say(HOSTILE)
    output.warn(HOSTILE)
    output.table("rows", [Column("name", "Name"), Column("said", "Says", wide=True)], [{"name": HOSTILE}])
    output.facts({"name": HOSTILE}, [("Name", HOSTILE)])
    output.problem(Problem(Code.CONFLICT, HOSTILE, where=HOSTILE))
    told = capsys.readouterr()
    shown(told.out)
    shown(told.err)


def test_a_program_is_told_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).facts({"name": HOSTILE}, [])
    told = capsys.readouterr().out
    assert json.loads(told) == {"name": HOSTILE}
    assert "\x1b" not in told


@pytest.mark.parametrize("text", ["边界纠纷调解", "two\nlines\tand a tab", "e\u0301 \U0001f6a8 \u3000"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert visible(text, 3) == text[:3]
