"""Rings on the ground: simple ones are told from those that cross, touch or repeat themselves."""

import itertools
import random
import time
from fractions import Fraction

import pytest

from schemas.geometry import RING_POSITIONS, is_simple

Point = tuple[int, int]


@pytest.mark.parametrize(
    "ring",
    [
        [(0, 0), (4, 0), (4, 4), (0, 0)],
        [(0, 0), (2, 0), (4, 0), (4, 4), (0, 4), (0, 0)],
        [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4), (0, 0)],
        [(0, 0), (0, 4), (4, 4), (4, 0), (0, 0)],
        [
            (0, 0),
            (6, 0),
            (6, 6),
            (2, 6),
            (2, 2),
            (4, 2),
            (4, 4),
            (3, 4),
            (3, 5),
            (5, 5),
            (5, 1),
            (0, 1),
            (0, 0),
        ],
    ],
)
def test_simple_rings_are_accepted_in_either_direction(ring: list[Point]) -> None:
    assert is_simple(ring)
    assert is_simple(ring[::-1])


@pytest.mark.parametrize(
    "ring",
    [
        [(0, 0), (4, 4), (4, 0), (0, 4), (0, 0)],
        [(0, 0), (4, 0), (2, 0), (0, 0)],
        [(0, 0), (4, 0), (4, 0), (0, 4), (0, 0)],
        [(0, 0), (4, 0), (4, 4), (2, 0), (0, 4), (0, 0)],
        [(0, 0), (2, 2), (4, 0), (4, 4), (2, 2), (0, 4), (0, 0)],
        [(0, 0), (4, 0), (6, 0), (3, 0), (3, 3), (0, 0)],
        [(0, 0), (0, 0), (0, 0), (0, 0)],
        [(0, 0), (4, 0), (4, 4), (5, 4), (4, 4), (0, 4), (0, 0)],
    ],
)
def test_rings_that_cross_touch_or_repeat_themselves_are_refused(ring: list[Point]) -> None:
    assert not is_simple(ring)
    assert not is_simple(ring[::-1])


def _common_points(a: Point, b: Point, c: Point, d: Point) -> set[tuple[Fraction, Fraction]] | None:
    """The points that two segments share, by solving for them exactly; None for a whole stretch."""
    rx, ry, sx, sy = b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]
    cross = rx * sy - ry * sx
    if cross:
        t = Fraction((c[0] - a[0]) * sy - (c[1] - a[1]) * sx, cross)
        u = Fraction((c[0] - a[0]) * ry - (c[1] - a[1]) * rx, cross)
        return {(a[0] + t * rx, a[1] + t * ry)} if 0 <= t <= 1 and 0 <= u <= 1 else set()
    if (c[0] - a[0]) * ry != (c[1] - a[1]) * rx:
        return set()
    low, high = max(min(a, b), min(c, d)), min(max(a, b), max(c, d))
    if low > high:
        return set()
    return {(Fraction(low[0]), Fraction(low[1]))} if low == high else None


def _simple_by_solving(ring: list[Point]) -> bool:
    edges = list(itertools.pairwise(ring))
    if any(a == b for a, b in edges):
        return False
    count = len(edges)
    for i, j in itertools.combinations(range(count), 2):
        shared = _common_points(*edges[i], *edges[j])
        beside = (j - i) in (1, count - 1)
        if shared is None or len(shared) > (1 if beside else 0):
            return False
    return True


def test_small_rings_are_judged_as_exact_arithmetic_judges_them() -> None:
    chance = random.Random(20261121)
    verdicts = set()
    for _ in range(3000):
        corners = [(chance.randrange(5), chance.randrange(5)) for _ in range(chance.randrange(3, 7))]
        ring = [*corners, corners[0]]
        assert is_simple(ring) == _simple_by_solving(ring), ring
        verdicts.add(is_simple(ring))
    assert verdicts == {True, False}


def test_the_worst_ring_costs_milliseconds() -> None:
    half = RING_POSITIONS // 2 - 1
    comb = [(0.0 if n % 2 else 100.0, n / half) for n in range(half)]
    back = [(x + 0.001, y) for x, y in reversed(comb)]
    ring = [*comb, *back, comb[0]]
    started = time.perf_counter()
    is_simple(ring)
    assert time.perf_counter() - started < 0.5
