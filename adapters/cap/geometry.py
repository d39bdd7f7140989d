"""Shapes on the map: CAP writes `latitude,longitude`, the profile `[longitude, latitude]`; both are WGS 84.

Only the form is judged here (pairs in range, a closed ring of four points or more, CAP 1.2 §3.2.4); whether
a ring crosses itself is for the schema of the profile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

_NUMBER: Final = r"[+-]?[0-9]{1,20}(?:\.[0-9]+)?"
_PAIR: Final = re.compile(rf"({_NUMBER}),({_NUMBER})")
_CIRCLE: Final = re.compile(rf"({_NUMBER},{_NUMBER})\s+({_NUMBER})")


def polygon_of(text: str) -> list[list[float]] | None:
    """The closed ring of a `polygon` element, or None if it is none."""
    points = [_point(pair) for pair in text.split()]
    ring = [point for point in points if point is not None]
    if len(ring) != len(points) or len(ring) < 4 or ring[0] != ring[-1]:
        return None
    return ring


def circle_of(text: str) -> dict[str, float] | None:
    """The circle of a `circle` element (radius in kilometres, 0 for a point), or None if it is none."""
    parts = _CIRCLE.fullmatch(text.strip())
    if parts is None:
        return None
    point, radius = _point(parts.group(1)), float(parts.group(2))
    if point is None or radius < 0:
        return None
    return {"longitude": point[0], "latitude": point[1], "radius_km": radius}


def polygon_text(ring: Sequence[Sequence[float]]) -> str:
    """A ring of [longitude, latitude] points as CAP writes it."""
    return " ".join(f"{_decimal(latitude)},{_decimal(longitude)}" for longitude, latitude in ring)


def circle_text(circle: dict[str, Any]) -> str:
    """A circle as CAP writes it."""
    point = f"{_decimal(circle['latitude'])},{_decimal(circle['longitude'])}"
    return f"{point} {_decimal(circle['radius_km'])}"


def _point(pair: str) -> list[float] | None:
    numbers = _PAIR.fullmatch(pair)
    if numbers is None:
        return None
    latitude, longitude = float(numbers.group(1)), float(numbers.group(2))
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return [longitude, latitude]


def _decimal(number: float) -> str:
    """A number without exponent that reads back as the same float."""
    return format(Decimal(repr(number)), "f")
