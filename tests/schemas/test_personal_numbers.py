"""What looks like a person's number is found however it is written, and what does not is let through."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.personal import BOUNDARY, has_identity_number, has_mobile_phone, objection

IDENTITY = [
    "610821199003071234",
    "61082119900307123X",
    "61082119900307123x",
    "610821200012310011",
    "610821189912310011",
    "610821900307123",
    "身份证610821199003071234号",
    "610821 19900307 1234",
    "610821-1990-0307-1234",
    "610821\n199003071234",
    "610821\u200b199003071234",
    "610821—19900307—1234",
    "6 1 0 8 2 1 1 9 9 0 0 3 0 7 1 2 3 4",
    "𝟞𝟙𝟘𝟠𝟚𝟙𝟙𝟡𝟡𝟘𝟘𝟛𝟘𝟟𝟙𝟚𝟛𝟜",
]
MOBILE = [
    "13912345678",
    "电话13912345678。",
    "139 1234 5678",
    "139-1234-5678",
    "139–1234–5678",
    "+8613912345678",
    "+86 139 1234 5678",
    "008613912345678",
    "0086-139-12345678",
    "8613912345678",
    "013912345678",
    "(86)13912345678",
    "199\u200b12345678",
    "1 3 9 1 2 3 4 5 6 7 8",
    "编号1 13912345678",
    "①③⑨①②③④⑤⑥⑦⑧",
]
CHECKED = [
    "11010519491231002X",
    "440524188001010014",
    "610821199003071235",
    "身份证610821199003071235号",
    "610821-19900307-1235",
    "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 x",
    "61 610821199003071235",
    "61082 2199012050111 50015",
    "610821199003071234 610821199003071235",
]
"""Identity numbers with the right check digit; the first two are the worked examples of GB 11643, the
last begins inside what would be another."""
OFFICIAL = [
    "610821199003071234",
    "61082220261102001X",
    "2026110220261102001X",
    "610822202611020011",
    "610821900307123",
    "610822 20261102 0012",
    "710105194912310012",
    "榆公安许〔2026〕3号",
]
"""Numbers that an authority may give: a division, a day and a serial number among them."""
HARMLESS = [
    "61080041600000_20261121083000",
    "2026-11-21T08:30:00+08:00",
    "2026-11-21 08:30 至 2026-11-22 08:30",
    "0912-0000000",
    "12345",
    "(2026)府麻调字第12号",
    "榆公安许〔2026〕3号",
    "12912345678",
    "139123456789",
    "9913912345678",
    "610821199013071234",
    "610821199003321234",
    "610821170003071234",
    "6108211990030712345",
    "610822、150622、150623",
    "610822 150622",
    "110.912, 39.371",
    "",
]


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "0" <= c <= "9" else c for c in text)


@pytest.mark.parametrize("text", CHECKED + [full_width(text) for text in CHECKED])
def test_an_official_number_may_not_be_an_identity_number_with_its_check_digit(text: str) -> None:
    assert objection(text, official=True) is not None
    assert objection(text) is not None


@pytest.mark.parametrize("text", OFFICIAL + HARMLESS)
def test_an_official_number_may_have_a_division_and_a_day_in_it(text: str) -> None:
    assert objection(text, official=True) is None


@pytest.mark.parametrize("text", MOBILE)
def test_an_official_number_is_no_mobile_phone(text: str) -> None:
    assert objection(text, official=True) is not None


def test_of_eleven_check_digits_one_makes_an_official_number_an_identity_number() -> None:
    refused = [last for last in "0123456789X" if objection(f"61082119900307123{last}", official=True)]
    assert refused == ["5"]


def test_only_a_province_begins_an_identity_number() -> None:
    """Whatever the check digit is: no number of another beginning is refused."""
    for beginning in ("10", "16", "20", "24", "38", "47", "55", "60", "66", "71", "99"):
        for last in "0123456789X":
            assert objection(f"{beginning}082119900307123{last}", official=True) is None


@pytest.mark.parametrize("text", IDENTITY + [full_width(text) for text in IDENTITY])
def test_identity_numbers_are_found_and_nowhere_allowed(text: str) -> None:
    assert has_identity_number(text)
    assert objection(text) is not None
    assert objection(text, phone=True) is not None


@pytest.mark.parametrize("text", MOBILE + [full_width(text) for text in MOBILE])
def test_mobile_phones_are_found_and_allowed_where_phones_are(text: str) -> None:
    assert has_mobile_phone(text)
    assert objection(text) is not None
    assert objection(text, phone=True) is None


@pytest.mark.parametrize("text", HARMLESS)
def test_other_numbers_are_let_through(text: str) -> None:
    assert objection(text) is None


@pytest.mark.parametrize("text", ["a\x00", "\x1b[2J", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028"])
def test_control_characters_and_marks_that_turn_text_around_are_refused(text: str) -> None:
    assert objection(text) is not None


def test_newline_and_tab_are_text() -> None:
    assert objection("一\n二\t三") is None


@pytest.mark.parametrize("text", IDENTITY + MOBILE)
def test_a_refusal_never_repeats_what_it_found(text: str) -> None:
    why = objection(text)
    assert why is not None
    assert not any(character.isdigit() for character in why.zh + why.en)


TEXTS = st.lists(
    st.sampled_from(IDENTITY + CHECKED + OFFICIAL + MOBILE + HARMLESS + ["\x00"])
    | st.text(max_size=12)
    | st.text("0123456789+-  x", max_size=24),
    max_size=5,
)


@given(TEXTS, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=400)
def test_texts_looked_at_together_hide_nothing(texts: list[str], phone: bool, official: bool) -> None:
    """The compiled check joins texts: finding nothing in all must mean finding nothing in each."""
    if objection(BOUNDARY.join(texts), phone=phone, official=official) is None:
        assert all(objection(text, phone=phone, official=official) is None for text in texts)


@given(TEXTS.map("".join))
@settings(deadline=None, max_examples=400)
def test_an_official_number_is_never_refused_where_a_text_is_not(text: str) -> None:
    if objection(text) is None:
        assert objection(text, official=True) is None


@given(st.text("0123456789 -–\u200b+86xX中.", max_size=40))
@settings(deadline=None, max_examples=400)
def test_the_cheap_look_never_misses_what_the_patterns_find(text: str) -> None:
    if has_identity_number(text) or has_mobile_phone(text):
        assert objection(text) is not None


def test_every_character_that_stands_for_a_digit_is_read_as_one() -> None:
    for code in range(sys.maxunicode + 1):
        plain = unicodedata.normalize("NFKC", chr(code))
        if len(plain) == 1 and plain in "0123456789":
            number = "13" + chr(code) * 9
            assert has_mobile_phone(number), hex(code)
