"""Warnings between cities: a profile of CAP 1.2 (OASIS, Common Alerting Protocol).

Rules beside those of each member:
1. an update or a cancel names what it updates or cancels (CAP 1.2, 3.2.1 `references`);
2. `references` never names the alert itself, nor anything sent after it takes effect;
3. it expires after it takes effect;
4. every area has a geocode, so that routing never needs a polygon.

An alert is always restricted to its recipients; CAP's `scope` and `restriction` are therefore not members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from schemas.codes import COLOUR, CodeList
from schemas.fields import Code, Count, DateTime, Division, Many, Part, Text
from schemas.geometry import Circle, Polygon
from schemas.shape import Breach, Shape
from schemas.wording import Wording

STATUS: Final = CodeList("status", ("actual", "exercise", "system", "test", "draft"))
MESSAGE_TYPE: Final = CodeList("message_type", ("alert", "update", "cancel"))
CATEGORY: Final = CodeList(
    "category",
    (
        "geo",
        "met",
        "safety",
        "security",
        "rescue",
        "fire",
        "health",
        "env",
        "transport",
        "infra",
        "cbrne",
        "other",
    ),
)
RESPONSE_TYPE: Final = CodeList(
    "response_type",
    ("shelter", "evacuate", "prepare", "execute", "avoid", "monitor", "assess", "all_clear", "none"),
)
URGENCY: Final = CodeList("urgency", ("immediate", "expected", "future", "past", "unknown"))
SEVERITY: Final = CodeList("severity", ("extreme", "severe", "moderate", "minor", "unknown"))
CERTAINTY: Final = CodeList("certainty", ("observed", "likely", "possible", "unlikely", "unknown"))

_IDENTIFIER: Final = r"[^\s,<&]+"
_WITHOUT: Final = Wording("不含空格、逗号、< 和 & 的文字", "without spaces, commas, < and &")

WEEK_MINUTES: Final = 7 * 24 * 60


class Reference(Shape):
    """An earlier message, by CAP's triple."""

    sender = Text(128, pattern=_IDENTIFIER, form=_WITHOUT, required=True)
    identifier = Text(128, official=True, pattern=_IDENTIFIER, form=_WITHOUT, required=True)
    sent = DateTime(required=True)


class Area(Shape):
    """Where it holds: divisions, and if need be a polygon or a circle."""

    description = Text(500)
    geocodes = Many(Division(), 200, least=1, distinct=True, required=True)
    polygon = Polygon()
    circle = Part(Circle)


def names_what_it_changes(body: Mapping[str, Any]) -> Iterator[Breach]:
    """Rule 1."""
    if body["message_type"] != "alert" and not body.get("references"):
        yield Breach(
            ("references",),
            Wording("更新或解除须引用所变更的预警", "An update or a cancel must name what it changes."),
        )


def names_only_earlier_ones(body: Mapping[str, Any]) -> Iterator[Breach]:
    """Rule 2. The sender is not in the body, so the identifier alone is compared."""
    effective = body.get("effective")
    for index, reference in enumerate(body.get("references") or ()):
        if reference["identifier"] == body["identifier"]:
            yield Breach(
                ("references", index, "identifier"),
                Wording("不得引用自身", "Must not name the alert itself."),
            )
        if effective and datetime.fromisoformat(reference["sent"]) > datetime.fromisoformat(effective):
            yield Breach(
                ("references", index, "sent"),
                Wording("不得晚于 effective", "Must not be later than effective."),
            )


def expires_after_effective(body: Mapping[str, Any]) -> Iterator[Breach]:
    """Rule 3."""
    effective = body.get("effective")
    if effective and datetime.fromisoformat(body["expires"]) <= datetime.fromisoformat(effective):
        yield Breach(("expires",), Wording("须晚于 effective", "Must be later than effective."))


class Alert(Shape):
    """A warning, its update or its cancellation."""

    rules = (names_what_it_changes, names_only_earlier_ones, expires_after_effective)

    identifier = Text(128, official=True, pattern=_IDENTIFIER, form=_WITHOUT, required=True)
    status = Code(STATUS, required=True)
    message_type = Code(MESSAGE_TYPE, required=True)
    references = Many(Part(Reference), 32)
    category = Many(Code(CATEGORY), 12, least=1, distinct=True, required=True)
    event = Text(200, required=True)
    response_types = Many(Code(RESPONSE_TYPE), 9, distinct=True)
    urgency = Code(URGENCY, required=True)
    severity = Code(SEVERITY, required=True)
    certainty = Code(CERTAINTY, required=True)
    effective = DateTime()
    onset = DateTime()
    expires = DateTime(required=True)
    headline = Text(300, required=True)
    description = Text(10_000)
    instruction = Text(10_000)
    areas = Many(Part(Area), 32, least=1, required=True)
    colour = Code(COLOUR)
    duty_office = Text(200)
    duty_phone = Text(64, phone=True)
    acknowledge_within = Count(WEEK_MINUTES, least=1)
