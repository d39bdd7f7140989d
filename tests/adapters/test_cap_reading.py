"""What an alert says arrives; what is supplied or left behind is named."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from cap_alerts import (
    ALERT,
    changed,
    info,
    only,
    refused,
)

from adapters.cap import CAP_1_1, CAP_1_2, profile, read_cap
from adapters.drafts import Reason


def test_an_alert_with_everything_needs_nothing_supplied() -> None:
    draft = only(read_cap(ALERT.encode(), default_geocodes=["140900"]))
    assert draft.supplied == ()
    assert draft.not_carried == ("sender", "sent", "restriction")
    assert draft.body["areas"] == [
        {"description": "府谷县、准格尔旗", "geocodes": ["610822", "150622"], "polygon": None, "circle": None}
    ]
    assert draft.place.row == 10


def test_reading_twice_gives_the_same_local_number() -> None:
    assert only(read_cap(ALERT.encode())) == only(read_cap(ALERT.encode()))


def test_cap_1_1_is_read_as_1_2_is() -> None:
    assert only(read_cap(changed(CAP_1_2, CAP_1_1))).body == only(read_cap(ALERT.encode())).body


def test_a_missing_headline_is_the_event_and_says_so() -> None:
    draft = only(read_cap(changed("<headline>演练:毗邻检查站加强查控</headline>", "<headline/>")))
    assert draft.body["headline"] == "可疑车辆协查"
    assert [each.field for each in draft.supplied] == ["info/headline"]


def test_a_missing_expiry_is_counted_from_the_latest_start() -> None:
    late = changed("<expires>2026-11-22T08:30:00+08:00</expires>", "<onset>2026-11-25T00:00:00+08:00</onset>")
    draft = only(read_cap(late, expires_after=timedelta(hours=6)))
    assert draft.body["expires"] == "2026-11-25T06:00:00+08:00"
    assert "6 小时" in draft.supplied[0].line()


def test_divisions_are_supplied_only_to_areas_that_name_none() -> None:
    two = changed("</info>", "<area><areaDesc>全市</areaDesc></area></info>")
    draft = only(read_cap(two, default_geocodes=["150600", "140900"]))
    assert [area["geocodes"] for area in draft.body["areas"]] == [["610822", "150622"], ["150600", "140900"]]
    assert [each.field for each in draft.supplied] == ["info/area[2]/geocode"]


def test_an_alert_without_any_area_gets_one_of_the_given_divisions() -> None:
    bare = re.sub("<area>.*</area>", "", ALERT, flags=re.S).encode()
    assert refused(read_cap(bare)) == [("info/area/geocode", Reason.MISSING)]
    draft = only(read_cap(bare, default_geocodes=["150600"]))
    assert draft.body["areas"][0]["geocodes"] == ["150600"]
    assert profile.flaws(draft.body) == []


def test_latitude_comes_first_in_cap_and_longitude_in_the_profile() -> None:
    shapes = "<polygon>39.0,110.0 39.0,111.0 40.0,111.0 39.0,110.0</polygon><circle>39.5,110.5 12.5</circle><geocode>"
    area = only(
        read_cap(
            changed(
                "<geocode><valueName>GB/T 2260</valueName><value>610822",
                shapes + "<valueName>GB/T 2260</valueName><value>610822",
            )
        )
    ).body["areas"][0]
    assert area["polygon"] == [[110.0, 39.0], [111.0, 39.0], [111.0, 40.0], [110.0, 39.0]]
    assert area["circle"] == {"longitude": 110.5, "latitude": 39.5, "radius_km": 12.5}


def test_an_area_of_several_shapes_becomes_several_areas_and_loses_none() -> None:
    shapes = "<circle>39,110 1</circle><circle>40,111 2</circle></area>"
    areas = only(read_cap(changed("</area>", shapes))).body["areas"]
    assert [area["circle"]["radius_km"] for area in areas] == [1.0, 2.0]
    assert [area["geocodes"] for area in areas] == [["610822", "150622"]] * 2


@pytest.mark.parametrize("scheme", ["GB/T 2260", "GB/T2260-2007", "gbt 2260", "GBT_2260", "行政区划代码"])
def test_a_division_is_known_by_the_common_names_of_its_standard(scheme: str) -> None:
    draft = only(read_cap(changed("GB/T 2260", scheme)))
    assert draft.body["areas"][0]["geocodes"] == ["610822", "150622"]


def test_an_old_division_code_is_mapped_and_the_mapping_told() -> None:
    draft = only(read_cap(changed("610822", "610821")))
    assert draft.body["areas"][0]["geocodes"] == ["610881", "150622"]
    assert [(each.field, each.value) for each in draft.supplied] == [("info/area/geocode[1]", "610881")]


def test_the_blocks_of_one_language_are_parts_and_each_becomes_a_draft() -> None:
    english = info().replace("zh-CN", "en-US").replace("可疑车辆协查", "Search for a vehicle")
    second = info().replace("可疑车辆协查", "道路管制")
    report = read_cap(ALERT.replace(info(), english + info() + second).encode())
    assert [draft.body["event"] for draft in report.drafts] == ["可疑车辆协查", "道路管制"]
    first, other = (draft.local_number for draft in report.drafts)
    assert other == f"{first}#2"
    assert all("info[1]" in draft.not_carried for draft in report.drafts)


@pytest.mark.parametrize(
    ("languages", "chosen"),
    [
        (["en-US", "zh-CN"], 1),
        (["en-US", "zh-TW"], 1),
        (["es-US", "en-GB"], 1),
        (["mn-Mong", "es-US"], 0),
        (["fr-CA", ""], 1),
    ],
)
def test_chinese_is_chosen_before_english_and_english_before_others(
    languages: list[str], chosen: int
) -> None:
    blocks = [
        info().replace("zh-CN", language).replace("可疑车辆协查", f"event {number}")
        for number, language in enumerate(languages)
    ]
    report = read_cap(ALERT.replace(info(), "".join(blocks)).encode())
    assert only(report).body["event"] == f"event {chosen}"


def test_parameters_of_this_project_are_read_from_any_sender() -> None:
    given_by = "".join(
        f"<parameter><valueName>cn.border-exchange:{name}</valueName><value>{value}</value></parameter>"
        for name, value in [
            ("colour", "orange"),
            ("duty_phone", "0912-0000000"),
            ("acknowledge_within", "15"),
        ]
    )
    body = only(read_cap(changed("<area>", given_by + "<area>"))).body
    assert (body["colour"], body["duty_phone"], body["acknowledge_within"]) == ("orange", "0912-0000000", 15)


def test_foreign_elements_and_stray_text_are_named() -> None:
    signature = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><X/></Signature></alert>'
    assert "Signature" in only(read_cap(changed("</alert>", signature))).not_carried
    assert "info/text()" in only(read_cap(changed("</info>", "stray</info>"))).not_carried


def test_comments_inside_a_text_do_not_cut_it() -> None:
    draft = only(read_cap(changed("可疑车辆协查", "可疑<!-- 注 --><![CDATA[车辆]]>协查")))
    assert draft.body["event"] == "可疑车辆协查"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-21T08:30:00-00:00", "2026-11-21T08:30:00+00:00"),
        ("2026-11-21T08:30:00Z", "2026-11-21T08:30:00+00:00"),
        ("\n 2026-11-21T08:30:00+08:00 ", "2026-11-21T08:30:00+08:00"),
    ],
)
def test_a_time_is_read_in_the_spellings_that_leave_no_doubt(written: str, read: str) -> None:
    old = "<effective>2026-11-21T08:30:00+08:00"
    assert only(read_cap(changed(old, f"<effective>{written}"))).body["effective"] == read
