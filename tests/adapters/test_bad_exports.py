"""Exports as they come on bad days: each thing wrong is one clear line, the rest goes through, nothing is lost."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.cities import dialect, read_city, sample
from adapters.dialect import Dialect
from adapters.drafts import Draft, Note, Reason, Rejection
from adapters.formats import Archive, Csv, Form, JsonList, Sheets, XmlRows
from adapters.formats.workbook_out import workbook_of
from adapters.translation import read, read_again
from hub.errors import Problem

HEAD = "案件编号,纠纷类型,案件来源,调解级别,所属旗区,受理时间,案件状态,调解组织,当事人数,发生日期,纠纷名称,申请人\n"
GOOD = (
    "{number},草牧场纠纷,群众申请,苏木乡镇,准格尔旗,2026-11-02 09:30,正在调解,调委会,7,2026-10-30,界线,张某\n"
)


def row(number: str = "1", **cells: str) -> str:
    names, values = HEAD.strip().split(","), GOOD.format(number=number).strip().split(",")
    return ",".join(cells.get(name, value) for name, value in zip(names, values, strict=True)) + "\n"


def reading(content: bytes, spoken: Dialect | None = None, name: str = "") -> list[Any]:
    return list(read(spoken or dialect("150600"), io.BytesIO(content), name=name))


def csv(*rows: str, head: str = HEAD) -> list[Any]:
    return reading((head + "".join(rows)).encode("gb18030"))


def speaking(form: Form, city: str = "150600") -> Dialect:
    return replace(dialect(city), forms=(form,))


def numbers(found: list[Any]) -> list[str]:
    return [each.local_number for each in found if isinstance(each, Draft)]


def only(found: list[Any]) -> Draft:
    (draft,) = [each for each in found if isinstance(each, Draft)]
    return draft


def flaws(found: list[Any]) -> list[tuple[int | None, str, Reason]]:
    return [(each.place.row, each.field, each.reason) for each in found if isinstance(each, Rejection)]


def notes(found: list[Any]) -> list[str]:
    return [each.line() for each in found if isinstance(each, Note)]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("纠纷类型", "外星纠纷", Reason.UNKNOWN_CODE),
        ("所属旗区", "某某旗", Reason.UNKNOWN_DIVISION),
        ("所属旗区", "110000", Reason.UNKNOWN_DIVISION),
        ("发生日期", "2026-02-30", Reason.BAD_TIME),
        ("发生日期", "0202-11-02", Reason.BAD_TIME),
        ("发生日期", "昨天", Reason.BAD_TIME),
        ("发生日期", "11/2/2026", Reason.BAD_TIME),
        ("发生日期", "26.11.2", Reason.BAD_TIME),
        ("受理时间", "2026-11-02 25:00", Reason.BAD_TIME),
        ("当事人数", "7-8人", Reason.BAD_NUMBER),
        ("案件编号", "", Reason.MISSING),
        ("受理时间", "", Reason.MISSING),
        ("调解组织", "", Reason.MISSING),
        ("调解组织", "李某13912345678", Reason.INVALID),
    ],
)
def test_a_cell_that_cannot_be_read_is_refused_by_row_and_column(
    column: str, cell: str, reason: Reason
) -> None:
    found = csv(row("1"), row("2", **{column: cell}), row("3"))
    assert flaws(found) == [(3, column, reason)]
    assert numbers(found) == ["1", "3"]
    (refused,) = [each for each in found if isinstance(each, Rejection)]
    assert refused.row[column] == cell
    assert refused.row["申请人"] == "张某"
    assert not cell or cell not in refused.line() + refused.line("en") + repr(refused)
    assert "张某" not in refused.line() + repr(refused)


@pytest.mark.parametrize(
    ("column", "cell", "field", "value"),
    [
        ("发生日期", "２０２６年１１月２日", "occurred_on", "2026-11-02"),
        ("发生日期", "20261102", "occurred_on", "2026-11-02"),
        ("受理时间", "2026.11.2 9:05", "accepted_at", "2026-11-02T09:05:00+08:00"),
        ("受理时间", "2026年11月2日下午3时", "accepted_at", "2026-11-02T15:00:00+08:00"),
        ("受理时间", "2026-11-02T01:30:00Z", "accepted_at", "2026-11-02T09:30:00+08:00"),
        ("受理时间", "1988-07-01 08:00", "accepted_at", "1988-07-01T08:00:00+09:00"),
        ("当事人数", "１２", "parties_count", 12),
        ("所属旗区", "150622000000", "division", "150622"),
        ("所属旗区", "610821", "division", "610881"),
        ("发生日期", "/", "occurred_on", None),
    ],
)
def test_what_is_sloppy_and_plain_is_read(column: str, cell: str, field: str, value: Any) -> None:
    draft = only(csv(row("1", **{column: cell})))
    assert draft.body.get(field) == value


def test_two_rows_with_one_number_keep_the_first_and_name_both() -> None:
    found = csv(row("1"), row("2"), row("1", 当事人数="8"))
    assert flaws(found) == [(4, "案件编号", Reason.DUPLICATE_NUMBER)]
    assert "第 2 行" in next(each.line() for each in found if isinstance(each, Rejection))
    assert numbers(found) == ["1", "2"]


def test_a_renamed_column_is_told_with_the_name_it_has_now() -> None:
    found = csv(row("1"), head=HEAD.replace("受理时间", "受理的时间"))
    first = next(each for each in found if isinstance(each, Rejection))
    assert (first.field, first.reason) == ("受理时间", Reason.MISSING_COLUMN)
    assert "“受理的时间”" in first.line()
    assert flaws(found)[1:] == [(2, "受理时间", Reason.MISSING)]


def test_a_column_known_by_another_name_is_read() -> None:
    draft = only(csv(row("1"), head=HEAD.replace("受理时间", "受理日期")))
    assert draft.body["accepted_at"] == "2026-11-02T09:30:00+08:00"


def test_a_column_that_may_be_absent_is_noted_and_an_unknown_one_is_not_sent() -> None:
    found = csv(row("1"), head=HEAD.replace("发生日期", "民族"))
    assert any("不认识“民族”" in line for line in notes(found))
    (draft,) = [each for each in found if isinstance(each, Draft)]
    assert draft.not_carried == ("民族",)


def test_a_quotation_mark_that_is_never_closed_costs_its_own_row() -> None:
    found = csv(row("1"), row("2", 纠纷名称='"界线'), *(row(str(n)) for n in range(3, 400)))
    assert flaws(found) == [(3, "", Reason.BROKEN_ROW)]
    assert len(numbers(found)) == 398


def test_a_row_with_more_cells_than_the_heading_is_refused() -> None:
    found = csv(row("1"), row("2", 纠纷名称="界,线"), row("3"))
    assert flaws(found) == [(3, "", Reason.BROKEN_ROW)]
    assert numbers(found) == ["1", "3"]


def test_a_mark_in_the_middle_and_a_second_heading_are_noted() -> None:
    content = (HEAD + row("1")).encode("utf-8-sig") + (HEAD + row("2")).encode("utf-8-sig")
    found = reading(content)
    assert numbers(found) == ["1", "2"]
    assert any("BOM" in line for line in notes(found))
    assert any("表头重复" in line for line in notes(found))


def test_gbk_and_utf_8_in_one_file_are_both_read() -> None:
    content = (HEAD + row("1")).encode("gb18030") + row("2").encode() + row("3").encode("gb18030")
    found = reading(content)
    assert [each.private["title"] for each in found if isinstance(each, Draft)] == ["界线"] * 3
    assert any("UTF-8" in line for line in notes(found))


def test_text_that_was_cut_within_a_character_is_refused_and_kept() -> None:
    damaged = row("2").encode().replace("张某".encode(), "张某".encode()[:-1])
    found = reading((HEAD + row("1")).encode("gb18030") + damaged + row("3").encode("gb18030"))
    assert numbers(found) == ["1", "3"]
    refused = [each for each in found if isinstance(each, Rejection)]
    assert [(each.place.row, each.reason) for each in refused] == [(3, Reason.ENCODING)]
    assert "\\xe5" in "".join(refused[0].row.values()) or "张" in "".join(refused[0].row.values())


def test_utf_16_as_spreadsheets_save_it_is_read() -> None:
    found = list(
        read(speaking(Csv(delimiter="\t")), io.BytesIO((HEAD + row()).replace(",", "\t").encode("utf-16")))
    )
    assert numbers(found) == ["1"]


def test_empty_rows_cost_one_line() -> None:
    found = csv(row("1"), ",,,\n" * 65_000, row("2"))
    assert numbers(found) == ["1", "2"]
    assert sum(each.rows for each in found if isinstance(each, Note)) == 65_000
    assert len(found) == 4


def test_counts_add_up_for_a_file_with_everything_in_it() -> None:
    found = csv(row("1"), "\n", row("2", 发生日期="x", 当事人数="y"), row("1"), "合计,,,\n")
    drafts = len(numbers(found))
    refused = len({each.place for each in found if isinstance(each, Rejection)})
    passed = sum(each.rows for each in found if isinstance(each, Note))
    assert (drafts, refused, passed) == (1, 2, 2)


def test_a_damaged_row_that_was_kept_is_not_let_go_with_a_damaged_number() -> None:
    damaged = row("2").encode().replace("张某".encode(), "张某".encode()[:-1])
    found = reading((HEAD + row("1")).encode("gb18030") + damaged)
    (refused,) = [each for each in found if isinstance(each, Rejection)]
    again = read_again(dialect("150600"), refused.table, {**refused.row, "申请人": "张某"})
    assert flaws(again) == [(None, "案件编号", Reason.ENCODING)]  # type: ignore[arg-type]
    mended = read_again(dialect("150600"), refused.table, {**refused.row, "申请人": "张某", "案件编号": "2"})
    assert isinstance(mended, Draft)


def test_a_mended_row_is_read_again() -> None:
    (refused,) = [each for each in csv(row("1", 发生日期="2026-02-30")) if isinstance(each, Rejection)]
    mended = read_again(dialect("150600"), refused.table, {**refused.row, "发生日期": "2026-02-28"})
    assert isinstance(mended, Draft)
    assert mended.body["occurred_on"] == "2026-02-28"
    assert isinstance(read_again(dialect("150600"), refused.table, refused.row), list)
    with pytest.raises(Problem):
        read_again(dialect("150600"), "nothing", {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xef\xbb\xbf",
        b"<html><table></table></html>",
        b"%PDF-1.7",
        b"PK\x03\x04rubbish",
        b"\0\1\2\3" * 50,
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_it_looks_like(content: bytes) -> None:
    found = reading(content)
    assert len(found) == 1
    assert isinstance(found[0], Rejection | Note)


def test_json_with_members_twice_and_items_that_are_no_objects() -> None:
    good = json.loads(sample("610800", "mediation_case.json"))["data"]["list"][2]
    text = json.dumps(good, ensure_ascii=False)
    twice = text.replace('"XZQH"', '"XZQH": "610822", "XZQH"').replace("第9号", "第10号")
    content = f'{{"data": {{"list": [{text}, {twice}, 7, [[1]], {text.replace("第9号", "第11号")}]}}}}'
    found = reading(content.encode(), dialect("610800"))
    assert flaws(found) == [
        (2, "XZQH", Reason.REPEATED), (3, "data.list", Reason.BROKEN_ROW), (4, "data.list", Reason.BROKEN_ROW)
    ]  # fmt: skip
    assert len(numbers(found)) == 2


@pytest.mark.parametrize(
    "content",
    [
        b'{"data": {"list": [' + b"[" * 1_000_000,
        b"[" * 1_000_000,
        b'{"data": {"list": [{"SQBH": ' + b'{"a":' * 100_000,
        b'{"data": {"list": [{"SQBH": 1e999999999}]}}',
        b'{"data": {"list": [{"SQBH": ' + b"9" * 10_000 + b"}]}}",
        b'{"data": {"list": [{"SQBH": "1"}',
        b'{"data": []}',
        b'{"data": {"list": [{"SQBH": "\\ud800"}]}}',
    ],
)
def test_hostile_json_is_refused(content: bytes) -> None:
    found = reading(content, dialect("610800"))
    assert numbers(found) == []
    assert flaws(found)


XML_CASE = "<AJ><SQBH>{number}</SQBH><JFLX>08</JFLX><AJLY>主动调解</AJLY><TJCJ>镇</TJCJ><XZQH>610822</XZQH>{more}" \
    "<SLSJ>2026-11-02 09:00</SLSJ><AJZT>3</AJZT><TJJG>调委会</TJJG></AJ>"  # fmt: skip


def xml(*rows: str, before: str = "", encoding: str = "GBK", after: str = "</LB>") -> list[Any]:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n{before}<LB>' + "\n".join(rows) + after
    return reading(text.encode("gb18030"), speaking(XmlRows("AJ", root="LB"), "610800"))


def test_xml_declared_gbk_with_four_byte_characters_is_read() -> None:
    found = xml(XML_CASE.format(number="1", more="<JFMC>𠮷某㐀</JFMC>"))
    assert [each.private["title"] for each in found] == ["𠮷某㐀"]


def test_a_row_of_xml_that_is_broken_costs_that_row_alone() -> None:
    bad = XML_CASE.format(number="2", more="<JFMC>a & b</JFMC>")
    found = xml(XML_CASE.format(number="1", more=""), bad, XML_CASE.format(number="3", more=""))
    assert numbers(found) == ["1", "3"]
    assert flaws(found) == [(3, "AJ", Reason.NOT_XML)]


def test_rows_in_comments_are_not_rows() -> None:
    one = XML_CASE.format(number="1", more="<JFMC><![CDATA[</AJ><AJ>]]></JFMC>")
    assert numbers(xml("<!-- " + XML_CASE.format(number="9", more="") + " -->", one)) == ["1"]


def test_entities_are_never_read() -> None:
    bomb = '<!DOCTYPE LB [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    assert [reason for _, _, reason in flaws(xml(XML_CASE.format(number="1", more=""), before=bomb))] == [
        Reason.FORBIDDEN_MARKUP
    ]
    found = xml(XML_CASE.format(number="1", more="<JFMC>&b;</JFMC>"))
    assert numbers(found) == []


def test_xml_that_ends_early_is_told() -> None:
    whole = XML_CASE.format(number="1", more="")
    assert Reason.UNFINISHED in [reason for _, _, reason in flaws(xml(whole, whole[:-30], after=""))]
    assert Reason.UNFINISHED in [reason for _, _, reason in flaws(xml(whole, after=""))]


def grid(*rows: list[str]) -> bytes:
    return workbook_of({"台账": list(rows)})


def test_sheets_with_titles_sums_and_odd_cells() -> None:
    head = HEAD.strip().split(",")
    content = grid(
        ["十一月份矛盾纠纷台账"], [], head, row("1", 发生日期="2026年10月30日").strip().split(","),
        row("2").strip().split(","), ["合 计", "", "2件"], ["填表人:某某"],
    )  # fmt: skip
    found = reading(content, speaking(Sheets()))
    assert numbers(found) == ["1", "2"]
    assert flaws(found) == []
    assert len([line for line in notes(found) if "表尾" in line]) == 2


def edited(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as before,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for member in before.infolist():
            text = before.read(member)
            assert part != member.filename or old in text
            after.writestr(member.filename, text.replace(old, new) if part == member.filename else text)
    return stream.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def one_sheet(number: bytes) -> bytes:
    content = grid(HEAD.strip().split(","), row("1").strip().split(","))
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet = parts.read(SHEET)
    start = sheet.index(b'<c r="I2"')
    cell = sheet[start : sheet.index(b"</c>", start) + 4]
    return edited(content, SHEET, cell, number)


def test_a_formula_counts_by_its_result_and_is_refused_without_one() -> None:
    with_result = one_sheet(b'<c r="I2"><f>SUM(A1:A2)</f><v>7</v></c>')
    draft = only(reading(with_result, speaking(Sheets())))
    assert draft.body["parties_count"] == 7
    found = reading(one_sheet(b'<c r="I2"><f>SUM(A1:A2)</f></c>'), speaking(Sheets()))
    assert flaws(found) == [(2, "当事人数", Reason.FORMULA)]


def test_a_serial_number_is_a_day() -> None:
    content = grid(HEAD.strip().split(","), row("1").strip().split(","))
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet = parts.read(SHEET)
    start = sheet.index(b'<c r="J2"')
    cell = sheet[start : sheet.index(b"</c>", start) + 4]
    draft = only(reading(edited(content, SHEET, cell, b'<c r="J2"><v>46325</v></c>'), speaking(Sheets())))
    assert draft.body["occurred_on"] == "2026-10-30"


def test_a_workbook_with_a_doctype_is_refused() -> None:
    content = grid(HEAD.strip().split(","), row("1").strip().split(","))
    for part in (SHEET, "xl/workbook.xml", "xl/sharedStrings.xml"):
        bomb = b'standalone="yes"?><!DOCTYPE x [<!ENTITY a "aaaa">]>'
        found = reading(edited(content, part, b'standalone="yes"?>', bomb), speaking(Sheets()))
        assert [reason for _, _, reason in flaws(found)] == [Reason.FORBIDDEN_MARKUP]


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return stream.getvalue()


def test_a_zip_that_leads_elsewhere_or_swells_is_refused_member_by_member() -> None:
    good = (HEAD + row("1")).encode("gb18030")
    content = archive(**{"../../etc/x.csv": good, "C:/x.csv": good, "bomb.csv": b"\0" * 30_000_000, "a.csv": good,
                         "说明.txt": b"x"})  # fmt: skip
    found = reading(content, speaking(Archive(Csv())))
    assert numbers(found) == ["1"]
    assert [reason for _, _, reason in flaws(found)] == [
        Reason.BAD_ARCHIVE,
        Reason.BAD_ARCHIVE,
        Reason.TOO_LARGE,
    ]
    assert any("说明.txt" in line for line in notes(found))


def test_a_damaged_member_of_a_zip_costs_that_member() -> None:
    good = (HEAD + row("1")).encode("gb18030")
    content = bytearray(archive(**{"a.csv": good * 50, "b.csv": (HEAD + row("2")).encode("gb18030")}))
    content[60:70] = b"\xff" * 10
    found = reading(bytes(content), speaking(Archive(Csv())))
    assert "2" in numbers(found)
    assert Reason.BAD_ARCHIVE in [reason for _, _, reason in flaws(found)]


def test_a_json_list_in_gbk_is_read() -> None:
    text = sample("610800", "mediation_case.json").decode().encode("gb18030")
    assert len(numbers(reading(text, speaking(JsonList("data.list"), "610800")))) == 3


NEW_CITY = """
from adapters.dialect import Column, Dialect, Table
from adapters.formats import Csv

DIALECT = Dialect("621000", "庆阳市", "notices", (
    Table("risk_notice", "文号", (Column("领域", "field"), Column("等级", "grade"), Column("情况", "statement"))),
), forms=(Csv(),))
"""


def test_a_new_city_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "qingyang_621000.py"
    path.write_text(NEW_CITY, encoding="utf-8")
    found = reading(
        "文号,领域,等级,情况\n庆险〔2026〕1号,燃气,红色,某处管道老化\n".encode("gb18030"), read_city(path)
    )
    assert [(each.kind, each.body["grade"]) for each in found] == [("risk_notice", "red")]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"field"', '"feild"', "feild"),
        ('"risk_notice"', '"risk_note"', "kind"),
        ("DIALECT =", "OTHER =", "no DIALECT"),
        ("Csv(),", "Cvs(),", "Cvs"),
        ('"grade")', '"grade"', "SyntaxError"),
    ],
)
def test_a_mistake_in_a_citys_file_is_told_by_name(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "qingyang_621000.py"
    assert old in NEW_CITY
    path.write_text(NEW_CITY.replace(old, new), encoding="utf-8")
    with pytest.raises(Problem) as raised:
        read_city(path)
    assert told in f"{raised.value} {raised.value.detail} {raised.value.where}"
