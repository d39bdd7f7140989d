"""Markings: an agreement's highest one allows it and all wider circles, and nothing else."""

import itertools

from schemas.markings import MARKINGS, allows


def test_a_marking_allows_itself_and_what_is_wider() -> None:
    assert MARKINGS == ("clear", "green", "amber", "amber+strict", "red")
    for (high, highest), (low, marking) in itertools.product(enumerate(MARKINGS), repeat=2):
        assert allows(highest, marking) is (low <= high)


def test_what_is_no_marking_neither_allows_nor_is_allowed() -> None:
    assert not allows("purple", "clear")
    assert not allows("red", "purple")
    assert not allows("", "")
