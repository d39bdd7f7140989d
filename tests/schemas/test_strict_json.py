"""Strict JSON: one text has one value, and no text however hostile ends in anything but `malformed`."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from schemas import strict_json

DEPTH_MESSAGE = "nesting"


def refusal(text: str | bytes, **options: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        strict_json.loads(text, **options)
    assert caught.value.code is Code.MALFORMED
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"x":[{"y":{"b":1,"c":2,"b":3}}]}',
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e400]",
        b"[-1e400]",
        b"[18446744073709551616]",
        b"[-9223372036854775809]",
        b"[" + b"9" * 100_000 + b"]",
        b'["\\ud800"]',
        b'["\\udc00\\ud800"]',
        b'{"\\ud800":1}',
        b'["\xed\xa0\x80"]',
        b'["\xff"]',
        b"\xef\xbb\xbf[]",
        b"[] []",
        b"[]x",
        b"[]\x00",
        b"",
        b" ",
        b"[01]",
        b"[+1]",
        b"[.5]",
        b"[1.]",
        b"[0x10]",
        b"['a']",
        b"[1,]",
        b'{"a":1,}',
        b"{a:1}",
        b'["\t"]',
        b'["\x00"]',
        b'["\\x41"]',
        b"[1]//",
        b"\xfe\xff\x00[\x00]",
        b"[\xc2\xa0]",
        b"tru",
        b'"',
        b"[",
        b'{"a"',
    ],
)
def test_what_two_readers_could_differ_on_is_refused(text: bytes) -> None:
    refusal(text)


def test_a_lone_surrogate_in_text_given_as_str_is_refused() -> None:
    refusal('["\ud800"]')


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":', b" [ "])
@pytest.mark.parametrize("closed", [False, True])
def test_a_million_levels_neither_crash_nor_take_long(opening: bytes, closed: bool) -> None:
    text = opening * 1_000_000
    if closed:
        text += b"1" + b"".join({91: b"]", 123: b"}"}.get(c, b"") for c in reversed(opening)) * 1_000_000
    started = time.monotonic()
    assert DEPTH_MESSAGE in refusal(text).detail
    assert time.monotonic() - started < 5


def test_an_unclosed_string_full_of_escaped_quotes_does_not_take_long() -> None:
    started = time.monotonic()
    refusal(b'["' + b'\\"' * 1_000_000)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}"), (b"[ ", b" ]")])
def test_the_limit_of_nesting_is_exact(opening: bytes, closing: bytes) -> None:
    assert strict_json.loads(opening * 16 + b"1" + closing * 16)
    refusal(opening * 17 + b"1" + closing * 17)
    refusal(opening * 3 + b"1" + closing * 3, depth=2)


def test_brackets_in_strings_do_not_nest_and_many_beside_each_other_are_not_deep() -> None:
    assert strict_json.loads(b'["' + b"[" * 100 + b'\\"[[{"]') == ["[" * 100 + '"[[{']
    assert strict_json.loads(b"[" + b",".join([b"[]"] * 100) + b"]") == [[]] * 100
    assert strict_json.loads(b'[ "\\\\", [' + b" [],[" * 12 + b"]]]" + b"]" * 11) is not None


def test_spaces_escapes_and_other_spellings_of_numbers_are_read() -> None:
    assert strict_json.loads(b' { "a" : [ 1.50 , 1E2 , -0, "\\u4e2d\\ud83d\\ude00" ] } ') == {
        "a": [1.5, 100.0, 0, "中😀"]
    }
    assert strict_json.loads("[18446744073709551615,-9223372036854775808]") == [2**64 - 1, -(2**63)]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
@settings(deadline=None)
def test_what_is_written_is_read_back_however_it_is_spaced_or_escaped(value: Any) -> None:
    assert strict_json.loads(strict_json.dumps(value), depth=100) == value
    assert strict_json.loads(json.dumps(value), depth=100) == value
    assert strict_json.loads(json.dumps(value, indent=1, ensure_ascii=False), depth=100) == value


@given(st.binary(max_size=200) | st.text("[]{}\",:\\u019dDaeE.+- \ud800\n'", max_size=60))
@settings(deadline=None, max_examples=500)
def test_random_input_gives_a_value_or_malformed(text: str | bytes) -> None:
    try:
        strict_json.loads(text)
    except Problem as problem:
        assert problem.code is Code.MALFORMED


def test_names_are_written_sorted_compact_and_unescaped() -> None:
    assert (
        strict_json.dumps({"b": "中\n", "a": [1, None, True]}) == '{"a":[1,null,true],"b":"中\\n"}'.encode()
    )


@pytest.mark.parametrize("value", [object(), {1: 2}, "\ud800", 2**64, b"x"])
def test_what_json_cannot_carry_is_not_written(value: Any) -> None:
    with pytest.raises(Problem) as caught:
        strict_json.dumps(value)
    assert caught.value.code is Code.MALFORMED
