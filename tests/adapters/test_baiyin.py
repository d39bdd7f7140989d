"""Baiyin: one list of grid events holds records of two kinds and others of none; observers are not named."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from city_files import carried, drafts, outcomes, refusals, rows_told, written

from adapters.cities import sample
from adapters.drafts import Note, Reason, Rejection

DISPUTE = {
    "事件编号": "SJ20261018-00013", "事件大类": "矛盾纠纷", "事件小类": "灌溉用水", "事件标题": "供水争议",
    "事件描述": "两村争水。", "网格编码": "620421104201003", "发生日期": "2026年10月17日",
    "受理时间": "2026.10.18 9:20", "处置层级": "二级网格", "事件状态": "处置中", "处置部门": "刘川镇综治中心",
    "处置时限": "2026.11.18", "处置措施": "错峰供水",
}  # fmt: skip
HAZARD = {**DISPUTE, "事件编号": "SJ20261022-00009", "事件大类": "安全隐患", "事件小类": "尾矿库"}
OTHER = {**DISPUTE, "事件编号": "SJ20261107-00021", "事件大类": "民生诉求", "事件小类": "供暖"}
LEAD: dict[str, Any] = {
    "clueNo": "YXWG-6204-2026-0311", "domain": "水环境", "riverSection": "黄河干流靖远段", "areaCode": "620421",
    "site": "下游排水口", "location": "104.69,36.58", "foundDate": "2026-10-12", "clueDesc": "外排废水呈灰白色。",
    "status": "0", "volunteer": {"name": "祁某", "phone": "13900000041"},
}  # fmt: skip


def events(*rows: dict[str, str]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode("utf-8-sig")


def leads(**members: Any) -> list[Any]:
    return outcomes("620400", json.dumps({"data": {"records": [{**LEAD, **members}]}}, ensure_ascii=False))


def test_disputes_and_hazards_in_any_order_become_records_of_their_kinds_and_the_rest_is_counted() -> None:
    found = outcomes(
        "620400", events(HAZARD, OTHER, DISPUTE, {**HAZARD, "事件编号": "2"}, {**DISPUTE, "事件编号": "3"})
    )
    assert refusals(found) == []
    assert [draft.kind for draft in drafts(found)] == [
        "joint_inspection",
        "mediation_case",
        "joint_inspection",
        "mediation_case",
    ]
    assert [note.rows for note in found if isinstance(note, Note) and note.rows] == [1]


def test_every_row_of_the_list_is_accounted_for() -> None:
    content = sample("620400", "mediation_case.csv")
    rows = len(list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))) - 1
    assert rows_told(outcomes("620400", content)) == rows


def test_a_column_means_to_each_kind_what_it_has_there() -> None:
    dispute, hazard = drafts(outcomes("620400", events(DISPUTE, HAZARD)))
    assert (dispute.body["state"], dispute.body["due_at"]) == ("mediating", "2026-11-18T18:00:00+08:00")
    assert (hazard.body["state"], hazard.body["due_on"]) == ("rectifying", "2026-11-18")
    assert (dispute.body["division"], hazard.body["division"]) == ("620421", "620421")


def test_what_a_kind_does_not_take_from_the_list_is_named_though_the_other_takes_it() -> None:
    dispute, hazard = drafts(outcomes("620400", events(DISPUTE, HAZARD)))
    assert dispute.not_carried == ("处置措施",)
    assert set(hazard.not_carried) == {"事件标题", "受理时间", "处置层级"}


def test_a_dispute_that_does_not_say_how_it_came_was_reported_by_the_grid() -> None:
    (draft,) = drafts(outcomes("620400", events(DISPUTE)))
    assert (draft.body["source"], [each.field for each in draft.supplied]) == ("grid_report", ["source"])
    (draft,) = drafts(outcomes("620400", events({**DISPUTE, "上报方式": "公安推送"})))
    assert (draft.body["source"], draft.supplied) == ("police_transfer", ())


def test_a_list_of_one_kind_is_not_told_to_lack_the_columns_of_the_other() -> None:
    found = drafts(outcomes("620400", sample("620400", "mediation_case.csv")))
    made, losses = written("620400", [carried(draft) for draft in found])
    assert losses == []
    assert set(made) == {"mediation_case.csv", "joint_inspection.csv"}
    for name, content in made.items():
        again = outcomes("620400", content, name)
        assert [each.line() for each in again if isinstance(each, Rejection)] == []
        assert {f"{draft.kind}.csv" for draft in drafts(again)} == {name}


def test_a_dispute_and_a_hazard_never_share_a_number() -> None:
    found = outcomes("620400", events(DISPUTE, {**HAZARD, "事件编号": DISPUTE["事件编号"]}))
    assert refusals(found) == [("事件编号", Reason.DUPLICATE_NUMBER)]


@pytest.mark.parametrize("code", ["620421", "620421104", "620421104201", "620421104201003"])
def test_the_code_of_a_grid_tells_its_county(code: str) -> None:
    (draft,) = drafts(outcomes("620400", events({**DISPUTE, "网格编码": code})))
    assert draft.body["division"] == "620421"


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("网格编码", "62042110", Reason.BAD_TEXT),
        ("网格编码", "629999104201", Reason.UNKNOWN_DIVISION),
        ("事件小类", "尾矿库", Reason.UNKNOWN_CODE),
        ("处置层级", "四级网格", Reason.UNKNOWN_CODE),
        ("受理时间", "2026.10.18", Reason.BAD_TIME),
        ("受理时间", "0202.10.18 9:20", Reason.BAD_TIME),
        ("事件编号", "WG620422202611060004", Reason.INVALID),
    ],
)
def test_an_event_that_is_wrong_is_refused_by_its_column(column: str, cell: str, reason: Reason) -> None:
    found = outcomes("620400", events({**DISPUTE, column: cell}))
    assert (drafts(found), refusals(found)) == ([], [(column, reason)])


def test_a_hazard_without_a_word_about_it_is_refused() -> None:
    found = outcomes("620400", events({**HAZARD, "事件描述": "/"}))
    assert refusals(found) == [("事件描述", Reason.MISSING)]


def test_who_sent_a_lead_in_is_carried_nowhere() -> None:
    (draft,) = drafts(leads())
    assert draft.kind == "ecology_lead"
    assert draft.private is None
    assert "祁某" not in json.dumps(draft.body, ensure_ascii=False)
    assert draft.not_carried == ("volunteer",)


def test_an_observer_who_writes_his_phone_into_the_lead_has_it_refused_by_name() -> None:
    found = leads(clueDesc="联系我 139 0000 0041。")
    assert refusals(found) == [("clueDesc", Reason.INVALID)]
    assert all("0041" not in each.line() for each in found)


def test_swapped_coordinates_of_a_lead_are_refused_not_turned_round() -> None:
    assert refusals(leads(location="36.58,104.69")) == [("location", Reason.BAD_GEOMETRY)]


def test_evidence_is_named_by_its_digest_and_a_wrong_digest_is_told_in_its_place() -> None:
    digest = "9f" * 32
    (draft,) = drafts(leads(attachments=[{"fileName": "照片1.jpg", "sha256": digest}]))
    assert draft.body["evidence"] == [{"name": "照片1.jpg", "sha256": digest}]
    found = leads(attachments=[{"sha256": digest}, {"fileName": "照片2.jpg", "sha256": "9f"}])
    assert refusals(found) == [("attachments[1].sha256", Reason.INVALID)]
