"""Qingyang's nightly zip: a member for each table, cells parted by bars, several people in one cell."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from adapters.cities import dialect, sample
from adapters.drafts import Draft, Note, Reason, Rejection
from adapters.translation import read
from adapters.writing import Carried, write

QINGYANG = dialect("621000")
CASES, CONTRIBUTIONS = "调解案件.csv", "协同意见.csv"

CASE = {
    "登记号": "QY-1", "案号": "环调字〔2026〕1号", "矛盾类别": "草原", "受理来源": "群众申请", "调处层级": "县区",
    "县区": "环县", "坐标": "106.912 37.102", "发生日": "2026/10/8", "受理日期": "2026/10/12", "受理时刻": "9:30",
    "进展": "调解", "标的(万元)": "4.5", "牵头单位": "环县人民调解委员会", "协作市": "吴忠市、榆林市",
    "协作单位": "盐池县司法局、定边县司法局", "首次会商单位": "环县司法局；盐池县司法局", "申请方": "马某；杨某",
    "申请方电话": "13900000041、", "发往地区": "吴忠市",
}  # fmt: skip
CONTRIBUTION = {
    "意见编号": "XT-1", "所涉案件": "QY-1", "意见类别": "愿意参加", "出具单位": "环县司法局",
    "出具时间": "2026/11/6 10:20", "发往地区": "榆林市",
}  # fmt: skip


def table(*rows: dict[str, str]) -> bytes:
    lines = ["|".join(rows[0]), *("|".join(row.values()) for row in rows)]
    return "\r\n".join(lines).encode("gb18030")


def packed(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def reading(content: bytes) -> list[Any]:
    return list(read(QINGYANG, io.BytesIO(content), name="621000.zip"))


def cases(*rows: dict[str, str]) -> list[Any]:
    return reading(packed(**{CASES: table(*rows)}))


def drafts(found: list[Any]) -> list[Draft]:
    return [each for each in found if isinstance(each, Draft)]


def flaws(found: list[Any]) -> list[tuple[str | None, int | None, str, Reason]]:
    return [
        (each.place.sheet, each.place.row, each.field, each.reason)
        for each in found
        if isinstance(each, Rejection)
    ]


def test_both_tables_of_a_night_are_read_from_one_zip() -> None:
    found = reading(sample("621000"))
    assert {(draft.place.sheet, draft.kind, draft.system) for draft in drafts(found)} == {
        (CASES, "mediation_case", "mediation"),
        (CONTRIBUTIONS, "case_contribution", "contributions"),
    }


def test_what_is_sent_back_has_the_members_that_the_office_knows() -> None:
    records = [
        Carried(each.kind, each.body, each.private, number=each.local_number, subject=each.subject)
        for each in drafts(reading(sample("621000")))
    ]
    stream = io.BytesIO()
    assert write(QINGYANG, records, stream) == []
    with zipfile.ZipFile(stream) as archive:
        assert archive.namelist() == [CASES, CONTRIBUTIONS]
        first = archive.read(CASES).decode("gb18030").splitlines()
    assert first[0].startswith("登记号|案号|矛盾类别|")
    assert "|2026/10/12|09:30:00|" in first[1]


def test_a_member_named_on_chinese_windows_is_told_by_its_name() -> None:
    content = packed(**{"x" * len(CASES.encode("gb18030")): table({**CASE, "发生日": "昨天"})})
    content = content.replace(b"x" * len(CASES.encode("gb18030")), CASES.encode("gb18030"))
    assert flaws(reading(content)) == [(CASES, 2, "发生日", Reason.BAD_TIME)]


def test_a_bar_within_a_cell_breaks_its_row_alone() -> None:
    found = cases(
        {**CASE, "登记号": "1"}, {**CASE, "登记号": "2", "牵头单位": "甲|乙"}, {**CASE, "登记号": "3"}
    )
    assert [draft.local_number for draft in drafts(found)] == ["1", "3"]
    assert flaws(found) == [(CASES, 3, "", Reason.BROKEN_ROW)]


def test_a_number_that_two_members_have_is_told_in_the_second() -> None:
    found = reading(packed(**{"调解案件_环县.csv": table(CASE), "调解案件_华池县.csv": table(CASE)}))
    assert len(drafts(found)) == 1
    assert flaws(found) == [("调解案件_华池县.csv", 2, "登记号", Reason.DUPLICATE_NUMBER)]


def test_a_case_and_a_contribution_may_have_the_same_number() -> None:
    found = reading(
        packed(**{CASES: table(CASE), CONTRIBUTIONS: table({**CONTRIBUTION, "意见编号": CASE["登记号"]})})
    )
    assert [(draft.kind, draft.local_number) for draft in drafts(found)] == [
        ("mediation_case", "QY-1"),
        ("case_contribution", "QY-1"),
    ]


@pytest.mark.parametrize("subject", ["QY-1", "0199f3a2-9f60-7c31-8e5d-4b1a0f9e8d7c"])
def test_a_contribution_names_its_case_by_number_or_by_the_records_id(subject: str) -> None:
    (draft,) = drafts(reading(packed(**{CONTRIBUTIONS: table({**CONTRIBUTION, "所涉案件": subject})})))
    assert (draft.subject, draft.subject_system) == (subject, "mediation")


def test_a_contribution_to_no_case_is_refused() -> None:
    found = reading(packed(**{CONTRIBUTIONS: table({**CONTRIBUTION, "所涉案件": "/"})}))
    assert flaws(found) == [(CONTRIBUTIONS, 2, "所涉案件", Reason.MISSING)]


def test_a_member_that_is_neither_table_is_told_and_the_others_are_read() -> None:
    found = reading(packed(**{"考勤.csv": b"a|b\r\n1|2\r\n3|4\r\n", CASES: table(CASE), "说明.txt": b"x"}))
    assert len(drafts(found)) == 1
    assert flaws(found) == [("考勤.csv", 1, "", Reason.WRONG_FORMAT)]
    assert any("说明.txt" in each.line() for each in found if isinstance(each, Note))


def test_marks_in_full_width_part_names_and_offices() -> None:
    (draft,) = drafts(cases(CASE))
    assert draft.body["sessions"][0]["organisations"] == ["环县司法局", "盐池县司法局"]
    assert draft.private is not None
    assert draft.private["parties"] == [
        {"role": "applicant", "name": "马某", "phone": "13900000041"},
        {"role": "applicant", "name": "杨某"},
    ]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("申请方电话", "13900000041、13900000042、13900000043", Reason.CONTRADICTION),
        ("协作单位", "盐池县司法局、定边县司法局、环县司法局", Reason.CONTRADICTION),
        ("协作市", "吴忠市、北京市", Reason.UNKNOWN_DIVISION),
        ("坐标", "37.102 106.912", Reason.BAD_GEOMETRY),
        ("坐标", "106.912", Reason.BAD_GEOMETRY),
        ("坐标", "东经106.912 北纬37.102", Reason.BAD_NUMBER),
        ("发生日", "0202/10/8", Reason.BAD_TIME),
        ("发生日", "2026/10/8 10:00", Reason.BAD_TIME),
        ("标的(万元)", "4.5.1", Reason.BAD_NUMBER),
    ],
)
def test_what_contradicts_itself_or_cannot_be_is_refused(column: str, cell: str, reason: Reason) -> None:
    found = cases({**CASE, column: cell})
    assert flaws(found) == [(CASES, 2, column, reason)]
    assert all(cell not in each.line() + each.line("en") for each in found)


@pytest.mark.parametrize(
    ("day", "time", "accepted"),
    [
        ("2026/10/12", "9:30", "2026-10-12T09:30:00+08:00"),
        ("2026年10月12日", "9时30分", "2026-10-12T09:30:00+08:00"),
        ("2026.10.12", "下午 3:05", "2026-10-12T15:05:00+08:00"),
        ("2026/10/12 09:30", "", "2026-10-12T09:30:00+08:00"),
    ],
)
def test_day_and_time_of_two_cells_are_one_time(day: str, time: str, accepted: str) -> None:
    (draft,) = drafts(cases({**CASE, "受理日期": day, "受理时刻": time}))
    assert draft.body["accepted_at"] == accepted


@pytest.mark.parametrize(("day", "time"), [("2026/10/12", ""), ("", "9:30"), ("0202/10/12", "9:30")])
def test_half_a_time_is_refused_by_both_columns(day: str, time: str) -> None:
    found = cases({**CASE, "受理日期": day, "受理时刻": time})
    assert flaws(found) == [(CASES, 2, "受理日期 受理时刻", Reason.BAD_TIME)]


def test_amounts_are_in_ten_thousands() -> None:
    found = cases({**CASE, "登记号": "1"}, {**CASE, "登记号": "2", "标的(万元)": "300元"})
    assert [draft.body["amount"] for draft in drafts(found)] == ["45000", "300"]


def test_a_remark_below_the_rows_with_a_full_width_colon_is_left_out() -> None:
    remark = dict.fromkeys(CASE, "") | {"登记号": "注：以上数据截至月末"}
    found = cases(CASE, remark)
    assert flaws(found) == []
    assert len(drafts(found)) == 1
