"""Alerts: the profile of CAP 1.2."""

from typing import Any

import pytest
from record_examples import body, payload

from hub.errors import Code, Problem
from schemas import record

RING = [[110.0, 39.0], [111.0, 39.0], [111.0, 40.0], [110.0, 40.0], [110.0, 39.0]]
EARLIER = {"sender": "610800", "identifier": "earlier", "sent": "2026-11-21T08:00:00+08:00"}


def area(**changes: Any) -> dict[str, Any]:
    return {**body("alert")["areas"][0], **changes}


def where_refused(**changes: Any) -> str | None:
    with pytest.raises(Problem) as caught:
        record.load(payload("alert", body=body("alert", **changes)))
    assert caught.value.code is Code.INVALID
    return caught.value.where


def accepted(**changes: Any) -> None:
    record.load(payload("alert", body=body("alert", **changes)))


@pytest.mark.parametrize("identifier", ["a b", "a,b", "a<b", "a&b", "a\nb", "a b", "", "x" * 129])
def test_an_identifier_that_cap_could_not_carry_is_refused(identifier: str) -> None:
    assert where_refused(identifier=identifier) == "/body/identifier"


@pytest.mark.parametrize("message_type", ["update", "cancel"])
@pytest.mark.parametrize("references", [[], None])
def test_an_update_or_cancel_needs_references(message_type: str, references: Any) -> None:
    assert where_refused(message_type=message_type, references=references) == "/body/references"
    accepted(message_type=message_type, references=[EARLIER])


def test_references_never_name_the_alert_itself() -> None:
    itself = {**EARLIER, "identifier": body("alert")["identifier"]}
    where = where_refused(message_type="update", references=[EARLIER, itself])
    assert where == "/body/references/1/identifier"


def test_references_never_name_something_later() -> None:
    later = {**EARLIER, "sent": "2026-11-21T00:30:01Z"}
    assert where_refused(message_type="update", references=[later]) == "/body/references/0/sent"
    accepted(message_type="update", references=[{**EARLIER, "sent": "2026-11-21T00:30:00Z"}])
    accepted(message_type="update", references=[later], effective=None)


def test_it_expires_after_it_takes_effect() -> None:
    assert where_refused(expires="2026-11-21T00:30:00Z") == "/body/expires"
    accepted(expires="2026-11-21T00:30:01Z")
    accepted(expires="2020-01-01T00:00:00Z", effective=None)


@pytest.mark.parametrize(
    "geocodes", [None, [], ["6108"], ["610822", "610822"], [610822], ["610822 "], ["010000"]]
)
def test_routing_needs_geocodes_that_are_divisions(geocodes: Any) -> None:
    where = where_refused(areas=[area(geocodes=geocodes, polygon=RING)])
    assert where is not None and where.startswith("/body/areas/0/geocodes")


@pytest.mark.parametrize("areas", [None, [], [None], [{"description": "x"}]])
def test_an_alert_is_about_somewhere(areas: Any) -> None:
    assert where_refused(areas=areas) is not None


def test_a_polygon_and_a_circle_may_be_given() -> None:
    accepted(areas=[area(polygon=RING, circle={"longitude": 110, "latitude": 39.5, "radius_km": 0})])


@pytest.mark.parametrize(
    "polygon",
    [
        RING[:-1],
        RING[:3],
        [RING[0]] * 4,
        [[110, 39], [111, 40], [111, 39], [110, 40], [110, 39]],
        [[110, 39], [111, 39], [181, 40], [110, 39]],
        [[110, 39], [111, 39], [111, 91], [110, 39]],
        [[39, 110], [39, 111], [40, 111], [39, 110]],
        [[110, 39], [111, 39], ["111", 40], [110, 39]],
        [[110, 39], [111, 39], [True, 40], [110, 39]],
        [[110, 39], [111, 39], [111, 40, 5], [110, 39]],
        [[110, 39]] + [[110 + n / 1000, 39 + n * n / 1e6] for n in range(1, 200)] + [[110, 39]],
        "110,39 111,39",
        {},
    ],
)
def test_a_polygon_that_is_none_is_refused(polygon: Any) -> None:
    where = where_refused(areas=[area(polygon=polygon)])
    assert where is not None and where.startswith("/body/areas/0/polygon")


@pytest.mark.parametrize(
    "circle",
    [
        {"longitude": 110, "latitude": 39},
        {"longitude": 110, "latitude": 39, "radius_km": -1},
        {"longitude": 110, "latitude": 139, "radius_km": 1},
        {"longitude": "110", "latitude": 39, "radius_km": 1},
        {"longitude": 110, "latitude": 39, "radius_km": 1, "datum": "GCJ-02"},
    ],
)
def test_a_circle_that_is_none_is_refused(circle: Any) -> None:
    where = where_refused(areas=[area(circle=circle)])
    assert where is not None and where.startswith("/body/areas/0/circle")


@pytest.mark.parametrize(
    "member, value",
    [
        ("status", "Actual"),
        ("message_type", "ack"),
        ("category", []),
        ("category", ["security", "security"]),
        ("category", ["police"]),
        ("category", "security"),
        ("response_types", ["run"]),
        ("urgency", None),
        ("severity", "bad"),
        ("certainty", "very likely"),
        ("colour", "green"),
        ("acknowledge_within", 0),
        ("acknowledge_within", 15.0),
        ("acknowledge_within", "15"),
        ("headline", ""),
        ("headline", "请拨打13912345678"),
        ("description", "x" * 10_001),
        ("duty_phone", "610821199003071234"),
        ("scope", "public"),
    ],
)
def test_a_member_that_is_wrong_is_refused_where_it_stands(member: str, value: Any) -> None:
    where = where_refused(**{member: value})
    assert where is not None and where.startswith(f"/body/{member}")


def test_the_duty_desk_may_have_a_mobile_phone() -> None:
    accepted(duty_phone="13912345678")


REQUIRED = {
    "identifier",
    "status",
    "message_type",
    "category",
    "event",
    "urgency",
    "severity",
    "certainty",
    "expires",
    "headline",
    "areas",
}


@pytest.mark.parametrize("member", sorted(body("alert")))
def test_what_is_not_required_may_be_null_or_absent(member: str) -> None:
    absent = body("alert")
    del absent[member]
    for changed in (absent, {**absent, member: None}):
        if member in REQUIRED:
            with pytest.raises(Problem) as caught:
                record.load(payload("alert", body=changed))
            assert caught.value.where == f"/body/{member}"
        else:
            record.load(payload("alert", body=changed))
