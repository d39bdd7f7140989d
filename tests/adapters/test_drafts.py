"""Reports show where and what to do in two languages, and never the value that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.drafts import MEANINGS, SHAPE_LENGTH, Place, Reason, Supplied, reject, shape


@pytest.mark.parametrize(
    ("value", "outline"),
    [
        ("2026-13-01", "9999-99-99"),
        ("张三 13900000000", "字字 99999999999"),
        ("Zhang San", "Aaaaa Aaa"),
        ("１３９", "999"),
        ("十三", "字字"),
        ("ｘ\x00\u202e", "a??"),
        ("x" * 41, "a" * SHAPE_LENGTH + "…"),
        ("", ""),
    ],
)
def test_a_shape_shows_the_form_of_a_value_and_nothing_of_it(value: str, outline: str) -> None:
    assert shape(value) == outline


@settings(deadline=None)
@given(st.text())
def test_no_letter_or_digit_of_a_value_is_in_its_shape(value: str) -> None:
    outline = shape(value)
    assert len(outline) <= SHAPE_LENGTH + 1
    assert {character for character in outline if character.isalnum()} <= set("9aA字")
    assert outline.isprintable()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_reason_has_words_and_a_next_step(language: str) -> None:
    for reason in Reason:
        meaning = MEANINGS[reason]
        line = reject(Place(7), "phone", reason, "13900000000").line(language)
        assert (meaning.zh if language == "zh" else meaning.en) in line
        assert (meaning.next_zh if language == "zh" else meaning.next_en) in line
        assert "13900000000" not in line
        assert "\n" not in line


def test_a_rejection_names_sheet_row_and_column() -> None:
    rejection = reject(Place(12, "案件"), "受理时间", Reason.BAD_TIME, "昨天")
    assert rejection.line().startswith("案件!第 12 行 受理时间：")
    assert rejection.line("en").startswith("案件!line 12 受理时间: ")
    assert "〔字字〕" in rejection.line()


def test_what_was_supplied_is_told_with_its_reason() -> None:
    supplied = Supplied("info/headline", "暴雨", "取自 event", "from event")
    assert supplied.line() == "info/headline = 暴雨（取自 event）"
    assert supplied.line("en") == "info/headline = 暴雨 (from event)"
