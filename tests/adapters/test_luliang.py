"""Lüliang's packets: GBK by declaration and whatever in fact, with attributes, empty elements and rare characters."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from adapters import cities
from adapters.cities import dialect
from adapters.drafts import Draft, Note, Reason, Rejection
from adapters.translation import read
from adapters.writing import Carried, cannot_carry, write

SOURCES = Path(cities.__file__).parent / "samples" / "141100"
CASES = (SOURCES / "mediation_case.xml").read_text(encoding="utf-8")
LEADS = (SOURCES / "ecology_lead.xml").read_text(encoding="utf-8")
DECLARED = '<?xml version="1.0" encoding="GBK"?>'
RARE = "𠮷㐀䶮𬀩"


def reading(content: bytes) -> list[Any]:
    return list(read(dialect("141100"), io.BytesIO(content)))


def reading_text(text: str) -> list[Any]:
    return reading(text.encode("gb18030"))


def drafts(found: list[Any]) -> list[Draft]:
    return [each for each in found if isinstance(each, Draft)]


def told(found: list[Any]) -> list[tuple[str, str, Reason]]:
    return [(each.local_number, each.field, each.reason) for each in found if isinstance(each, Rejection)]


def edited(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_characters_of_four_bytes_go_through_a_document_declared_gbk() -> None:
    content = edited(CASES, "<姓名或名称>𠮷某<", f"<姓名或名称>{RARE}某<").encode("gb18030")
    with pytest.raises(UnicodeDecodeError):
        content.decode("gbk")
    found = reading(content)
    assert told(found) == []
    first = drafts(found)[0]
    assert first.private is not None
    assert [party["name"] for party in first.private["parties"]] == [f"{RARE}某", "某灌溉合作社"]


def test_what_is_written_is_gbk_for_any_program_and_keeps_those_characters() -> None:
    (first, *_) = drafts(reading_text(edited(CASES, "<姓名或名称>𠮷某<", f"<姓名或名称>{RARE}某<")))
    stream = io.BytesIO()
    record = Carried(first.kind, first.body, first.private, number=first.local_number)
    assert write(dialect("141100"), [record], stream) == []
    assert stream.getvalue().decode("gbk").startswith(DECLARED)
    (again,) = drafts(reading(stream.getvalue()))
    assert again.private == first.private


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + CASES.encode(),
        b"\xef\xbb\xbf" + CASES.encode("gb18030"),
        CASES.encode(),
        CASES.encode("utf-16"),
        edited(CASES, 'encoding="GBK"', 'encoding="UTF-8"').encode("gb18030"),
        edited(CASES, 'encoding="GBK"', "encoding='gb2312'").encode("gb18030"),
        edited(CASES, ' encoding="GBK"', "").encode("gb18030"),
        edited(CASES, DECLARED, "\n").encode("gb18030"),
    ],
    ids=[
        "UTF-8 with its mark, declared GBK",
        "GBK behind the mark of UTF-8",
        "UTF-8 declared GBK",
        "UTF-16 declared GBK",
        "GBK declared UTF-8",
        "GB 18030 declared GB 2312",
        "no encoding declared",
        "no declaration, and an empty line first",
    ],
)
def test_a_mark_or_a_wrong_declaration_changes_nothing(content: bytes) -> None:
    found = reading(content)
    assert told(found) == []
    assert [each.body for each in drafts(found)] == [each.body for each in drafts(reading_text(CASES))]
    assert [each.private for each in drafts(found)] == [each.private for each in drafts(reading_text(CASES))]


def test_an_encoding_that_offices_here_do_not_use_is_one_clear_line() -> None:
    found = reading(edited(CASES, "GBK", "Big5").encode("gb18030"))
    assert told(found) == [("", "xml", Reason.ENCODING)]


def test_half_a_character_costs_its_row_alone() -> None:
    content = CASES.encode("gb18030")
    name = "高某".encode("gb18030")
    found = reading(content.replace(name, name[:-1] + b"\x20"))
    assert told(found) == [("1411242026091400207", "当事人.方[0].姓名或名称", Reason.ENCODING)]
    assert len(drafts(found)) == 6


def test_an_element_that_is_nil_or_only_has_attributes_says_nothing() -> None:
    text = edited(CASES, "<发生日期>20261028</发生日期>", '<发生日期 格式="yyyyMMdd"/>')
    assert "发生日期 xsi:nil" in text
    found = reading_text(text)
    assert told(found) == []
    by_number = {each.local_number: each.body for each in drafts(found)}
    assert "occurred_on" not in by_number["1411232026110200318"]
    assert "occurred_on" not in by_number["1411262026111200005"]


def test_a_text_with_attributes_is_its_text() -> None:
    found = reading_text(edited(CASES, "<标题>滩地灌溉", '<标题 字数="8">滩地灌溉'))
    assert told(found) == []
    private = drafts(found)[0].private
    assert private is not None
    assert private["title"] == "滩地灌溉取水纠纷"


@pytest.mark.parametrize(
    ("old", "new", "column", "reason"),
    [
        ("<标题>滩地灌溉取水纠纷</标题>", "<标题>甲</标题><标题>乙</标题>", "标题", Reason.REPEATED),
        ("<标题>滩地灌溉取水纠纷</标题>", "<标题><行>甲</行></标题>", "标题", Reason.WRONG_FORMAT),
        ("<类别>0303</类别>", "<类别>水利</类别>", "类别", Reason.UNKNOWN_CODE),
        ('代码="141123"', '代码="141199"', "行政区划.@代码", Reason.UNKNOWN_DIVISION),
        (
            "<加入时刻>20261105100000",
            "<加入时刻>20261335100000",
            "协作单位.单位[0].加入时刻",
            Reason.BAD_TIME,
        ),
        ("<受理时刻>20261102093000</受理时刻>", "", "受理时刻", Reason.MISSING),
        ("<受理时刻>20261102093000</受理时刻>", "<立案>20261102093000</立案>", "受理时刻", Reason.MISSING),
    ],
)
def test_what_is_wrong_in_a_case_is_told_by_element(old: str, new: str, column: str, reason: Reason) -> None:
    found = reading_text(edited(CASES, old, new))
    assert told(found) == [("1411232026110200318", column, reason)]
    assert len(drafts(found)) == 6


def test_an_element_that_was_renamed_is_named_as_unknown() -> None:
    found = reading_text(edited(CASES, "<风险>三级</风险>", "<风险等级>三级</风险等级>"))
    assert any("风险等级" in each.line() for each in found if isinstance(each, Note))
    assert drafts(found)[0].not_carried == ("风险等级",)


def test_what_lies_within_a_part_and_has_no_column_is_named_too() -> None:
    text = edited(CASES, "<住址>兴县瓦塘镇</住址>", "<住址>兴县瓦塘镇</住址><民族>某族</民族>")
    text = edited(text, "</描述></发生地>", "</描述><精度>10</精度></发生地>")
    found = drafts(reading_text(text))
    assert found[0].not_carried == ("发生地.精度", "当事人.方.民族")
    assert all(each.not_carried == () for each in found[1:])


def test_a_party_is_read_under_the_older_name_of_its_element() -> None:
    names = [
        party.get("name")
        for each in drafts(reading_text(CASES))
        for party in (each.private or {}).get("parties", ())
    ]
    assert "<姓名>刘某</姓名>" in CASES
    assert names == ["𠮷某", "某灌溉合作社", "高某", "某煤矿", "刘某", "任某"]


def test_empty_elements_of_a_list_are_no_items() -> None:
    found = reading_text(edited(CASES, "<当事人/>", "<当事人><方/><方>\n </方></当事人>"))
    assert told(found) == []
    assert all("parties" not in (each.private or {}) for each in drafts(found)[3:])


def test_fingerprints_of_evidence_are_checked() -> None:
    found = reading_text(edited(LEADS, "d4735e3a265e16eee03f", "not-a-digest-at-all-"))
    assert told(found) == [("LJHX-2026-0031", "证据.件[1].@摘要值", Reason.INVALID)]


def test_a_lead_needs_a_day_and_what_was_found() -> None:
    text = edited(LEADS, "<发现日期>20261106</发现日期>", "<发现日期/>")
    text = edited(text, "<线索内容>河道内非法采砂,岸坡坍塌。</线索内容>", "")
    assert told(reading_text(text)) == [
        ("LJHX-2026-0031", "发现日期", Reason.MISSING),
        ("LJHX-2026-0033", "线索内容", Reason.MISSING),
    ]


def test_cases_and_leads_in_one_packet_are_told_apart() -> None:
    lead = LEADS[LEADS.index("  <公益诉讼线索>") : LEADS.index("</公益诉讼线索>") + len("</公益诉讼线索>\n")]
    found = drafts(reading_text(edited(CASES, "</数据包>", lead + "</数据包>")))
    assert [each.kind for each in found] == ["mediation_case"] * 7 + ["ecology_lead"]
    assert found[-1].system == "river-leads"


def test_a_neighbours_case_is_written_with_whose_it_is() -> None:
    body = {**drafts(reading_text(CASES))[0].body, "case_number": "(2026)府麻调字第12号"}
    record = Carried(
        "mediation_case",
        body,
        None,
        id="019aa4f0-7c11-7def-8123-4567890abcde",
        sender="610800",
        outcome="已送达",
    )
    stream = io.BytesIO()
    write(dialect("141100"), [record], stream)
    text = stream.getvalue().decode("gbk")
    assert "<来文地市>榆林市</来文地市>" in text
    assert "<登记号>019aa4f0-7c11-7def-8123-4567890abcde</登记号>" in text
    assert "<办理反馈>已送达</办理反馈>" in text


@pytest.mark.parametrize("kind", ["mediation_case", "ecology_lead"])
def test_nothing_of_a_record_is_left_behind(kind: str) -> None:
    assert cannot_carry(dialect("141100"), kind) == ()
