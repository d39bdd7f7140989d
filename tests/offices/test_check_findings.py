"""The account of a file adds up, says each flaw once, keeps no value, and has bounds whatever comes."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from adapters.cities import dialect, sample
from adapters.drafts import Note, Place, Reason, Rejection, reject
from adapters.formats import CapAlert, Csv, Form, JsonList
from hub.offices import findings
from hub.offices.findings import Findings, Lines, examined

ORDOS = dialect("150600")
HEAD = "案件编号,纠纷类型,案件来源,调解级别,所属旗区,受理时间,案件状态,调解组织,申请人\n"
GOOD = "{number},草牧场纠纷,群众申请,苏木乡镇,准格尔旗,2026-11-02 09:30,正在调解,调委会,张某\n"


def account(*rows: str, head: str = HEAD) -> Findings:
    content = (head + "".join(rows)).encode("gb18030")
    return examined(ORDOS, io.BytesIO(content), "台账.csv", listed=100)


def row(number: object, old: str = "", new: str = "") -> str:
    return GOOD.format(number=number).replace(old, new) if old else GOOD.format(number=number)


def of(form: Form | None) -> Findings:
    return Findings("x", form)


def test_the_counts_add_up_to_the_rows_of_the_file() -> None:
    rows = [row(1), row(2, "草牧场纠纷", "外星纠纷"), row(1), ",,,,,,,,\n", row(3), "合计,3件,,,,,,,\n"]
    found = account(*rows)
    assert (found.sent, found.refused, found.passed) == (2, 2, 2)
    assert found.rows == len(rows)
    assert found.kinds == {"mediation_case": 2}


def test_a_row_with_several_flaws_is_refused_once() -> None:
    found = account(row(1, "草牧场纠纷,群众申请,苏木乡镇", "甲,乙,丙"))
    assert (found.refused, found.rejections) == (1, 3)
    assert [each.rows for each in found.findings] == [1, 1, 1]


def test_the_same_flaw_in_the_same_column_is_one_finding_with_all_its_places() -> None:
    found = account(*[row(number, "草牧场", "外星" if number % 2 else "火星人") for number in range(3000)])
    (finding,) = found.findings
    assert (finding.column, finding.reason, finding.rows) == ("纠纷类型", Reason.UNKNOWN_CODE, 3000)
    assert finding.lines.runs == [(2, 3001)]
    assert {shape.shape for shape in finding.shapes} == {"字字纠纷".replace("纠纷", "字字"), "字字字字字"}


def test_a_column_that_is_not_there_is_one_finding_and_not_one_for_each_row() -> None:
    found = account(row(1), row(2), row(3), head=HEAD.replace("案件状态", "办案状态"))
    (finding,) = found.findings
    assert (finding.column, finding.reason) == ("案件状态", Reason.MISSING_COLUMN)
    assert (finding.heading, finding.rows, found.refused) == (1, 3, 3)


def test_a_column_is_known_again_by_another_name_that_it_has() -> None:
    (finding,) = account(row(1), head=HEAD.replace("受理时间", "受理日期（新）")).findings
    assert (finding.column, finding.reason) == ("受理时间", Reason.MISSING_COLUMN)
    assert "受理日期（新）" in finding.zh


def test_lines_that_a_spreadsheet_counts_otherwise_are_told() -> None:
    found = account(row(1, "调委会", '"调委会\n二组"'), row(2, "草牧场纠纷", "外星纠纷"))
    assert found.findings[0].lines.runs == [(4, 4)]
    assert any("Excel" in note.zh for note in found.notes.values())


def test_no_value_of_a_row_is_in_the_account() -> None:
    found = account(row(1, "草牧场纠纷", "外星纠纷"), row(2, "正在调解", "张某13900000000"))
    said = repr([*found.findings, *found.listed, *found.notes.values(), *found.passed_over.values()])
    assert "外星" not in said
    assert "张某" not in said
    assert "13900000000" not in said


def test_what_goes_to_whom_is_counted_and_so_is_what_names_nobody() -> None:
    found = examined(ORDOS, io.BytesIO(sample("150600", "mediation_case.csv")), "")
    assert found.recipients["610800"] == 3
    assert found.unaddressed == 1
    assert found.clean


@pytest.mark.parametrize(
    ("form", "rejection", "refused"),
    [
        (Csv(), reject(Place(7), "", Reason.BROKEN_ROW), 1),
        (Csv(), reject(Place(3), "案件状态", Reason.MISSING_COLUMN), 0),
        (Csv(), reject(Place(1), "", Reason.WRONG_FORMAT), 0),
        (Csv(), reject(Place(), "", Reason.TOO_LARGE), 0),
        (JsonList(), reject(Place(4), "", Reason.WRONG_FORMAT), 1),
        (JsonList(), reject(Place(4), "", Reason.NOT_JSON), 0),
        (None, reject(Place(), "", Reason.WRONG_FORMAT), 0),
    ],
)
def test_a_flaw_of_the_file_is_not_counted_as_a_row(
    form: Form | None, rejection: Rejection, refused: int
) -> None:
    found = of(form)
    found.take(rejection)
    assert (found.refused, found.clean) == (refused, False)


def test_an_alert_is_one_row_however_many_of_its_lines_are_wrong() -> None:
    found = of(CapAlert())
    for line in (3, 9, 12):
        found.take(reject(Place(line), "info/expires", Reason.BAD_TIME, "x"))
    assert (found.rows, found.refused, found.findings[0].rows) == (1, 1, 1)


def test_items_of_a_list_in_a_row_share_one_finding() -> None:
    found = of(JsonList())
    kept = {"DSR": "[]"}
    for number in range(3):
        found.take(replace(reject(Place(5), f"DSR[{number}].DH", Reason.BAD_NUMBER, "x"), row=kept))
    (finding,) = found.findings
    assert (finding.column, finding.rows, found.refused) == ("DSR[].DH", 1, 1)


def test_very_many_different_flaws_are_counted_and_only_some_kept() -> None:
    found = of(Csv())
    for number in range(20_000):
        found.take(
            reject(Place(2 * number + 1), f"列{number % 5_000}", Reason.BAD_NUMBER, "9" * (number % 50))
        )
        found.take(Note(Place(number), f"说明{number}", f"note {number}"))
    assert found.refused == found.rejections == 20_000
    assert len(found.findings) == findings.FINDINGS
    assert len(found.notes) == findings.REMARKS
    assert all(len(each.shapes) <= findings.SHAPES for each in found.findings)
    assert found.left_out == 4 * (5_000 - findings.FINDINGS) + 20_000 - findings.REMARKS
    assert found.listed == []


def test_lines_come_in_runs_and_the_last_of_very_many_are_only_counted() -> None:
    lines = Lines()
    for line in (5, 6, 7, 7, 12):
        lines.add(line)
    assert lines.runs == [(5, 7), (12, 12)]
    for line in range(100, 100 + 4 * findings.RUNS, 2):
        lines.add(line)
    assert len(lines.runs) == findings.RUNS
    assert lines.left_out == 2 + findings.RUNS


def test_whoever_watches_is_told_of_the_rows_now_and_then() -> None:
    told: list[int] = []
    content = (HEAD + "".join(row(number) for number in range(1_200))).encode("gb18030")
    examined(ORDOS, io.BytesIO(content), "x", watch=told.append)
    assert told == sorted(told)
    assert 2 <= len(told) <= 4


def test_names_from_a_file_cannot_move_a_terminal() -> None:
    assert "\x1b" not in Findings("a\x1b[2J\n.csv", Csv()).name
    found = of(Csv())
    found.take(reject(Place(2, "表\x1b[31m"), "列\x07", Reason.BAD_NUMBER))
    (finding,) = found.findings
    assert finding.sheet.isprintable()
    assert finding.column.isprintable()
