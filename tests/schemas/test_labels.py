"""Every code and every member has its words in both languages, and there are no words for nothing."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from marshmallow import fields

from schemas.codes import CodeList
from schemas.envelope import Envelope
from schemas.fields import Code, Many, OpenCode, Part
from schemas.kinds import KINDS, payload_schema
from schemas.labels import LABELS, Language, label, member_label
from schemas.markings import MARKINGS
from schemas.shape import Shape

KEPT_BY_THE_NODE = {"record_state", "delivery", "flag", "member"}
"""Lists that no schema has: what the node itself says of a record."""


def walk(shape: type[Shape], path: str) -> Iterator[tuple[str, fields.Field[Any]]]:
    for name, field in shape().fields.items():
        inner_path = f"{path}/{field.data_key or name}"
        yield inner_path, field
        inner = field.item if isinstance(field, Many) else field
        if isinstance(inner, Part):
            yield from walk(inner.shape, inner_path)


def everything() -> Iterator[tuple[str, fields.Field[Any]]]:
    for (name, version), known in KINDS.items():
        yield from walk(type(payload_schema(name, version)), name)
        yield from walk(known.body, name)
        if known.private is not None:
            yield from walk(known.private, name)


def code_lists() -> dict[str, set[str]]:
    lists: dict[str, set[str]] = {"kind": {name for name, _ in KINDS}, "marking": set(MARKINGS)}
    for _, field in everything():
        inner = field.item if isinstance(field, Many) else field
        if isinstance(inner, Code | OpenCode):
            lists.setdefault(inner.codes.name, set()).update(inner.codes.codes)
    return lists


@pytest.mark.parametrize("name, codes", sorted(code_lists().items()))
def test_every_code_has_words_in_both_languages_and_none_stands_for_nothing(
    name: str, codes: set[str]
) -> None:
    assert set(LABELS[name]) == codes
    for code in codes:
        assert label(name, code, "zh") and label(name, code, "en")
        assert label(name, code, "zh") != code


def test_every_list_of_words_belongs_to_codes() -> None:
    assert set(LABELS) - KEPT_BY_THE_NODE == set(code_lists())


def test_every_member_has_words() -> None:
    for path, _ in everything():
        name = path.rpartition("/")[2]
        assert path in LABELS["member"] or name in LABELS["member"], path


def test_every_word_for_a_member_is_of_a_member() -> None:
    paths = {path for path, _ in everything()}
    names = {path.rpartition("/")[2] for path in paths} | {
        field.data_key or name for name, field in Envelope().fields.items()
    }
    for key in LABELS["member"]:
        assert key in (paths if "/" in key else names), key


def test_words_are_whole_in_both_languages() -> None:
    for words in LABELS.values():
        for each in words.values():
            assert set(each) == {"zh", "en"}
            assert all(each.values())


def test_a_member_is_found_by_its_path_before_its_name() -> None:
    assert member_label("mediation_case/agreement") == "调解协议"
    assert member_label("agreement") == "所依协议"
    assert member_label("event_security/venue/name", "en") == "Name"
    assert member_label("made_up") == "made_up"


def test_a_code_without_words_stands_for_itself_and_a_list_without_words_is_a_mistake() -> None:
    assert label("permit_state", "under_review") == "under_review"
    with pytest.raises(KeyError):
        label("zodiac", "rat")


def test_code_lists_of_one_name_are_one_list() -> None:
    seen: dict[str, CodeList] = {}
    for path, field in everything():
        inner = field.item if isinstance(field, Many) else field
        if isinstance(inner, Code | OpenCode) and inner.codes.name != "kind":
            assert seen.setdefault(inner.codes.name, inner.codes) == inner.codes, path


def test_languages_are_chinese_and_english() -> None:
    assert get_args(Language) == ("zh", "en")
