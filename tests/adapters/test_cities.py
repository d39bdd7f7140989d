"""What must hold for every city: its samples are clean, come back whole, and nothing makes it fall over.

A city that is added is tested by being there.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from dialect_bodies import bodies
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from adapters.cities import DIALECTS, dialect, sample, samples
from adapters.comparing import differences
from adapters.drafts import Draft, Note, Rejection
from adapters.formats import CapAlert
from adapters.translation import read, read_again
from adapters.writing import Carried, cannot_carry, files, write
from hub.errors import Problem
from schemas.divisions import CITIES
from schemas.kinds import kind as kind_of

SAMPLES = [(city, name) for city in DIALECTS for name in samples(city)]
KINDS = [(city, kind) for city in DIALECTS for kind in dict.fromkeys(t.kind for t in dialect(city).tables)]
TRIALS = settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))


def outcomes(city: str, content: bytes, name: str = "") -> list[Any]:
    return list(read(dialect(city), io.BytesIO(content), name=name))


def drafts(city: str, content: bytes, name: str = "") -> list[Draft]:
    return [outcome for outcome in outcomes(city, content, name) if isinstance(outcome, Draft)]


def carried(draft: Draft) -> Carried:
    return Carried(
        draft.kind,
        draft.body,
        draft.private,
        draft.version,
        draft.local_number,
        recipients=draft.recipients,
        subject=draft.subject,
    )


def written(city: str, records: list[Carried]) -> Iterator[tuple[str, bytes, list[Any]]]:
    for name, together in files(dialect(city), records):
        stream = io.BytesIO()
        losses = write(dialect(city), together, stream)
        yield name, stream.getvalue(), losses


def contents(draft: Draft) -> tuple[Any, ...]:
    return draft.kind, draft.local_number, draft.system, draft.subject, draft.recipients


def test_every_file_of_a_city_is_found_and_speaks_for_a_partner() -> None:
    assert {"610800", "150600"} <= set(DIALECTS)
    for city in DIALECTS:
        assert dialect(city).city == city
        assert dialect(city).name == CITIES[city].zh


@pytest.mark.parametrize("city", DIALECTS)
def test_there_is_a_sample_of_every_table(city: str) -> None:
    made = {draft.table for name, content in samples(city).items() for draft in drafts(city, content, name)}
    assert made == {table.title for table in dialect(city).tables}


@pytest.mark.parametrize(("city", "name"), SAMPLES)
def test_a_sample_is_clean(city: str, name: str) -> None:
    assert [o.line() for o in outcomes(city, sample(city, name), name) if isinstance(o, Rejection)] == []


@pytest.mark.parametrize(("city", "name"), SAMPLES)
def test_a_sample_comes_back_whole_after_it_was_written(city: str, name: str) -> None:
    before = drafts(city, sample(city, name), name)
    after = []
    for file_name, content, losses in written(city, [carried(draft) for draft in before]):
        assert [loss.line() for loss in losses] == []
        after += drafts(city, content, file_name)
    assert [contents(draft) for draft in after] == [contents(draft) for draft in before]
    for one, other in zip(before, after, strict=True):
        kind = kind_of(one.kind, one.version)
        assert [*differences(kind.body, one.body, other.body)] == []
        assert [*differences(kind.body, other.body, one.body)] == []
        if kind.private is not None:
            assert [*differences(kind.private, one.private or {}, other.private or {})] == []


@pytest.mark.parametrize(("city", "name"), SAMPLES)
def test_the_same_records_give_the_same_bytes(city: str, name: str) -> None:
    records = [carried(draft) for draft in drafts(city, sample(city, name), name)]
    assert list(written(city, records)) == list(written(city, records))


@pytest.mark.parametrize(("city", "name"), SAMPLES)
def test_a_row_that_was_kept_as_text_is_read_to_the_same_draft(city: str, name: str) -> None:
    for draft in drafts(city, sample(city, name), name):
        if draft.row:
            again = read_again(dialect(city), draft.table, dict(draft.row))
            assert isinstance(again, Draft)
            assert (again.body, again.private, again.local_number) == (
                draft.body,
                draft.private,
                draft.local_number,
            )


@pytest.mark.parametrize(("city", "name"), SAMPLES)
def test_nothing_personal_shows_in_what_is_printed(city: str, name: str) -> None:
    for outcome in outcomes(city, sample(city, name), name):
        assert "某" not in repr(outcome) or "某" in str(getattr(outcome, "body", ""))


@pytest.mark.parametrize("city", DIALECTS)
@TRIALS
@given(st.binary(max_size=400))
def test_random_bytes_are_refused_by_name(city: str, content: bytes) -> None:
    found = outcomes(city, content)
    assert not any(isinstance(outcome, Draft) for outcome in found)
    assert any(isinstance(outcome, Rejection | Note) for outcome in found)


@pytest.mark.parametrize(("city", "name"), SAMPLES)
@TRIALS
@given(st.data())
def test_a_spoilt_sample_ends_in_outcomes_and_never_in_an_error(
    city: str, name: str, data: st.DataObject
) -> None:
    content = bytearray(sample(city, name))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        size = data.draw(st.integers(0, 40))
        content[at : at + size] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b'"', b"<", b"\xff", b"}"])
        )
        assume(content)
    for outcome in outcomes(city, bytes(content), name):
        assert isinstance(outcome, Draft | Note) or "\n" not in outcome.line()


@pytest.mark.parametrize(("city", "name"), SAMPLES)
@pytest.mark.parametrize("part", [0.25, 0.5, 0.9])
def test_a_file_cut_short_is_told_or_gives_fewer_rows(city: str, name: str, part: float) -> None:
    content = sample(city, name)
    found = outcomes(city, content[: int(len(content) * part)], name)
    whole = drafts(city, content, name)
    assert len([o for o in found if isinstance(o, Draft)]) <= len(whole)
    assert found


@pytest.mark.parametrize(("city", "kind"), KINDS)
def test_what_a_city_cannot_carry_is_named_in_members_of_the_kind(city: str, kind: str) -> None:
    known = kind_of(kind, 1)
    for text in cannot_carry(dialect(city), kind):
        top = re.split(r"[/\[=≠]", text.removeprefix("private/"))[0]
        shape = known.private if text.startswith("private/") else known.body
        assert shape is not None
        assert any((field.data_key or name) == top for name, field in shape().fields.items())


@pytest.mark.parametrize(("city", "kind"), KINDS)
@TRIALS
@given(st.data())
def test_whatever_is_lost_of_a_record_was_foretold(city: str, kind: str, data: st.DataObject) -> None:
    known = kind_of(kind, 1)
    body = data.draw(bodies(known.body))
    private = data.draw(bodies(known.private)) if known.private is not None else None
    try:
        known.body().load(body)
        if known.private is not None:
            known.private().load(private)
    except ValidationError:
        assume(False)
    record = Carried(kind, body, private, number="甲-1", id="019aa4f0-7c11-7def-8123-4567890abcde")
    table = dialect(city).written(kind)
    assert table is not None
    if isinstance(dialect(city).forms_of(table)[0], CapAlert):
        return
    foretold = cannot_carry(dialect(city), kind)
    for name, content, losses in written(city, [record]):
        for loss in losses:
            assert covered(loss.path, foretold), (loss.path, foretold)
        lost = {loss.path for loss in losses}
        for draft in drafts(city, content, name):
            assert {*differences(known.body, body, draft.body)} == {
                path for path in lost if not path.startswith("private/")
            }


def covered(path: str, foretold: tuple[str, ...]) -> bool:
    plain = re.sub(r"\[\d+\]", "[]", path)
    for text in foretold:
        name = re.split(r"[=≠]", text)[0]
        if "…" in name:
            name = name[: name.index("[")] + "[]"
        if plain == name or name.startswith(plain + "/") or plain.startswith((name + "/", name)):
            return True
    return False


def test_an_unknown_city_is_told_by_name() -> None:
    with pytest.raises(Problem, match="no adapter for 110000"):
        dialect("110000")
