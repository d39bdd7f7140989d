"""Xinzhou's monthly tables: headings merged over four rows, sums, .xls beside .xlsx, months without their year."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import openpyxl
import pytest

from adapters import cities
from adapters.cities import dialect, sample
from adapters.dialect import Dialect
from adapters.drafts import Draft, Note, Reason, Rejection
from adapters.formats import Sheets
from adapters.formats.workbook_out import workbook_of
from adapters.heading import composed
from adapters.translation import read, read_again
from adapters.values import Date, DateTime, Flaw, OfMonth
from adapters.values.month import NO_MONTH, month_of
from adapters.writing import Carried, cannot_carry, write

Grid: TypeAlias = list[list[Any]]

SOURCE = Path(cities.__file__).parent / "samples" / "140900" / "mediation_case.csv"
HEADING, ROWS = slice(3, 7), slice(7, None)


def ledger() -> Grid:
    return [list(row) for row in csv.reader(io.StringIO(SOURCE.read_text(encoding="utf-8")))]


NAMES = composed(ledger()[HEADING])
NUMBER, ACCEPTED, OCCURRED, DUE, STATE, PEOPLE, AMOUNT, PHONE = map(
    NAMES.index,
    (
        "案件登记/编号", "案件登记/受理/时间", "纠纷情况/发生/日期", "调解过程/期限/到期", "调解结果/状态",
        "纠纷情况/涉及/人数", "纠纷情况/涉及/金额（万元）", "当事人/申请方/联系方式/电话",
    ),
)  # fmt: skip


def month(title: str, *cases: Mapping[int, Any]) -> Grid:
    """A sheet with the sample's heading and its third case, changed as said."""
    rows = ledger()
    made = []
    for changes in cases:
        row: list[Any] = list(rows[ROWS][3])
        for column, cell in changes.items():
            row[column] = cell
        made.append(row)
    return [[title], *rows[HEADING], *made]


def old_workbook(
    grids: Mapping[str, Sequence[Sequence[Any]]], merged: Mapping[str, Any] | None = None
) -> bytes:
    """The same grids as .xls; days and times are cells with a date format."""
    xlwt: Any = pytest.importorskip("xlwt")
    book = xlwt.Workbook(encoding="utf-8")
    formats = {
        date: xlwt.easyxf(num_format_str="YYYY/M/D"),
        datetime: xlwt.easyxf(num_format_str="YYYY/M/D H:MM"),
    }
    for name, grid in grids.items():
        sheet = book.add_sheet(name)
        for number, row in enumerate(grid):
            for column, cell in enumerate(row):
                if cell not in (None, ""):
                    sheet.write(
                        number, column, cell, *([formats[type(cell)]] if type(cell) in formats else [])
                    )
        for area in (merged or {}).get(name, ()):
            sheet.merge(area.min_row - 1, area.max_row - 1, area.min_col - 1, area.max_col - 1)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def new_workbook(grids: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, grid in grids.items():
        sheet = book.create_sheet(name)
        for row in grid:
            sheet.append([None if cell == "" else cell for cell in row])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def reading(content: bytes, spoken: Dialect | None = None, name: str = "") -> list[Any]:
    return list(read(spoken or dialect("140900"), io.BytesIO(content), name=name))


def reading_grid(grid: Grid) -> list[Any]:
    return reading(workbook_of({"调解台账": grid}))


def drafts(found: list[Any]) -> list[Draft]:
    return [each for each in found if isinstance(each, Draft)]


def said(found: list[Any]) -> list[tuple[Any, ...]]:
    return [(each.local_number, each.body, each.private, each.recipients) for each in drafts(found)]


def refusals(found: list[Any]) -> list[str]:
    return [each.line() for each in found if isinstance(each, Rejection)]


def notes(found: list[Any]) -> list[str]:
    return [each.line() for each in found if isinstance(each, Note)]


def accepted(found: list[Any]) -> list[str]:
    return [each.body["accepted_at"][:10] for each in drafts(found)]


def test_names_over_four_rows_are_found_below_the_titles() -> None:
    found = reading_grid(ledger())
    assert refusals(found) == []
    assert not any("这一列" in line or "这些列" in line for line in notes(found))
    first = drafts(found)[0]
    assert first.not_carried == ()
    assert first.private is not None
    both = {"role": "applicant", "type": "natural_person", "address": "保德县林遮峪乡"}
    assert first.private["parties"] == [
        {**both, "name": "张某", "phone": "13900000020"},
        {**both, "name": "王某", "phone": "13900000021"},
        {"role": "respondent", "name": "某养殖合作社", "type": "organisation", "representative": "李某"},
    ]  # fmt: skip


def test_sums_and_what_stands_at_the_foot_are_noted_and_not_refused() -> None:
    found = reading_grid(ledger())
    passed = [each for each in found if isinstance(each, Note) and "合计" in each.line()]
    assert [each.place.row for each in passed] == [10, 16, 17, 18, 19]
    assert sum(each.rows for each in found if isinstance(each, Note)) == 5
    assert len(drafts(found)) == 6


@pytest.mark.parametrize("cell", ["合计", "合 计", "小计", "总　计"])
def test_a_sum_that_counts_in_the_column_of_the_numbers_is_still_a_sum(cell: str) -> None:
    found = reading_grid(month("2026年11月", {}, {0: cell, NUMBER: "1件", ACCEPTED: ""}))
    assert refusals(found) == []
    assert len(drafts(found)) == 1


def test_an_old_workbook_with_merged_cells_says_what_the_new_one_says() -> None:
    before = drafts(reading(sample("140900")))
    stream = io.BytesIO()
    records = [Carried(each.kind, each.body, each.private, number=each.local_number) for each in before]
    assert write(dialect("140900"), records, stream) == []
    book = openpyxl.load_workbook(io.BytesIO(stream.getvalue()))
    grids = {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}
    merged = {sheet.title: sheet.merged_cells.ranges for sheet in book}
    assert len(merged["调解台账"]) > 60
    found = reading(old_workbook(grids, merged))
    assert refusals(found) == []
    assert said(found) == said(reading(stream.getvalue()))
    assert [each.body for each in drafts(found)] == [each.body for each in before]


def test_cells_that_are_days_times_and_numbers_are_the_same_in_both() -> None:
    changes = {
        0: 1,
        ACCEPTED: datetime(2026, 11, 2, 9, 30),  # noqa: DTZ001 # a workbook's times have no zone
        OCCURRED: date(2026, 10, 30),
        PEOPLE: 12,
        AMOUNT: 3.25,
    }
    grid = month("2026年11月", changes)
    old, new = reading(old_workbook({"台账": grid})), reading(new_workbook({"台账": grid}))
    assert refusals(old) == refusals(new) == []
    assert said(old) == said(new)
    body = drafts(old)[0].body
    assert (body["accepted_at"], body["occurred_on"]) == ("2026-11-02T09:30:00+08:00", "2026-10-30")
    assert (body["parties_count"], body["amount"]) == (12, "32500")


@pytest.mark.parametrize("make", [new_workbook, old_workbook])
def test_every_sheet_takes_its_month_from_its_own_title(make: Any) -> None:
    content = make(
        {
            "10月": month("毗邻纠纷台账（2026年10月）", {NUMBER: "甲1", ACCEPTED: "10月9日"}),
            "11月": month("毗邻纠纷台账（2026年11月）", {NUMBER: "甲2", ACCEPTED: "11月9日"}),
            "1月": month(
                "毗邻纠纷台账（２０２７年１月）", {NUMBER: "甲3", ACCEPTED: "12月30日", DUE: "1月29日"}
            ),
            "说明": [["填表须知"], ["金额以万元计"]],
        }
    )
    found = reading(content)
    assert refusals(found) == []
    assert {each.local_number: each.body["accepted_at"][:10] for each in drafts(found)} == {
        "甲1": "2026-10-09",
        "甲2": "2026-11-09",
        "甲3": "2026-12-30",
    }
    assert drafts(found)[0].body["due_at"] == "2027-01-29T18:00:00+08:00"


@pytest.mark.parametrize(
    ("sheet", "title", "file", "known"),
    [
        ("Sheet1", "台账（2026年11月）", "", "2026年11月"),
        ("Sheet1", "台账２０２６年０９月份", "", "2026年9月"),
        ("2026年10月", "台账（2026年11月）", "", "2026年10月"),
        ("11月", "2026年度台账填报日期2026年12月3日", "", "2026年11月"),
        ("Sheet1", "台账", "忻州市2026年11月.xlsx", "2026年11月"),
        ("Sheet1", "台账填报日期2026年12月3日", "", NO_MONTH),
        ("11月", "台账", "", NO_MONTH),
        ("Sheet1", "2026年13月", "", NO_MONTH),
        ("", "", "", NO_MONTH),
    ],
)
def test_the_month_of_a_table_is_found_or_said_not_to_be(
    sheet: str, title: str, file: str, known: str
) -> None:
    assert month_of(sheet, title, file) == known


@pytest.mark.parametrize(
    ("cell", "ahead", "day"),
    [
        ("2026年11月 11月2日", False, "2026-11-02"),
        ("2026年11月 １１月２日", False, "2026-11-02"),
        ("2026年11月 12月2日", False, "2025-12-02"),
        ("2026年11月 12月2日", True, "2026-12-02"),
        ("2026年11月 1月2日", True, "2027-01-02"),
        ("2026年11月 2024.2.29", False, "2024-02-29"),
        ("— 2026-11-02", False, "2026-11-02"),
        ("2026-11-02", False, "2026-11-02"),
        ("2026年11月 /", False, None),
        ("2026年11月", False, None),
        ("—", False, None),
        (" ", False, None),
    ],
)
def test_a_day_without_a_year_lies_within_twelve_months_of_its_table(
    cell: str, ahead: bool, day: str | None
) -> None:
    assert OfMonth(Date(), ahead=ahead).read(cell) == day


@pytest.mark.parametrize(
    "cell",
    [
        "2026年11月 11.2", "2026年11月 2日", "2026年11月 2月30日", "2026年11月 13月1日", "2026年2月 2月29日",
        "— 11月2日", "11月2日", "2026年11月 11月2日前后", "2026年11月 2026年11月",
    ],
)  # fmt: skip
def test_a_day_that_is_not_plain_is_refused_and_never_guessed(cell: str) -> None:
    with pytest.raises(Flaw) as raised:
        OfMonth(Date()).read(cell)
    assert raised.value.reason is Reason.BAD_TIME


def test_a_time_of_day_stands_behind_a_day_without_a_year() -> None:
    read_by = OfMonth(DateTime(at="00:00"))
    assert read_by.read("2026年11月 11月2日下午3时20分") == "2026-11-02T15:20:00+08:00"
    assert read_by.read("2026年11月 11月2日 9:05") == "2026-11-02T09:05:00+08:00"
    assert read_by.read("2026年11月 11月2日") == "2026-11-02T00:00:00+08:00"


def test_without_any_month_the_days_without_a_year_are_refused_by_column() -> None:
    found = reading_grid(month("毗邻纠纷台账", {ACCEPTED: "11月2日"}, {NUMBER: "乙2", ACCEPTED: "2026.11.2"}))
    (line,) = refusals(found)
    assert line.startswith("调解台账!第 6 行 案件登记/受理/时间")
    assert "写出年份" in line
    assert accepted(found) == ["2026-11-02"]


def test_a_row_that_is_mended_still_knows_its_month() -> None:
    found = reading_grid(month("2026年11月", {ACCEPTED: "11月31日"}))
    (refused,) = [each for each in found if isinstance(each, Rejection)]
    assert refused.field == "案件登记/受理/时间"
    again = read_again(dialect("140900"), refused.table, {**refused.row, "案件登记/受理/时间": "11月30日"})
    assert isinstance(again, Draft)
    assert again.body["accepted_at"] == "2026-11-30T00:00:00+08:00"


CARRIED_OVER = {
    "10月": month(
        "2026年10月",
        {NUMBER: "甲1", ACCEPTED: "10月9日", STATE: "调解中"},
        {NUMBER: "甲2", ACCEPTED: "10月9日"},
    ),
    "11月": month("2026年11月", {NUMBER: "甲1", ACCEPTED: "10月9日", STATE: "已办结"}),
}


@pytest.mark.parametrize("make", [new_workbook, old_workbook])
def test_of_a_case_that_lasts_over_months_the_newest_row_counts(make: Any) -> None:
    found = reading(make(CARRIED_OVER))
    assert refusals(found) == []
    assert [(each.local_number, each.body["state"], each.place.sheet) for each in drafts(found)] == [
        ("甲1", "closed", "11月"),
        ("甲2", "closed", "10月"),
    ]
    assert [each.rows for each in found if isinstance(each, Note) and "较新的工作表" in each.line()] == [1]


def test_where_no_sheet_is_the_newest_a_number_that_comes_again_is_refused_with_its_sheet() -> None:
    found = reading(new_workbook(CARRIED_OVER), replace(dialect("140900"), forms=(Sheets(header_rows=4),)))
    (line,) = refusals(found)
    assert line.startswith("11月!第 6 行 案件登记/编号")
    assert "10月!第 6 行" in line
    assert [each.body["state"] for each in drafts(found)] == ["mediating", "closed"]


def test_one_number_twice_in_a_sheet_is_refused_even_so() -> None:
    found = reading_grid(month("2026年11月", {}, {}))
    assert len(drafts(found)) == 1
    (line,) = refusals(found)
    assert "调解台账!第 6 行" in line


def heading_with(old: str, new: str) -> Grid:
    grid = month("2026年11月", {})
    where = [(row, column) for row in range(1, 5) for column, cell in enumerate(grid[row]) if cell == old]
    row, column = where[0]
    grid[row][column] = new
    return grid


def test_a_column_that_was_renamed_is_told_with_its_new_name() -> None:
    grid = heading_with("层级", "调解层级")
    found = reading_grid(grid)
    lines = refusals(found)
    assert lines[0].startswith("调解台账!第 5 行 案件登记/受理/层级")
    assert "“案件登记/受理/调解层级”" in lines[0]
    assert [line.split("：")[0].split(":")[0] for line in lines[1:]] == [
        "调解台账!第 6 行 案件登记/受理/层级"
    ]
    assert any("不认识“案件登记/受理/调解层级”" in line for line in notes(found))


def test_a_column_that_is_gone_is_told_once_if_it_may_be() -> None:
    grid = month("2026年11月", {})
    at = grid[2].index("风险等级")
    found = reading_grid([[cell for column, cell in enumerate(row) if column != at] for row in grid])
    assert refusals(found) == []
    assert len(drafts(found)) == 1
    assert [line for line in notes(found) if "纠纷情况/风险等级" in line]


def test_a_column_that_is_gone_and_needed_is_refused_for_the_table() -> None:
    grid = month("2026年11月", {})
    found = reading_grid([[cell for column, cell in enumerate(row) if column != STATE] for row in grid])
    assert refusals(found)[0].startswith("调解台账!第 5 行 调解结果/状态")
    assert drafts(found) == []


def test_a_merged_heading_that_was_split_is_told_by_column() -> None:
    grid = month("2026年11月", {PHONE: "13900000000"})
    grid[2][PHONE] = "申请方联系"
    found = reading_grid(grid)
    assert refusals(found) == []
    text = "\n".join(notes(found))
    assert "没有“当事人/申请方/联系方式/电话”这一列，是否已改名为“当事人/申请方联系/联系方式/电话”" in text
    (draft,) = drafts(found)
    assert draft.not_carried == ("当事人/申请方联系/联系方式/电话",)


def test_a_heading_is_the_same_unmerged_with_its_words_in_every_cell() -> None:
    grid = month("2026年11月", {})
    for level in (1, 2, 3):
        for column in range(1, len(grid[level])):
            beside = all(grid[above][column] == grid[above][column - 1] for above in range(1, level))
            below = any(grid[lower][column] for lower in range(level + 1, 5))
            if not grid[level][column] and below and beside:
                grid[level][column] = grid[level][column - 1]
    assert grid[1][2] == "案件登记"
    assert said(reading_grid(grid)) == said(reading_grid(month("2026年11月", {})))


def test_a_heading_of_fewer_rows_than_stated_does_not_swallow_a_row() -> None:
    content = sample("140900")
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert [cell.value for cell in book["隐患排查"]["A"][2:6]] == ["隐患编号", None, None, "忻隐〔2026〕041"]
    found = [each for each in drafts(reading(content)) if each.kind == "joint_inspection"]
    assert [each.local_number[-3:] for each in found] == ["041", "042", "043", "044", "045", "046"]
    assert found[0].body["found_on"] == "2026-11-06"


def test_a_heading_that_lost_a_level_is_one_line_that_names_what_is_needed() -> None:
    grid = month("2026年11月", {})
    (line,) = refusals(reading_grid([*grid[:1], *grid[2:]]))
    assert line.startswith("调解台账!第 1 行")
    assert "没有找到表头" in line
    assert "案件登记/编号、案件登记/县（市、区）、案件登记/受理/时间" in line


def test_what_is_written_is_numbered_and_has_its_days_in_full() -> None:
    before = [each for each in drafts(reading(sample("140900"))) if each.kind == "mediation_case"]
    stream = io.BytesIO()
    records = [
        Carried(
            each.kind, each.body, each.private, number=each.local_number, sender="610800", outcome="已送达"
        )
        for each in before
    ]
    assert write(dialect("140900"), records, stream) == []
    sheet = openpyxl.load_workbook(io.BytesIO(stream.getvalue()))["调解台账"]
    rows = list(sheet.iter_rows(min_row=6, values_only=True))
    assert [row[0] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[0][ACCEPTED] == "2026.11.02 09:30:00"
    assert "榆林市" in rows[0]
    assert "已送达" in rows[0]
    assert sheet.print_title_rows == "$2:$5"
    assert sheet.column_dimensions["B"].width > 20


def test_a_ledger_holds_all_but_minutes_and_what_has_no_end() -> None:
    assert set(cannot_carry(dialect("140900"), "mediation_case")) == {
        "private/minutes", "private/parties[…]", "sessions[3…]", "escalations[2…]", "place/longitude=alone",
        "place/latitude=alone",
    }  # fmt: skip
