"""Places on the ground: WGS 84, longitude first as GeoJSON has it.

A polygon is one ring: closed (the last position is the first), four positions or more, and simple: two of
its edges meet only where they follow each other, and there only in one point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeAlias

from marshmallow import ValidationError
from msgspec import Meta

from schemas.fields import Latitude, Longitude, Member, Number, Scan, Text
from schemas.shape import Shape
from schemas.wording import Wording, refusal

Position: TypeAlias = Sequence[float]

RING_POSITIONS: Final = 200
"""Keeps the check for crossings, quadratic at worst, to milliseconds."""
HALF_ROUND_THE_EARTH_KM: Final = 20_038

_POSITION: Final = Wording("须为 [经度, 纬度],以度为单位", "Must be [longitude, latitude] in degrees.")


class Place(Shape):
    """Where; WGS 84, described without a person's address."""

    longitude = Longitude()
    latitude = Latitude()
    description = Text(300)


class Circle(Shape):
    """A disc: a middle and a radius in kilometres (CAP 1.2, `circle`)."""

    longitude = Longitude(required=True)
    latitude = Latitude(required=True)
    radius_km = Number(0, HALF_ROUND_THE_EARTH_KM, required=True)


class Polygon(Member):
    """A closed, simple ring of [longitude, latitude] (CAP 1.2, `polygon`, which writes latitude first)."""

    scan = Scan.ACCEPT

    def accept(self, value: Any) -> None:
        if type(value) is not list or not 4 <= len(value) <= RING_POSITIONS:
            raise refusal(
                f"须为 4 至 {RING_POSITIONS} 个坐标点的列表",
                f"Must be a list of 4 to {RING_POSITIONS} positions.",
            )
        for index, position in enumerate(value):
            if not _is_position(position):
                raise ValidationError({index: [_POSITION]})
        if list(value[0]) != list(value[-1]):
            raise refusal("须闭合:末点须与首点相同", "Must be closed: the last position must be the first.")
        if not is_simple(value):
            raise refusal("不得自相交、自相接或重复", "Must not cross, touch or repeat itself.")

    def wire_type(self) -> Any:
        east = Annotated[float, Meta(ge=-180, le=180)]
        north = Annotated[float, Meta(ge=-90, le=90)]
        return Annotated[list[tuple[east, north]], Meta(min_length=4, max_length=RING_POSITIONS)]

    def published(self) -> dict[str, Any]:
        return {
            "type": "array",
            "minItems": 4,
            "maxItems": RING_POSITIONS,
            "items": {
                "type": "array",
                "prefixItems": [Longitude().published(), Latitude().published()],
                "minItems": 2,
                "maxItems": 2,
            },
        }


def is_simple(ring: Sequence[Position]) -> bool:
    """Whether a closed ring of at least four positions nowhere crosses, touches or repeats itself."""
    edges = [(tuple(ring[i]), tuple(ring[i + 1])) for i in range(len(ring) - 1)]
    count = len(edges)
    if any(start == end for start, end in edges):
        return False
    for i, (before, corner) in enumerate(edges):
        if _turns_back(before, corner, edges[(i + 1) % count][1]):
            return False
    spans = sorted((min(a[0], b[0]), max(a[0], b[0]), i) for i, (a, b) in enumerate(edges))
    for n, (_, right, i) in enumerate(spans):
        for left, _, j in spans[n + 1 :]:
            if left > right:
                break
            if (i - j) % count not in (1, count - 1) and _meet(*edges[i], *edges[j]):
                return False
    return True


def _is_position(value: Any) -> bool:
    return (
        type(value) is list
        and len(value) == 2
        and all(type(part) in (int, float) for part in value)
        and -180 <= value[0] <= 180
        and -90 <= value[1] <= 90
    )


def _turn(a: Position, b: Position, c: Position) -> float:
    """Positive for a turn to the left at b, negative to the right, nought straight on or back."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _turns_back(a: Position, b: Position, c: Position) -> bool:
    """Whether the edge b-c lies along a-b."""
    ahead = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])
    return ahead < 0 and _turn(a, b, c) == 0


def _meet(a: Position, b: Position, c: Position, d: Position) -> bool:
    """Whether the segments a-b and c-d have a point in common."""
    if max(a[1], b[1]) < min(c[1], d[1]) or max(c[1], d[1]) < min(a[1], b[1]):
        return False
    abc, abd, cda, cdb = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if ((abc > 0) != (abd > 0)) and ((cda > 0) != (cdb > 0)) and abc and abd and cda and cdb:
        return True
    return (
        (abc == 0 and _within(a, b, c))
        or (abd == 0 and _within(a, b, d))
        or (cda == 0 and _within(c, d, a))
        or (cdb == 0 and _within(c, d, b))
    )


def _within(a: Position, b: Position, p: Position) -> bool:
    """Whether p, in line with a and b, lies between them."""
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])
