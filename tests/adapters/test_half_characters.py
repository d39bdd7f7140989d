"""Half a character in JSON (the escape \ud800 alone): no reader's guess at it is sent; its row is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from city_files import drafts, outcomes, refusals
from hypothesis import given
from hypothesis import strategies as st

from adapters.cities import dialect, sample
from adapters.drafts import Draft, Reason, Rejection
from adapters.formats.json_list import JsonText
from adapters.translation import read_again
from adapters.values.convert import LOST
from adapters.values.json_text import marked, parsed

HALVES = [
    r"\ud800",
    r"\udc00",
    r"\uD83Dx",
    r"\ud83d\u0041",
    r"\ude00\ud83d",
    r"\ud83d\ud83d\ude00",
    r"\\\ud800",
]
SPOILT = {
    "number": ({"SQBH": "7@"}, "SQBH"),
    "code": ({"JFLX": "10@"}, "JFLX"),
    "division": ({"XZQH": "@"}, "XZQH"),
    "text": ({"JFMC": "某@事"}, "JFMC"),
    "recipients": ({"TZDQ": ["150627", "@"]}, "TZDQ"),
    "party": ({"DSR": [{"JS": "申请人", "XM": "高@某"}]}, "DSR[0].XM"),
    "object": ({"XY": {"XS": "@"}}, "XY.XS"),
    "column that is not sent": ({"BZ": "@"}, "BZ"),
    "member that is not sent": ({"DSR": [{"JS": "申请人", "XM": "高某", "BZ": ["@"]}]}, "DSR"),
    "member's name": ({"DSR": [{"JS": "申请人", "XM": "高某", "BZ@": ""}]}, "DSR"),
    "name": ({"JFMC@": "某事"}, ""),
}


def three(change: Mapping[str, Any] = MappingProxyType({}), half: str = "") -> bytes:
    """Three cases of Yulin in ASCII, the second with a change in which @ stands for an escape."""
    first, second, third = json.loads(sample("610800", "mediation_case.json"))["data"]["list"]
    spoilt = json.dumps({**second, **change}).replace("@", half)
    return f'{{"data": {{"list": [{json.dumps(first)}, {spoilt}, {json.dumps(third)}]}}}}'.encode()


def minutes(content: bytes) -> list[str | None]:
    return [(each.private or {}).get("minutes") for each in drafts(outcomes("610800", content))]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(("change", "column"), SPOILT.values(), ids=SPOILT)
def test_half_a_character_costs_its_row_alone(half: str, change: dict[str, Any], column: str) -> None:
    first, _, third = [each.local_number for each in drafts(outcomes("610800", three()))]
    found = outcomes("610800", three(change, half))
    assert refusals(found) == [(column, Reason.ENCODING)]
    assert [each.local_number for each in drafts(found)] == [first, third]
    (refused,) = [each for each in found if isinstance(each, Rejection)]
    assert refused.place.row == 2


def test_a_number_that_lost_something_names_no_row_until_it_is_mended() -> None:
    (refused,) = [
        each for each in outcomes("610800", three({"SQBH": "7@"}, r"\ud800")) if isinstance(each, Rejection)
    ]
    assert refused.local_number == ""
    again = read_again(dialect("610800"), refused.table, refused.row)
    assert refusals(again if isinstance(again, list) else []) == [("SQBH", Reason.ENCODING)]
    mended = read_again(dialect("610800"), refused.table, {**refused.row, "SQBH": "7"})
    assert isinstance(mended, Draft)
    assert mended.local_number == "7"


def test_a_character_in_two_halves_is_one_and_an_escaped_backslash_begins_none() -> None:
    assert minutes(three({"TJBL": "某@事"}, r"\uD83D\ude00"))[1] == "某😀事"
    assert minutes(three({"TJBL": "@事"}, r"\\ud800"))[1] == r"\ud800事"


class Pieces:
    """Text as it is decoded, in pieces of any size."""

    def __init__(self, pieces: list[str]) -> None:
        self._given = pieces

    def pieces(self) -> Iterator[str]:
        return iter(self._given)


ESCAPES = st.sampled_from(
    [r"\ud83d", r"\ude00", r"\uDBFF", r"\\", r"\"", r"\n", r"\u0041", "\\", "u", "d83d", '"', "字", "9"]
)


@given(st.lists(st.lists(ESCAPES, max_size=4).map("".join), max_size=5), st.data())
def test_halves_are_marked_wherever_the_text_was_taken_apart(
    given_pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(given_pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    reader = JsonText(Pieces(pieces))  # type: ignore[arg-type]
    read = b"".join(iter(lambda: reader.read(65_536), b""))
    assert read.decode() == marked(text)


@given(st.text(st.sampled_from('\ud83d\ude00\\"a😀ud83\n'), max_size=8))
def test_a_text_is_marked_if_and_only_if_it_has_half_a_character(text: str) -> None:
    written = json.dumps(text)
    whole = json.loads(written)
    halves = any("\ud800" <= character <= "\udfff" for character in whole)
    assert (LOST in parsed(written)) == halves
    assert halves or parsed(written) == whole
