"""Information on major events, shared so that neighbours can lend forces and control roads.

Types and thresholds are those of the Regulations on the Security of Large-scale Public Activities: art. 2
the types, art. 12 who permits (1,000 to under 5,000 expected: county; 5,000 and more: city; across
provinces: ministry), art. 15 what changes need a new permit. A permit from another authority than art. 12
says is a warning to the sender, never a refusal and never a silent fix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.codes import COLOUR, CodeList
from schemas.fields import (
    Code,
    Count,
    DateTime,
    Division,
    Flag,
    Latitude,
    Longitude,
    Many,
    OpenCode,
    Part,
    Text,
)
from schemas.rules import ends_after_it_starts
from schemas.shape import Shape, Warning

EVENT_TYPE: Final = CodeList(
    "event_type",
    ("sports", "performance", "exhibition", "fair_or_lantern_show", "recruitment_or_lottery", "other"),
)
AUTHORITY: Final = CodeList("permit_authority", ("county", "city", "ministry"))
PERMIT_STATE: Final = CodeList("permit_state", ("applied", "granted", "refused", "revoked"), open=True)
ROAD_CONTROL: Final = CodeList(
    "road_control",
    ("closed", "one_way", "heavy_vehicles", "no_parking", "checkpoint", "diversion"),
    open=True,
)
DESK_ROLE: Final = CodeList(
    "desk_role", ("command", "security", "traffic", "fire", "medical", "liaison"), open=True
)
EVENT_STATE: Final = CodeList("event_state", ("planned", "permitted", "changed", "cancelled", "concluded"))
CHANGE: Final = CodeList("change", ("time", "place", "content", "scale"))

COUNTY_FROM: Final = 1_000
CITY_FROM: Final = 5_000
MOST_PEOPLE: Final = 10_000_000


class Venue(Shape):
    """Where it takes place; WGS 84."""

    name = Text(200, required=True)
    division = Division(required=True)
    longitude = Longitude()
    latitude = Latitude()
    capacity = Count(MOST_PEOPLE)


class EventSession(Shape):
    """One of its sessions and how many are expected."""

    rules = (ends_after_it_starts,)

    starts_at = DateTime()
    ends_at = DateTime()
    expected = Count(MOST_PEOPLE)


class Permit(Shape):
    """Who permits it (art. 12)."""

    authority = Code(AUTHORITY)
    number = Text(100, official=True)
    state = OpenCode(PERMIT_STATE)


class RoadControl(Shape):
    """A stretch of road under control."""

    rules = (ends_after_it_starts,)

    road = Text(100)
    from_ = Text(200, wire="from")
    to = Text(200)
    starts_at = DateTime()
    ends_at = DateTime()
    kind = OpenCode(ROAD_CONTROL)


class DutyDesk(Shape):
    """Whom to call: a desk, never a person."""

    organisation = Text(200)
    role = OpenCode(DESK_ROLE)
    phone = Text(64, phone=True)


class EventSecurity(Shape):
    """A major event and what is done for its security."""

    name = Text(200, required=True)
    event_type = Code(EVENT_TYPE, required=True)
    organiser = Text(200, required=True)
    venue = Part(Venue, required=True)
    sessions = Many(Part(EventSession), 100, required=True)
    permit = Part(Permit)
    risk = Code(COLOUR)
    stewards = Count(MOST_PEOPLE)
    screening = Flag()
    road_control = Many(Part(RoadControl), 100)
    duty_desks = Many(Part(DutyDesk), 32)
    state = Code(EVENT_STATE, required=True)
    change = Code(CHANGE)


def permit_warnings(body: Mapping[str, Any]) -> Iterator[Warning]:
    """Art. 12 against the permit. Whether an event crosses provinces is not in the body: a ministry's passes."""
    expected = max((session.get("expected") or 0 for session in body["sessions"]), default=0)
    stated = (body.get("permit") or {}).get("authority")
    if stated not in ("county", "city"):
        return
    if expected >= CITY_FROM and stated != "city":
        yield Warning(
            "permit-authority",
            "/body/permit/authority",
            "单场预计参加人数达到5000人以上的，由设区的市级公安机关许可（《大型群众性活动安全管理条例》第十二条）。",
            "With 5,000 or more expected at a session, the city's public security permits (Regulations, art. 12).",
        )
    elif COUNTY_FROM <= expected < CITY_FROM and stated != "county":
        yield Warning(
            "permit-authority",
            "/body/permit/authority",
            "单场预计参加人数1000人以上不足5000人的，由县级公安机关许可（《大型群众性活动安全管理条例》第十二条）。",
            "With 1,000 to under 5,000 expected at a session, the county's public security permits"
            " (Regulations, art. 12).",
        )
