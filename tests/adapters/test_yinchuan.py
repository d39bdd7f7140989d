"""Yinchuan: alerts in CAP whose areas name no division, and events as other calendar programs write them."""

from __future__ import annotations

from typing import Any

import icalendar
import pytest
from cap_alerts import ALERT, changed
from city_files import ISSUED, carried, drafts, outcomes, refusals, written

from adapters.cities import dialect, sample
from adapters.drafts import Reason
from adapters.writing import Carried, cannot_carry

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1@yinchuan
SUMMARY:灯会
CATEGORIES:灯会
X-ORGANISER:文旅局
LOCATION:中山公园
X-DIVISION:640104
DTSTART;TZID=Asia/Shanghai:20261212T193000
DTEND;TZID=Asia/Shanghai:20261212T220000
STATUS:TENTATIVE
END:VEVENT
END:VCALENDAR
"""
GEOCODES = """
      <geocode><valueName>GB/T 2260</valueName><value>610822</value></geocode>
      <geocode><valueName>GB/T 2260</valueName><value>150622</value></geocode>"""


def event(old: str = "", new: str = "") -> dict[str, Any]:
    assert old in EVENT
    (draft,) = drafts(outcomes("640100", EVENT.replace(old, new)))
    return dict(draft.body)


def an_event(**members: Any) -> dict[str, Any]:
    return {
        "name": "灯会", "event_type": "fair_or_lantern_show", "organiser": "文旅局",
        "venue": {"name": "中山公园", "division": "640104"}, "state": "planned",
        "sessions": [{"starts_at": "2026-12-12T19:30:00+08:00", "ends_at": "2026-12-12T22:00:00+08:00"}],
        **members,
    }  # fmt: skip


def test_an_alert_that_names_no_division_is_for_the_citys_own_district_and_says_so() -> None:
    (draft,) = drafts(outcomes("640100", changed(GEOCODES, "")))
    assert [area["geocodes"] for area in draft.body["areas"]] == [["640104"]]
    assert [(each.field, each.value) for each in draft.supplied] == [("info/area/geocode", "640104")]
    assert (draft.table, draft.system) == ("alert", "alerts")
    assert set(draft.recipients) == {"640300", "150600", "610800", "620400"}


def test_an_alert_that_names_divisions_keeps_them() -> None:
    (draft,) = drafts(outcomes("640100", ALERT))
    assert draft.body["areas"][0]["geocodes"] == ["610822", "150622"]
    assert draft.supplied == ()


def test_alerts_and_events_are_told_apart_by_what_the_files_hold() -> None:
    assert {draft.table for draft in drafts(outcomes("640100", sample("640100", "alert.xml")))} == {"alert"}
    assert {draft.table for draft in drafts(outcomes("640100", EVENT))} == {"event_security"}


@pytest.mark.parametrize(
    "start",
    [
        "DTSTART;TZID=China Standard Time:20261212T193000",
        "DTSTART:20261212T193000",
        "DTSTART:20261212T113000Z",
        "DTSTART;TZID=Asia/Tokyo:20261212T203000",
    ],
)
def test_a_start_means_the_same_time_however_the_calendar_spells_its_zone(start: str) -> None:
    body = event("DTSTART;TZID=Asia/Shanghai:20261212T193000", start)
    assert body["sessions"][0]["starts_at"] == "2026-12-12T19:30:00+08:00"


def test_a_day_without_a_time_is_refused_not_guessed() -> None:
    text = EVENT.replace("DTSTART;TZID=Asia/Shanghai:20261212T193000", "DTSTART;VALUE=DATE:20261212")
    assert refusals(outcomes("640100", text)) == [("DTSTART", Reason.BAD_TIME)]


def test_the_calendars_own_status_counts_where_the_office_says_nothing_finer() -> None:
    assert event()["state"] == "planned"
    assert event("STATUS:TENTATIVE", "STATUS:CANCELLED")["state"] == "cancelled"
    assert event("STATUS:TENTATIVE", "STATUS:CONFIRMED\nX-STATE:结束")["state"] == "concluded"


def test_roads_and_desks_belong_together_by_their_order_and_blanks_count() -> None:
    lines = (
        "X-ROAD:沈阳路\nX-ROAD:G110\nX-ROAD-FROM:亲水街\nX-ROAD-FROM:镇北堡\nX-ROAD-TO:\nX-ROAD-TO:苏峪口\n"
        "X-ROAD-KIND:封闭\nX-ROAD-KIND:绕行\nX-DESK:治安支队\nX-DESK-PHONE:0951-0000001"
    )
    body = event("STATUS:TENTATIVE", f"STATUS:TENTATIVE\n{lines}")
    assert body["road_control"] == [
        {"road": "沈阳路", "from": "亲水街", "kind": "closed"},
        {"road": "G110", "from": "镇北堡", "to": "苏峪口", "kind": "diversion"},
    ]
    assert body["duty_desks"] == [{"organisation": "治安支队", "phone": "0951-0000001"}]


def test_lists_that_do_not_pair_are_refused() -> None:
    text = EVENT.replace("STATUS:", "X-ROAD:甲\nX-ROAD:乙\nX-ROAD-TO:丙\nX-ROAD-TO:丁\nX-ROAD-TO:戊\nSTATUS:")
    assert refusals(outcomes("640100", text)) == [("X-ROAD-TO", Reason.CONTRADICTION)]


def test_an_event_that_left_the_calendar_is_withdrawn_an_alert_is_not() -> None:
    assert {table.kind: table.vanished for table in dialect("640100").tables} == {
        "alert": "keep",
        "event_security": "withdraw",
    }


def test_the_calendar_carries_all_that_the_kind_has() -> None:
    assert cannot_carry(dialect("640100"), "event_security") == (
        "venue/longitude=alone",
        "venue/latitude=alone",
    )


def test_the_written_calendar_is_one_that_others_read() -> None:
    sessions = [
        {"starts_at": f"2026-12-{day}T19:30:00+08:00", "ends_at": f"2026-12-{day}T22:00:00+08:00", "expected": day}
        for day in (12, 13, 14)
    ]  # fmt: skip
    record = Carried(
        "event_security", an_event(sessions=sessions), number="7", sender="610800", issued_at=ISSUED
    )
    made, losses = written("640100", [record])
    assert losses == []
    (found,) = icalendar.Calendar.from_ical(made["event_security.ics"]).walk("VEVENT")
    assert [str(found[name]) for name in ("UID", "SUMMARY", "X-FROM")] == ["7", "灯会", "榆林市"]
    assert found.decoded("DTSTART").isoformat() == "2026-12-12T11:30:00+00:00"
    assert found.decoded("DTSTAMP") == ISSUED
    assert b"X-NEXT-EXPECTED:13\r\nX-NEXT-EXPECTED:14\r\n" in made["event_security.ics"]
    (again,) = drafts(outcomes("640100", made["event_security.ics"]))
    assert again.body["sessions"] == sessions


@pytest.mark.parametrize("text", ["一\nSTATUS:CANCELLED\nATTACH:x", "二\\n,;\\", "三:甲;\n乙", '四"='])
def test_a_line_break_in_a_text_begins_no_property(text: str) -> None:
    body = an_event(organiser=text, name=text, road_control=[{"road": text}, {"road": text}])
    made, losses = written("640100", [Carried("event_security", body, number="1")])
    assert losses == []
    (again,) = drafts(outcomes("640100", made["event_security.ics"]))
    assert (again.body["organiser"], again.body["state"], again.not_carried) == (text, "planned", ())
    assert again.body["road_control"] == [{"road": text}, {"road": text}]


def test_a_neighbours_alert_is_written_with_its_sender_and_for_whom_it_is() -> None:
    (draft,) = drafts(outcomes("640100", ALERT))
    made, losses = written("640100", [carried(draft)])
    assert losses == []
    (content,) = made.values()
    assert b"<sender>610800.police</sender>" in content
    assert b"<addresses>640300 150600 610800 620400</addresses>" in content
