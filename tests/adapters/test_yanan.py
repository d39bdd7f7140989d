"""Yan'an's two views: rows as a database session gives them, with Python's types and with rubbish in them."""
# ruff: noqa: DTZ001, DTZ901 # a view's times have no zone

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cities import dialect, sample
from adapters.drafts import Draft, Reason, Rejection
from adapters.formats import SqlRows
from adapters.translation import read_again, read_rows
from adapters.writing import Carried, cannot_carry, rows_of
from hub.errors import Problem

YANAN = dialect("610600")
DISPUTES, LETTERS = "v_border_dispute", "v_risk_letter"
CASES = json.loads(sample("610600", "mediation_case.json"))
NOTICES = json.loads(sample("610600", "risk_notice.json"))


def a_case(**cells: Any) -> dict[str, Any]:
    """The first case of the sample, with the types that PostgreSQL's columns have."""
    return {
        **CASES[0],
        "occurred_on": date(2026, 8, 21),
        "accepted_ts": datetime(2026, 9, 3, 9, 20),
        "due_ts": datetime(2026, 10, 3, 9, 20),
        "perform_by": datetime(2026, 10, 31),
        "lng": Decimal("107.912345"),
        "lat": Decimal("37.103000"),
        "amount": Decimal("468000.00"),
        "to_police": False,
        **cells,
    }


def outcomes(*rows: Mapping[str, Any], view: str = DISPUTES) -> list[Any]:
    return list(read_rows(YANAN, rows, view=view))


def only(found: list[Any]) -> Draft:
    (draft,) = found
    assert isinstance(draft, Draft)
    return draft


def flaws(found: list[Any]) -> list[tuple[str, Reason]]:
    assert not any(isinstance(each, Draft) for each in found)
    return [(each.field, each.reason) for each in found if isinstance(each, Rejection)]


def test_a_row_of_the_view_is_the_same_record_as_its_text() -> None:
    typed, text = only(outcomes(a_case())), only(outcomes(CASES[0]))
    assert (typed.body, typed.private, typed.local_number, typed.recipients) == (
        text.body,
        text.private,
        "YA20260900417",
        ("610800", "621000"),
    )
    assert typed.body["place"] == {
        "longitude": 107.912345,
        "latitude": 37.103,
        "description": "吴仓堡镇与定边县交界井场",
    }
    assert (typed.body["amount"], typed.body["police_referral"]) == ("468000", False)


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2026, 11, 2, 9, 30), "2026-11-02T09:30:00+08:00"),
        (datetime(2026, 11, 2, 9, 30, 0, 250_000), "2026-11-02T09:30:00.250000+08:00"),
        (datetime(2026, 11, 2, 1, 30, tzinfo=UTC), "2026-11-02T09:30:00+08:00"),
        (datetime(2026, 11, 2, 3, 30, tzinfo=timezone(timedelta(hours=2))), "2026-11-02T09:30:00+08:00"),
        (datetime(1988, 7, 1, 8, 0), "1988-07-01T08:00:00+09:00"),
    ],
)
def test_a_time_without_an_offset_is_one_of_shanghai(moment: datetime, written: str) -> None:
    assert only(outcomes(a_case(accepted_ts=moment))).body["accepted_at"] == written


@pytest.mark.parametrize(
    ("column", "cell", "member", "value"),
    [
        ("case_id", 20260900417, "local_number", "20260900417"),
        ("case_id", Decimal("20260900417"), "local_number", "20260900417"),
        ("dispute_cd", 204, "dispute_type", "mining"),
        ("dispute_cd", Decimal(204), "dispute_type", "mining"),
        ("region_code", 610623, "division", "610681"),
        ("party_cnt", Decimal("14"), "parties_count", 14),
        ("amount", 468000.5, "amount", "468000.50"),
        ("amount", Decimal("4.68E+5"), "amount", "468000"),
        ("to_police", 1, "police_referral", True),
        ("to_police", None, "police_referral", None),
        ("occurred_on", datetime(2026, 8, 21, 17, 5), "occurred_on", "2026-08-21"),
        ("lead_org", memoryview("吴起县调处中心".encode()), "lead", "吴起县调处中心"),
        ("mode_name", "", "mode", None),
    ],
)
def test_whatever_type_the_column_has_the_value_is_read(
    column: str, cell: Any, member: str, value: Any
) -> None:
    draft = only(outcomes(a_case(**{column: cell})))
    assert (draft.local_number if member == "local_number" else draft.body.get(member)) == value


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("accepted_ts", datetime(202, 11, 2, 9, 30), Reason.BAD_TIME),
        ("accepted_ts", datetime.max, Reason.BAD_TIME),
        ("accepted_ts", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), Reason.BAD_TIME),
        ("accepted_ts", date(2026, 11, 2), Reason.BAD_TIME),
        ("accepted_ts", True, Reason.BAD_TIME),
        ("accepted_ts", Decimal("1793583000000"), Reason.BAD_TIME),
        ("accepted_ts", timedelta(hours=9), Reason.BAD_TIME),
        ("occurred_on", date(202, 8, 21), Reason.BAD_TIME),
        ("party_cnt", True, Reason.BAD_NUMBER),
        ("party_cnt", Decimal("14.5"), Reason.BAD_NUMBER),
        ("party_cnt", Decimal("NaN"), Reason.BAD_NUMBER),
        ("amount", Decimal("Infinity"), Reason.BAD_NUMBER),
        ("amount", Decimal("0.005"), Reason.BAD_NUMBER),
        ("amount", Decimal("1E+999999"), Reason.BAD_NUMBER),
        ("amount", -5, Reason.BAD_NUMBER),
        ("lng", float("nan"), Reason.INVALID),
        ("lng", Decimal("NaN"), Reason.BAD_NUMBER),
        ("lat", Decimal("107.9"), Reason.INVALID),
        ("to_police", 2, Reason.UNKNOWN_CODE),
        ("dispute_cd", 8.0e20, Reason.BAD_NUMBER),
        ("lead_org", b"\xff\xfe\x00", Reason.ENCODING),
        ("lead_org", memoryview(b"\x80\x81"), Reason.ENCODING),
        ("summary", memoryview(b"\x80\x81"), Reason.ENCODING),
        ("accepted_ts", b"\xff", Reason.ENCODING),
        ("lead_org", "甲\x00乙", Reason.INVALID),
        ("case_id", b"\xff\xfe", Reason.ENCODING),
        ("case_id", None, Reason.MISSING),
        ("parties", 7, Reason.WRONG_FORMAT),
        ("parties", [1, 2], Reason.WRONG_FORMAT),
        ("parties", memoryview(b"[]"), Reason.WRONG_FORMAT),
        ("share_with", ["610800", "110000"], Reason.UNKNOWN_DIVISION),
        ("share_with", b"\xff", Reason.ENCODING),
    ],
)
def test_rubbish_is_refused_by_column_and_guessed_at_by_nobody(
    column: str, cell: Any, reason: Reason
) -> None:
    found = outcomes(a_case(**{column: cell}))
    assert flaws(found) == [(column, reason)]
    assert all("\n" not in each.line() + each.line("en") for each in found)


def as_a_driver_gives_it(content: bytes) -> memoryview:
    return memoryview(content)


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.binary(max_size=20).map(as_a_driver_gives_it)
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
    | st.times()
    | st.timedeltas()
    | st.uuids(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["name", "city", "held_ts"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from([*CASES[0]]), ANYTHING, min_size=1, max_size=4))
def test_no_value_of_any_type_is_more_than_an_outcome(cells: dict[str, Any]) -> None:
    for outcome in outcomes(a_case(**cells)):
        if isinstance(outcome, Draft | Rejection):
            assert all(isinstance(text, str) for text in outcome.row.values())
        if isinstance(outcome, Draft):
            json.dumps([outcome.body, outcome.private, outcome.recipients], allow_nan=False)
        else:
            assert "\n" not in outcome.line() + outcome.line("en")


def test_a_column_of_json_may_come_as_text() -> None:
    told = a_case(parties=json.dumps(CASES[0]["parties"]), partners=json.dumps(CASES[0]["partners"]))
    assert only(outcomes(told)).private == only(outcomes(a_case())).private


LISTS = ("share_with", "partners", "extensions", "sessions", "escalations", "visits", "parties", "mediators")


@pytest.mark.parametrize("column", LISTS)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_every_list_may_come_as_text_like_a_real_one(column: str, ascii_only: bool) -> None:
    for case in CASES:
        real, more = case.get(column) or [], {"备注": "某事"}
        real = [{**each, **more} if isinstance(each, dict) else each for each in real]
        text = json.dumps(real, ensure_ascii=ascii_only, indent=1)
        as_list, as_text = (
            only(outcomes({**case, column: real})),
            only(outcomes({**case, column: f" {text}"})),
        )
        assert as_text == as_list
        assert (as_text.body, as_text.private, as_text.recipients) == (
            as_list.body, as_list.private, as_list.recipients
        )  # fmt: skip
        assert as_text.not_carried == as_list.not_carried
        assert as_text.row[column] == f" {text}"
        again = read_again(YANAN, as_text.table, dict(as_text.row))
        assert isinstance(again, Draft)
        assert (again.body, again.private, again.recipients) == (
            as_text.body,
            as_text.private,
            as_text.recipients,
        )


@pytest.mark.parametrize(
    ("cell", "recipients"),
    [
        ('["610800"]', ("610800",)),
        ('["610800", "621026"]', ("610800", "621000")),
        ("[610800]", ("610800",)),
        ("[]", ()),
        ('[null, ""]', ()),
        (b'["610800"]', ("610800",)),
        ("610800", ("610800",)),
    ],
)
def test_cities_in_a_column_of_text_are_those_of_a_list(
    cell: str | bytes, recipients: tuple[str, ...]
) -> None:
    assert only(outcomes(a_case(share_with=cell))).recipients == recipients
    notice = only(outcomes({**NOTICES[0], "share_with": cell}, view=LETTERS))
    assert notice.recipients == recipients


@pytest.mark.parametrize(
    "cell", ['["610800"', '["110000"]', '[["610800"]]', '{"a": "610800"}', r'["\ud800"]', "[" * 10**5]
)
def test_text_that_is_no_list_of_cities_is_refused(cell: str) -> None:
    found = outcomes(a_case(share_with=cell))
    assert [column for column, _ in flaws(found)] == ["share_with"]


def test_half_a_character_in_a_column_of_json_is_refused() -> None:
    parties = json.dumps([{"role": "申请人", "name": "张\ud83d某"}])
    assert flaws(outcomes(a_case(parties=parties))) == [("parties[0].name", Reason.ENCODING)]


def test_a_text_that_looks_like_json_is_text_where_text_is_wanted() -> None:
    assert (only(outcomes(a_case(title="[1]"))).private or {})["title"] == "[1]"


def test_a_flaw_within_a_column_of_json_is_told_with_its_place() -> None:
    sessions = [{"held_ts": "2026-09-15 14:30:00"}, {"held_ts": "0202-10-10 09:00:00"}]
    assert flaws(outcomes(a_case(sessions=sessions))) == [("sessions[1].held_ts", Reason.BAD_TIME)]


def test_two_rows_with_one_number_are_told_and_the_first_is_kept() -> None:
    found = outcomes(a_case(), a_case(party_cnt=3))
    assert [each.local_number for each in found if isinstance(each, Draft)] == ["YA20260900417"]
    assert [(each.place.row, each.reason) for each in found if isinstance(each, Rejection)] == [
        (2, Reason.DUPLICATE_NUMBER)
    ]


def test_a_kept_row_of_the_view_is_read_again_to_the_same_draft() -> None:
    for moment in (datetime(2026, 9, 3, 9, 20, 7, 120_000), datetime(2026, 9, 3, 1, 20, tzinfo=UTC)):
        draft = only(outcomes(a_case(accepted_ts=moment)))
        again = read_again(YANAN, draft.table, dict(draft.row))
        assert isinstance(again, Draft)
        assert (again.body, again.private) == (draft.body, draft.private)


def test_a_refused_row_with_bytes_in_it_is_kept_and_can_be_mended() -> None:
    (refused,) = outcomes(a_case(lead_org=b"\xff\xfe"))
    assert refused.row["lead_org"] == "\\xff\\xfe"
    mended = read_again(YANAN, refused.table, {**refused.row, "lead_org": "吴起县调处中心"})
    assert isinstance(mended, Draft)
    assert mended.body == {**only(outcomes(a_case())).body, "lead": "吴起县调处中心"}


def test_rows_are_read_as_they_come() -> None:
    asked: list[int] = []

    def rows() -> Iterator[Mapping[str, Any]]:
        for number in range(1000):
            asked.append(number)
            yield a_case(case_id=number)

    first = next(iter(read_rows(YANAN, rows(), view=DISPUTES)))
    assert isinstance(first, Draft)
    assert len(asked) == 1


def test_each_view_is_a_table_of_its_own() -> None:
    letters = [each for each in outcomes(*NOTICES, view=LETTERS) if isinstance(each, Draft)]
    assert {(each.kind, each.system) for each in letters} == {("risk_notice", "risk-letters")}
    assert len(letters) == len(NOTICES)
    assert (letters[0].body["grade"], letters[0].body["reply_by"]) == ("orange", "2026-11-10T18:00:00+08:00")


def test_without_a_views_name_the_columns_tell_which_it_is() -> None:
    found = list(read_rows(YANAN, [*NOTICES, a_case()]))
    assert [each.kind for each in found if isinstance(each, Draft)] == ["risk_notice"] * len(NOTICES) + [
        "mediation_case"
    ]


def test_rows_of_the_other_view_make_no_record() -> None:
    found = outcomes(*NOTICES, view=DISPUTES)
    assert not any(isinstance(each, Draft) for each in found)
    assert {each.place.row for each in found if isinstance(each, Rejection)} == set(
        range(1, len(NOTICES) + 1)
    )


def test_a_view_that_no_table_comes_from_is_told() -> None:
    with pytest.raises(Problem, match="v_other"):
        list(read_rows(YANAN, [], view="v_other"))


def test_a_view_without_rows_is_noted() -> None:
    assert [each.line() for each in outcomes()] == ["文件中没有数据行"]


def test_what_neighbours_send_goes_into_rows_and_comes_back() -> None:
    body, private = only(outcomes(a_case())).body, only(outcomes(a_case())).private
    record = Carried(
        "mediation_case", body, private, id="0199f3a2-7d40-7a11-8c3b-2f9e8d7c6b5a", sender="610800"
    )
    ((cells, losses),) = rows_of(YANAN, "mediation_case", [record])
    assert losses == []
    assert next(iter(cells)) == "case_id"
    assert (cells["case_id"], cells["from_city"]) == (record.id, "榆林市")
    assert [cells["parties"][0]["role"], cells["to_police"]] == ["申请人", "N"]
    draft = only(outcomes(cells))
    assert (draft.body, draft.private) == (body, private)


def test_the_views_hold_everything_that_a_record_may_say() -> None:
    assert cannot_carry(YANAN, "mediation_case") == cannot_carry(YANAN, "risk_notice") == ()


def test_bytes_in_one_of_two_columns_read_together_are_refused() -> None:
    spoken = replace(dialect("621000"), forms=(SqlRows("v_case"),))
    row = {
        "登记号": "1", "案号": "1", "矛盾类别": "草原", "受理来源": "群众申请", "调处层级": "县区", "县区": "环县",
        "受理日期": b"\xff", "受理时刻": "09:30", "进展": "登记", "牵头单位": "环县司法局",
    }  # fmt: skip
    (refused,) = read_rows(spoken, [row])
    assert isinstance(refused, Rejection)
    assert (refused.field, refused.reason) == ("受理日期 受理时刻", Reason.ENCODING)
