"""Wuzhong's interface: positions in one text, times in milliseconds, three lists that answer each other."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from adapters.cities import dialect
from adapters.drafts import Draft, Note, Reason, Rejection
from adapters.translation import read
from adapters.writing import Carried, cannot_carry, write

WUZHONG = dialect("640300")
STARTS, ENDS = 1796430600000, 1796446800000
"""2026-12-05 08:30 and 13:00 in China."""
YEAR_202 = -55_767_398_400_000

EVENT = {
    "activityNo": "A-1", "activityName": "冬季马拉松", "activityType": "SPORT", "hostUnit": "吴忠市体育局",
    "venue": {"name": "奥体中心", "areaCode": "640302", "lngLat": "106.214,37.981"},
    "sessions": [{"beginTime": STARTS, "endTime": ENDS, "expected": 12000}],
    "status": "APPROVED", "partnerCodes": "640100,610800",
}  # fmt: skip
REQUEST = {
    "requestNo": "Q-1", "activityNo": "A-1", "needs": [{"type": "POLICE", "count": 40, "beginTime": STARTS}],
    "replyDeadline": STARTS, "partnerCodes": "640100",
}  # fmt: skip
REPLY = {"replyNo": "R-1", "requestNo": "Q-1", "result": "AGREE", "partnerCodes": "610800"}


def reading(**lists: list[Any]) -> list[Any]:
    content = json.dumps({"code": "00000", "data": lists}, ensure_ascii=False).encode()
    return list(read(WUZHONG, io.BytesIO(content)))


def only(found: list[Any]) -> Draft:
    (draft,) = found
    assert isinstance(draft, Draft)
    return draft


def flaws(found: list[Any]) -> list[tuple[str, Reason]]:
    assert not any(isinstance(each, Draft) for each in found)
    return [(each.field, each.reason) for each in found if isinstance(each, Rejection)]


def at(position: Any) -> list[Any]:
    return reading(activities=[{**EVENT, "venue": {**EVENT["venue"], "lngLat": position}}])  # type: ignore[dict-item]


def starting(time: Any) -> list[Any]:
    return reading(activities=[{**EVENT, "sessions": [{"beginTime": time}]}])


def test_a_position_has_the_longitude_first() -> None:
    venue = only(at("106.214, 37.981")).body["venue"]
    assert (venue["longitude"], venue["latitude"]) == (106.214, 37.981)
    assert only(at("１０６．２１４，３７．９８１")).body["venue"] == venue


def test_a_position_with_the_latitude_first_is_refused_and_never_turned_round() -> None:
    (refused,) = at("37.981,106.214")
    assert (refused.field, refused.reason) == ("venue.lngLat", Reason.BAD_GEOMETRY)
    assert "写反" in refused.line()
    assert "swapped" in refused.line("en")
    assert "37.981" not in refused.line() + refused.line("en")


@pytest.mark.parametrize(
    ("position", "reason"),
    [
        ("106.214", Reason.BAD_GEOMETRY),
        ("106.214,37.981,12", Reason.BAD_GEOMETRY),
        ("106.214,", Reason.BAD_NUMBER),
        ("106.214;37.981", Reason.BAD_GEOMETRY),
        ("106°12′,37°58′", Reason.BAD_NUMBER),
        ("206.214,37.981", Reason.INVALID),
        ([106.214, 37.981], Reason.REPEATED),
        ({"lng": 106.214, "lat": 37.981}, Reason.WRONG_FORMAT),
    ],
)
def test_a_position_of_another_form_is_refused(position: Any, reason: Reason) -> None:
    assert flaws(at(position)) == [("venue.lngLat", reason)]


@pytest.mark.parametrize("position", [None, "", "-", "null"])
def test_an_event_without_a_position_goes_through(position: Any) -> None:
    assert "longitude" not in only(at(position)).body["venue"]


def test_half_a_position_is_not_written_and_that_was_foretold() -> None:
    body = only(at(None)).body
    body = {**body, "venue": {**body["venue"], "longitude": 106.2}}
    losses = write(WUZHONG, [Carried("event_security", body, number="A-1")], io.BytesIO())
    assert [loss.path for loss in losses] == ["venue/longitude"]
    assert cannot_carry(WUZHONG, "event_security") == ("venue/longitude=alone", "venue/latitude=alone")


@pytest.mark.parametrize("time", [STARTS, str(STARTS), 1.7964306e12, "１７９６４３０６０００００"])
def test_milliseconds_are_a_time_of_china(time: Any) -> None:
    assert only(starting(time)).body["sessions"] == [{"starts_at": "2026-12-05T08:30:00+08:00"}]


def test_milliseconds_before_1970_are_a_time_too() -> None:
    moment = only(starting(-631_180_800_000)).body["sessions"][0]["starts_at"]
    assert moment == "1950-01-01T00:00:00+08:00"


@pytest.mark.parametrize("time", [STARTS // 1000, str(STARTS // 1000), -(STARTS // 1000), 0, 86_400_000])
def test_seconds_among_milliseconds_are_refused_by_name(time: Any) -> None:
    (refused,) = starting(time)
    assert (refused.field, refused.reason) == ("sessions[0].beginTime", Reason.BAD_TIME)
    assert "秒数" in refused.line()
    assert "seconds" in refused.line("en")


@pytest.mark.parametrize(
    "time",
    [
        YEAR_202,
        STARTS * 1000,
        STARTS * 1_000_000,
        4_102_444_800_000,
        -8_888_888_888_888_888,
        "2026-12-05 08:30",
        "0202-12-05 08:30",
        STARTS + 0.5,
        True,
    ],
)
def test_a_time_of_another_age_unit_or_form_is_refused(time: Any) -> None:
    found = starting(time)
    assert flaws(found) == [("sessions[0].beginTime", Reason.BAD_TIME)]
    assert str(time) not in found[0].line() + found[0].line("en")


def test_a_session_that_ends_before_it_starts_is_told_by_its_member() -> None:
    found = reading(activities=[{**EVENT, "sessions": [{"beginTime": ENDS, "endTime": STARTS}]}])
    assert flaws(found) == [("sessions[0].endTime", Reason.INVALID)]


@pytest.mark.parametrize("code", ["640302", "640302000000", "640302103000", 640302])
def test_a_township_stands_for_its_county(code: Any) -> None:
    found = reading(activities=[{**EVENT, "venue": {"name": "奥体中心", "areaCode": code}}])
    assert only(found).body["venue"]["division"] == "640302"


@pytest.mark.parametrize("code", ["640399", "6403", "640302000", "吴忠", "110000"])
def test_a_division_that_is_not_known_is_refused(code: str) -> None:
    found = reading(activities=[{**EVENT, "venue": {"name": "奥体中心", "areaCode": code}}])
    expected = [] if code == "吴忠" else [("venue.areaCode", Reason.UNKNOWN_DIVISION)]
    assert [(each.field, each.reason) for each in found if isinstance(each, Rejection)] == expected


def test_three_lists_of_one_document_are_three_kinds_that_answer_each_other() -> None:
    found = reading(replies=[REPLY], activities=[EVENT], requests=[REQUEST], total=[7])
    assert [(each.kind, each.local_number, each.subject, each.subject_system) for each in found] == [
        ("assistance_reply", "R-1", "Q-1", "assistance"),
        ("event_security", "A-1", None, ""),
        ("assistance_request", "Q-1", "A-1", "events"),
    ]


def test_the_list_that_a_row_stands_in_says_what_it_is() -> None:
    found = reading(replies=[{**REQUEST, "replyNo": "R-9"}])
    assert not any(isinstance(each, Draft) and each.kind != "assistance_reply" for each in found)
    assert "needs" in " ".join(each.line() for each in found if isinstance(each, Note))


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [("requests", REQUEST, "activityNo"), ("replies", REPLY, "requestNo")],
)
@pytest.mark.parametrize("number", [None, "", "/"])
def test_help_for_no_event_and_a_reply_to_no_request_are_refused(
    name: str, row: dict[str, Any], column: str, number: Any
) -> None:
    assert flaws(reading(**{name: [{**row, column: number}]})) == [(column, Reason.MISSING)]


def test_a_reply_to_a_neighbours_request_names_the_records_id() -> None:
    received = "0199f3a2-7d40-7a11-8c3b-2f9e8d7c6b5a"
    assert only(reading(replies=[{**REPLY, "requestNo": received}])).subject == received


def test_an_event_that_is_gone_is_withdrawn_and_a_request_is_not() -> None:
    assert [table.vanished for table in WUZHONG.tables] == ["withdraw", "keep", "keep"]


def test_what_a_neighbour_sends_comes_in_the_list_of_its_kind() -> None:
    received = "0199f3a2-7d40-7a11-8c3b-2f9e8d7c6b5a"
    record = Carried(
        "assistance_request", {"needs": [{"need": "fire", "quantity": 2}]}, id=received, sender="610800",
        subject="0199f3a2-6b1e-7c55-9d02-3f4a5b6c7d8e",
    )  # fmt: skip
    stream = io.BytesIO()
    assert write(WUZHONG, [record], stream) == []
    assert json.loads(stream.getvalue()) == {
        "data": {
            "requests": [
                {
                    "requestNo": received, "needs": [{"type": "FIRE", "count": 2}], "fromCity": "榆林市",
                    "activityNo": "0199f3a2-6b1e-7c55-9d02-3f4a5b6c7d8e",
                }
            ]
        }
    }  # fmt: skip
