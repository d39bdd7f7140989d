"""Every format gives back what was written into it, odd text included, and streams."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from dialect_bodies import bodies
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from adapters.cities import dialect
from adapters.comparing import differences
from adapters.dialect import Column, Dialect, Recipients, Table
from adapters.drafts import Draft, Note, Rejection
from adapters.formats import Archive, Calendar, CapAlert, Csv, Form, JsonList, Sheets, SqlRows, XmlRows
from adapters.translation import read, read_rows
from adapters.values import Codes, DateTime, LngLat
from adapters.writing import Carried, files, rows_of, write
from schemas.kinds import kind as kind_of

FORMS: dict[str, Form] = {
    "csv": Csv(),
    "utf-8 csv": Csv(encoding="utf-8-sig"),
    "tabs": Csv(delimiter="\t"),
    "xlsx": Sheets(),
    "titled xlsx": Sheets(title="台账"),
    "json": JsonList("a.b"),
    "json in gbk": JsonList(encoding="gb18030"),
    "xml": XmlRows("AJ"),
    "xml in utf-8": XmlRows("AJ", root="LB", encoding="UTF-8"),
    "zip of csv": Archive(Csv()),
    "zip of xlsx": Archive(Sheets()),
    "view": SqlRows("v_case"),
}
CASE = kind_of("mediation_case", 1)
TRIALS = settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
ODD = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=30)


def speaking(form: Form, city: str = "150600") -> Dialect:
    return replace(dialect(city), forms=(form,))


def through(spoken: Dialect, *records: Carried) -> tuple[list[Any], list[Any]]:
    stream = io.BytesIO()
    losses = write(spoken, records, stream)
    stream.seek(0)
    return list(read(spoken, stream)), losses


def a_case(**members: Any) -> dict[str, Any]:
    return {
        "case_number": "准调31", "dispute_type": "grassland", "source": "party_application", "level": "township",
        "division": "150622", "accepted_at": "2026-11-02T09:30:00+08:00", "state": "mediating",
        "lead": "准格尔旗人民调解委员会", **members,
    }  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@TRIALS
@given(st.data())
def test_records_come_back_from_every_format_as_foretold(form: Form, data: st.DataObject) -> None:
    body, private = data.draw(bodies(CASE.body)), data.draw(bodies(CASE.private))  # type: ignore[arg-type]
    try:
        CASE.body().load(body)
        CASE.private().load(private)  # type: ignore[misc]
    except ValidationError:
        assume(False)
    found, losses = through(speaking(form), Carried("mediation_case", body, private, number="1"))
    lost = {loss.path for loss in losses}
    for draft in found:
        if isinstance(draft, Draft):
            paths = {*differences(CASE.body, body, draft.body)}
            paths |= {*differences(CASE.private, private, draft.private or {}, "private/")}  # type: ignore[arg-type]
            assert paths == lost


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@TRIALS
@example("\ufffd")
@given(ODD)
def test_any_text_that_a_record_may_hold_comes_back_or_is_named(form: Form, text: str) -> None:
    private = {"title": text, "summary": "某事"}
    try:
        CASE.private().load(private)  # type: ignore[misc]
    except ValidationError:
        assume(False)
    found, losses = through(speaking(form), Carried("mediation_case", a_case(), private, number="1"))
    (draft,) = [each for each in found if isinstance(each, Draft)]
    kept = draft.private == private
    assert kept == (losses == [])
    assert draft.private == private or draft.private is not None


@pytest.mark.parametrize("form", [form for name, form in FORMS.items() if "json" in name or "xml" in name])
def test_nested_members_come_back(form: Form) -> None:
    body = a_case(
        partners=[{"city": "610800", "organisation": "甲"}, {"city": "640300", "organisation": "乙"}],
        agreement={"form": "written", "concluded_on": "2026-11-09"},
    )
    private = {"parties": [{"role": "applicant", "name": "张某"}, {"role": "respondent", "name": "李某"}]}
    table = replace(dialect("610800").tables[0], at="")
    spoken = replace(dialect("610800"), tables=(table,), forms=(form,))
    found, losses = through(spoken, Carried("mediation_case", body, private, number="1"))
    assert losses == []
    assert [(draft.body, draft.private) for draft in found] == [(body, private)]


def test_a_heading_merged_over_three_rows_is_written_and_read() -> None:
    table = Table(
        "mediation_case",
        "登记/编号",
        (
            Column("登记/编号", "case_number"),
            Column("登记/时间/受理", "accepted_at"),
            Column("登记/时间/期限", "due_at"),
            Column("类型", "dispute_type"),
            Column("来源", "source"),
            Column("级别", "level"),
            Column("地区", "division"),
            Column("状态", "state"),
            Column("组织", "lead"),
            Column("当事人/申请人/姓名", "private/parties[role=applicant]/name"),
            Column("当事人/申请人/电话", "private/parties[role=applicant]/phone"),
            Column("当事人/被申请人/姓名", "private/parties[role=respondent]/name"),
        ),
    )
    spoken = Dialect("140900", "忻州市", "m", (table,), (Sheets(header_rows=3, title="十一月报表"),))
    private = {
        "parties": [
            {"role": "applicant", "name": "甲", "phone": "13900000000"},
            {"role": "respondent", "name": "乙"},
        ]
    }
    found, losses = through(
        spoken, Carried("mediation_case", a_case(due_at="2026-12-02T00:00:00+08:00"), private)
    )
    assert losses == []
    assert [(draft.private, draft.body["due_at"]) for draft in found] == [
        (private, "2026-12-02T00:00:00+08:00")
    ]


def test_events_of_a_calendar_come_back() -> None:
    table = Table(
        "event_security",
        "UID",
        (
            Column("SUMMARY", "name"),
            Column("CATEGORIES", "event_type"),
            Column("ORGANIZER", "organiser"),
            Column("LOCATION", "venue/name"),
            Column("X-DIVISION", "venue/division"),
            Column("GEO", ("venue/longitude", "venue/latitude"), LngLat(";", latitude_first=True)),
            Column("DTSTART", "sessions[1]/starts_at", DateTime("%Y-%m-%dT%H:%M:%S+08:00")),
            Column("DTEND", "sessions[1]/ends_at", DateTime("%Y-%m-%dT%H:%M:%S+08:00")),
            Column(
                "STATUS",
                "state",
                Codes({"CONFIRMED": "permitted", "TENTATIVE": "planned", "CANCELLED": "cancelled"}),
            ),
        ),
    )
    spoken = Dialect("640100", "银川市", "events", (table,), (Calendar(),))
    body = {
        "name": "灯会;第一场,“贺岁”", "event_type": "performance", "organiser": "文旅局",
        "venue": {"name": "体育场", "division": "640104", "longitude": 106.28, "latitude": 38.47},
        "sessions": [{"starts_at": "2026-12-12T19:30:00+08:00", "ends_at": "2026-12-12T22:00:00+08:00"}],
        "state": "permitted",
    }  # fmt: skip
    found, losses = through(spoken, Carried("event_security", body, number="e-1@yinchuan"))
    assert losses == []
    assert [(each.body, each.local_number) for each in found] == [(body, "e-1@yinchuan")]
    repeating = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
        "BEGIN:VEVENT\nUID:2\nDTSTART:20260230T000000\nEND:VEVENT\n"
    )
    lines = [each.line() for each in read(spoken, io.BytesIO(repeating.encode()))]
    assert ["RRULE" in lines[0], "DTSTART" in lines[1], "没有写完" in lines[-1]] == [True, True, True]


def test_an_alert_goes_out_as_cap_and_comes_in_again() -> None:
    spoken = Dialect(
        "640100",
        "银川市",
        "alerts",
        (Table("alert", "identifier", (), Recipients(cities=("610800",))),),
        (CapAlert(),),
    )
    body = {
        "identifier": "64010041600000_1", "status": "exercise", "message_type": "alert", "category": ["security"],
        "event": "可疑车辆协查", "urgency": "immediate", "severity": "severe", "certainty": "likely",
        "expires": "2026-11-22T08:30:00+08:00", "headline": "演练", "areas": [{"geocodes": ["640104"]}],
    }  # fmt: skip
    record = Carried("alert", body, sender="640100.exchange", issued_at=datetime(2026, 11, 21, 8, tzinfo=UTC))
    assert [name for name, _ in files(spoken, [record, record])] == ["alert-1.xml", "alert-2.xml"]
    found, losses = through(spoken, record)
    assert losses == []
    assert [*differences(kind_of("alert", 1).body, body, found[0].body)] == []
    assert (found[0].system, found[0].recipients, found[0].table) == ("alerts", ("610800",), "alert")


def test_rows_of_a_view_are_read_and_written_as_mappings() -> None:
    spoken = speaking(SqlRows("v_case", order="案件编号"))
    ((cells, losses),) = rows_of(spoken, "mediation_case", [Carried("mediation_case", a_case(), number="1")])
    assert losses == []
    (draft,) = read_rows(spoken, [cells])
    assert isinstance(draft, Draft)
    assert draft.body == a_case()


def test_a_spreadsheet_gets_no_formula_from_a_text() -> None:
    private = {"title": "=cmd|'/c calc'!A0", "summary": "+1"}
    for form, hidden in ((Csv(), b",'=cmd"), (Sheets(), None)):
        stream = io.BytesIO()
        write(speaking(form), [Carried("mediation_case", a_case(), private)], stream)
        if hidden is not None:
            assert hidden in stream.getvalue()
        else:
            with zipfile.ZipFile(stream) as parts:
                sheet = parts.read("xl/worksheets/sheet1.xml")
            assert b"<f>" not in sheet


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_spoilt_file_of_any_format_ends_in_outcomes(form: Form, data: st.DataObject) -> None:
    stream = io.BytesIO()
    records = [Carried("mediation_case", a_case(), {"title": "某事"}, number=str(n)) for n in range(3)]
    write(speaking(form), records, stream)
    content = stream.getvalue()
    if content.startswith(b"PK") and data.draw(st.booleans()):
        content = repacked(content, data)
    else:
        content = spoilt(content, data)
    for outcome in read(speaking(form), io.BytesIO(content)):
        assert isinstance(outcome, Draft | Note) or "\n" not in outcome.line()


def spoilt(content: bytes, data: st.DataObject) -> bytes:
    spoiling = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(spoiling)))
        size = data.draw(st.integers(0, 30))
        spoiling[at : at + size] = data.draw(
            st.binary(max_size=8)
            | st.sampled_from([b'"', b"<", b">", b"\xff", b"-1", b"999999999999", b"A", b"&x;"])
        )
    return bytes(spoiling)


def repacked(content: bytes, data: st.DataObject) -> bytes:
    """The same zip with one of its parts spoilt before it was packed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(stream, "w") as after:
        part = data.draw(st.sampled_from(before.namelist()))
        for name in before.namelist():
            text = before.read(name)
            after.writestr(name, spoilt(text, data) if name == part else text)
    return stream.getvalue()


def test_an_old_workbook_is_read_with_its_dates() -> None:
    xlwt = pytest.importorskip("xlwt")
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("台账")
    case = {
        "案件编号": 20260031, "纠纷类型": "草牧场纠纷", "案件来源": "群众申请", "调解级别": "苏木乡镇",
        "所属旗区": "准格尔旗",
        "发生日期": date(2026, 10, 30), "受理时间": "2026-11-02 09:30", "案件状态": "正在调解", "调解组织": "调委会",
        "当事人数": 7,
    }  # fmt: skip
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    sheet.write_merge(0, 0, 0, 9, "登记表")
    for column, (name, value) in enumerate(case.items()):
        sheet.write(1, column, name)
        sheet.write(2, column, value, *([day] if isinstance(value, date) else []))
    sheet.write(4, 0, "合计")
    stream = io.BytesIO()
    book.save(stream)
    found = list(read(speaking(Sheets()), io.BytesIO(stream.getvalue())))
    (draft,) = [each for each in found if isinstance(each, Draft)]
    assert (draft.local_number, draft.body["occurred_on"], draft.body["parties_count"]) == (
        "20260031",
        "2026-10-30",
        7,
    )
    damaged = bytearray(stream.getvalue())
    damaged[600:4000] = b"\xff" * 3400
    assert all(isinstance(each, Rejection) for each in read(speaking(Sheets()), io.BytesIO(bytes(damaged))))
