"""What is there and wrong is refused, by element, with all flaws of a file at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cap_alerts import (
    ALERT,
    changed,
    info,
    refused,
)

from adapters.cap import read_cap
from adapters.drafts import Reason
from hub.errors import Problem

FLAWS = {
    "no identifier": ("61080041600000_20261121083000", " ", "identifier", Reason.MISSING),
    "identifier with a space": ("61080041600000_", "61 08", "identifier", Reason.BAD_TEXT),
    "sender with a comma": ("610800.police", "a,b", "sender", Reason.BAD_TEXT),
    "no sent": ("<sent>2026-11-21T08:30:00+08:00</sent>", "", "sent", Reason.MISSING),
    "time without an offset": (
        "<effective>2026-11-21T08:30:00+08:00",
        "<effective>2026-11-21T08:30:00",
        "info/effective",
        Reason.BAD_TIME,
    ),
    "a day that is not": (
        "<effective>2026-11-21",
        "<effective>2026-02-30",
        "info/effective",
        Reason.BAD_TIME,
    ),
    "unknown status": ("Exercise", "Drill", "status", Reason.UNKNOWN_CODE),
    "an answer": ("<msgType>Alert", "<msgType>Ack", "msgType", Reason.OUTSIDE_SCHEMA),
    "unknown scope": ("<scope>Restricted", "<scope>Secret", "scope", Reason.UNKNOWN_CODE),
    "unknown category": ("<category>Security", "<category>Terror", "info/category", Reason.UNKNOWN_CODE),
    "no category": ("<category>Security</category>", "", "info/category", Reason.MISSING),
    "no event": ("<event>可疑车辆协查</event>", "<event> </event>", "info/event", Reason.MISSING),
    "unknown response": ("Monitor", "Shoot", "info/responseType", Reason.UNKNOWN_CODE),
    "no urgency": ("<urgency>Immediate</urgency>", "", "info/urgency", Reason.MISSING),
    "a misspelt element": ("expires>", "expire>", "info/expire", Reason.UNKNOWN_FIELD),
    "two headlines": ("<headline>", "<headline>x</headline><headline>", "info/headline[2]", Reason.REPEATED),
    "markup in a text": ("可疑车辆", "可疑<event/>", "info/event", Reason.BAD_TEXT),
    "update without references": ("<msgType>Alert", "<msgType>Update", "references", Reason.MISSING),
    "an unknown division": ("610822", "999999", "info/area/geocode[1]", Reason.UNKNOWN_DIVISION),
    "a township's code": ("610822", "610822101000", "info/area/geocode[1]", Reason.UNKNOWN_DIVISION),
    "no area description": (
        "<areaDesc>府谷县、准格尔旗</areaDesc>",
        "",
        "info/area/areaDesc",
        Reason.MISSING,
    ),
    "an open ring": (
        "</area>",
        "<polygon>1,1 1,2 2,2 2,1</polygon></area>",
        "info/area/polygon",
        Reason.BAD_GEOMETRY,
    ),
    "a triangle of three": (
        "</area>",
        "<polygon>1,1 1,2 1,1</polygon></area>",
        "info/area/polygon",
        Reason.BAD_GEOMETRY,
    ),
    "a ring that crosses itself": (
        "</area>",
        "<polygon>0,0 1,1 1,0 0,1 0,0</polygon></area>",
        "info/area/polygon",
        Reason.INVALID,
    ),
    "latitude over 90": (
        "</area>",
        "<circle>110,39 1</circle></area>",
        "info/area/circle",
        Reason.BAD_GEOMETRY,
    ),
    "a circle of no radius": (
        "</area>",
        "<circle>39,110</circle></area>",
        "info/area/circle",
        Reason.BAD_GEOMETRY,
    ),
    "not a number": ("</area>", "<circle>39,nan 1</circle></area>", "info/area/circle", Reason.BAD_GEOMETRY),
    "a headline too long": ("演练:毗邻", "长" * 400, "info/headline", Reason.INVALID),
    "a mobile phone in a text": ("演练:毗邻", "请致电 13900000000", "info/headline", Reason.INVALID),
    "an expiry before the start": ("2026-11-22T08:30", "2026-11-20T08:30", "info/expires", Reason.INVALID),
}


@pytest.mark.parametrize(("old", "new", "field", "reason"), FLAWS.values(), ids=FLAWS)
def test_what_is_there_and_wrong_is_refused_and_named(old: str, new: str, field: str, reason: Reason) -> None:
    report = read_cap(changed(old, new), default_geocodes=["150600"])
    assert (field, reason) in refused(report)
    assert all(
        "13900000000" not in flaw.line(language) for flaw in report.rejections for language in ("zh", "en")
    )


@pytest.mark.parametrize(
    "references",
    [
        "610800.police,1",
        "610800.police, 1,2026-11-20T08:30:00+08:00",
        "610800.police,1,yesterday",
        "610800.police,,2026-11-20T08:30:00+08:00",
        "x",
    ],
)
def test_a_reference_that_is_no_triple_is_refused(references: str) -> None:
    report = read_cap(changed("<info>", f"<references>{references}</references><info>"))
    assert refused(report) == [("references", Reason.BAD_TEXT)]


@pytest.mark.parametrize(
    "reference",
    [
        "610800.police,61080041600000_20261121083000,2026-11-21T00:30:00-00:00",
        "610800.police,another,2026-11-21T08:30:01+08:00",
    ],
    ids=["itself", "something later"],
)
def test_an_alert_may_not_refer_to_itself_or_to_what_came_later(reference: str) -> None:
    report = read_cap(changed("<info>", f"<references>{reference}</references><info>"))
    assert refused(report) == [("references", Reason.CONTRADICTION)]


def test_all_flaws_of_a_file_are_told_at_once_in_the_order_of_its_lines() -> None:
    text = ALERT.replace("Exercise", "Drill").replace("Severe", "Bad").replace("610822", "abc")
    assert [flaw.place.row for flaw in read_cap(text.encode()).rejections] == [6, 16, 23]


def test_a_parameter_that_contradicts_its_element_is_refused() -> None:
    forged = (
        "<parameter><valueName>cn.border-exchange:expires</valueName>"
        "<value>2030-01-01T00:00:00.5Z</value></parameter><area>"
    )
    assert refused(read_cap(changed("<area>", forged))) == [("info/parameter", Reason.CONTRADICTION)]


def test_one_flaw_among_several_parts_leaves_no_draft() -> None:
    broken = info().replace("Severe", "Bad")
    assert refused(read_cap(ALERT.replace(info(), info() + broken).encode())) == [
        ("info[2]/severity", Reason.UNKNOWN_CODE)
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<feed xmlns="http://www.w3.org/2005/Atom"><entry/></feed>', Reason.SEVERAL_UNITS),
        ('<EDXLDistribution xmlns="urn:oasis:names:tc:emergency:EDXL:DE:1.0"/>', Reason.SEVERAL_UNITS),
        ("<html/>", Reason.WRONG_FORMAT),
        ("<alert/>", Reason.WRONG_VERSION),
        ('<alert xmlns="http://www.incident.com/cap/1.0"/>', Reason.WRONG_VERSION),
        ('<alert xmlns="urn:oasis:names:tc:emergency:cap:1.3"/>', Reason.WRONG_VERSION),
        ("", Reason.NOT_XML),
        ("not xml", Reason.NOT_XML),
        (ALERT[:-20], Reason.NOT_XML),
        (ALERT + ALERT, Reason.NOT_XML),
    ],
)
def test_what_is_no_single_alert_is_refused_by_name(text: str, reason: Reason) -> None:
    report = read_cap(text.encode())
    assert [flaw.reason for flaw in report.rejections] == [reason]


@pytest.mark.parametrize(
    "arguments",
    [{"default_geocodes": ["61080"]}, {"default_geocodes": ["榆林"]}, {"expires_after": timedelta()}],
)
def test_a_wrong_argument_is_a_problem_and_not_a_rejection(arguments: Any) -> None:
    with pytest.raises(Problem):
        read_cap(ALERT.encode(), **arguments)
