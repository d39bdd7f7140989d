"""Baotou: of a hotline's work orders only disputes become cases, and what citizens say stays sealed."""

from __future__ import annotations

import io
import json
from typing import Any

import openpyxl
import pytest
from city_files import ISSUED, carried, drafts, outcomes, refusals, rows_told, written

from adapters.cities import dialect, sample
from adapters.drafts import Note, Reason, Rejection
from adapters.writing import Carried, cannot_carry

ORDER: dict[str, Any] = {
    "orderNo": "BT20261111100033", "orderType": "MDJF", "channel": "电话", "acceptTime": 1794361500000,
    "orderClass": "邻里", "title": "楼道堆物", "content": "来电人称对门堆物。", "areaCode": "150202",
    "caller": {"name": "乔某", "type": "个人", "phone": "13900000031"}, "handleDept": "河东街道办事处", "status": "30",
}  # fmt: skip


def interface(*orders: dict[str, Any]) -> bytes:
    return json.dumps({"resultCode": "0", "resultData": {"orders": orders}}, ensure_ascii=False).encode()


def order(**members: Any) -> list[Any]:
    return outcomes("150200", interface({**ORDER, **members}))


def test_orders_that_are_no_disputes_are_passed_over_and_counted() -> None:
    found = outcomes("150200", sample("150200", "hotline_orders.json"))
    assert {draft.kind for draft in drafts(found)} == {"mediation_case"}
    assert [note.rows for note in found if isinstance(note, Note) and note.rows] == [2]
    assert rows_told(found) == 6


def test_every_row_of_the_workbook_is_accounted_for() -> None:
    content = sample("150200", "150200.xlsx")
    (sheet,) = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    rows = [cells for cells in sheet.iter_rows(min_row=5, values_only=True) if any(cells)]
    found = outcomes("150200", content)
    assert rows_told(found) == len(rows)
    assert any("2 行不属于要交换的类型" in each.line() for each in found if isinstance(each, Note))


@pytest.mark.parametrize("name", ["150200.xlsx", "hotline_orders.json"])
def test_what_the_citizen_says_and_who_he_is_stands_in_no_public_part(name: str) -> None:
    found = drafts(outcomes("150200", sample("150200", name)))
    assert found
    for draft in found:
        assert draft.private is not None
        public = json.dumps(draft.body, ensure_ascii=False)
        sealed = [draft.private["title"], draft.private.get("summary")]
        for party in draft.private["parties"]:
            sealed += [party.get(member) for member in ("name", "phone", "address")]
        assert not [text for text in sealed if text and text in public]


def test_a_citizens_phone_in_a_public_column_refuses_the_order_and_is_not_repeated() -> None:
    found = order(block="回电13900000031")
    assert refusals(found) == [("block", Reason.INVALID)]
    assert all("13900000031" not in each.line() + repr(each) for each in found)


def test_a_level_that_the_hotline_does_not_name_is_the_countys_and_told() -> None:
    workbook = {draft.local_number: draft for draft in drafts(outcomes("150200", sample("150200")))}
    unnamed, named = workbook["BT20261020100019"], workbook["BT20261018100276"]
    assert [(each.field, each.value) for each in unnamed.supplied] == [("level", "county")]
    assert (unnamed.body["level"], named.body["level"], named.supplied) == ("county", "township", ())


def test_an_order_is_the_same_record_from_the_workbook_and_from_the_interface() -> None:
    (draft,) = drafts(order(ccAreas=["150600"], amount="3.2万元"))
    made, losses = written("150200", [carried(draft)])
    assert losses == []
    (again,) = drafts(outcomes("150200", made["150200.xlsx"]))
    assert (again.local_number, again.system) == (draft.local_number, draft.system)
    assert (again.body, again.private, again.recipients) == (draft.body, draft.private, draft.recipients)


@pytest.mark.parametrize(
    ("members", "refused"),
    [
        ({"acceptTime": 1794361500}, ("acceptTime", Reason.BAD_TIME)),
        ({"acceptTime": None}, ("acceptTime", Reason.MISSING)),
        ({"orderClass": "邻里邻外"}, ("orderClass", Reason.UNKNOWN_CODE)),
        ({"areaCode": "159999"}, ("areaCode", Reason.UNKNOWN_DIVISION)),
        ({"status": "31"}, ("status", Reason.UNKNOWN_CODE)),
        ({"ccAreas": ["110000"]}, ("ccAreas", Reason.UNKNOWN_DIVISION)),
        ({"orderNo": ""}, ("orderNo", Reason.MISSING)),
    ],
)
def test_an_order_that_is_wrong_is_refused_by_the_interfaces_own_name(
    members: dict[str, Any], refused: tuple[str, Reason]
) -> None:
    found = order(**members)
    assert refusals(found) == [refused]
    (flaw,) = [each for each in found if isinstance(each, Rejection)]
    assert (flaw.table, flaw.row["title"]) == ("hotline_orders", "楼道堆物")


def test_an_unknown_class_is_told_with_the_word_that_is_near() -> None:
    (flaw,) = [each for each in order(orderClass="拖欠工钱") if isinstance(each, Rejection)]
    assert "拖欠工资" in flaw.zh


def test_the_same_order_twice_is_refused() -> None:
    found = outcomes("150200", interface(ORDER, ORDER))
    assert len(drafts(found)) == 1
    assert refusals(found) == [("orderNo", Reason.DUPLICATE_NUMBER)]


def test_the_workbook_that_goes_back_has_the_offices_heading_and_words() -> None:
    body = {
        "case_number": "(2026)府麻调字第12号", "dispute_type": "grassland", "source": "court_entrustment",
        "level": "township", "division": "610822", "accepted_at": "2026-11-02T09:00:00+08:00", "state": "mediating",
        "lead": "府谷县麻镇人民调解委员会", "risk": "yellow",
    }  # fmt: skip
    record = Carried("mediation_case", body, sender="610800", recipients=("150200",), issued_at=ISSUED)
    made, losses = written("150200", [record])
    assert losses == []
    (sheet,) = openpyxl.load_workbook(io.BytesIO(made["150200.xlsx"])).worksheets
    title, groups, names, row = (list(cells) for cells in sheet.iter_rows(values_only=True))
    assert str(title[0]).startswith("包头市12345")
    assert groups[names.index("姓名")] == "诉求人"
    assert groups.index("诉求人") + 1 == names.index("类别")
    shown = {
        name or low: cell for name, low, cell in zip(groups, names, row, strict=True) if cell is not None
    }
    assert shown == {
        "工单编号": "(2026)府麻调字第12号", "纠纷类别": "草牧场", "受理渠道": "法院委派", "层级": "镇街",
        "事发地": "府谷县", "受理时间": "2026/11/02 09:00:00", "办理状态": "办理中", "承办": "府谷县麻镇人民调解委员会",
        "紧急程度": "较急", "来文地区": "榆林市", "抄送地区": "包头市", "诉求类型": "矛盾纠纷",
    }  # fmt: skip


def test_the_workbook_carries_a_case_but_for_what_is_told() -> None:
    assert cannot_carry(dialect("150200"), "mediation_case") == (
        "place/longitude=alone", "place/latitude=alone", "continues", "private/parties[…]", "extensions[2…]",
        "sessions[3…]", "escalations[2…]",
    )  # fmt: skip
