"""A peer that lies, one that asks it, and the others, who must not suffer for it.

The first node lies, the second asks it, the third is honest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from neighbours import Federation, Member, Reply, look_for_trust
from partner import ORDOS, XINZHOU, YULIN

RECORDS = 300
"""In the liar's log: more than a tile of them."""
FIRST = 2
"""The index of the first of them: before it two entries say what trust is in force."""


@pytest.fixture(name="liar")
def a_liar(nodes: Federation) -> Member:
    """The first node, with records for the second one's cities."""
    first = nodes.members[0]
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(ORDOS,)) for _ in range(RECORDS)))
    return first


@pytest.fixture(name="second")
def who_asks(nodes: Federation) -> Member:
    return nodes.members[1]


@pytest.fixture(name="others_do_not_suffer")
def the_others(nodes: Federation, liar: Member, second: Member) -> Any:
    """Whatever the first node did, the third's records come, and the second's own log is whole."""
    yield
    _, _, third = nodes
    look_for_trust(second, third)
    xinzhou = third.world.partner(XINZHOU)
    record = xinzhou.record(to=(ORDOS,))
    xinzhou.deliver(record)
    assert second.round(third).new == 1
    assert second.records(ORDOS)[-1] == record
    second.world.verify()


def flip(at: int) -> Callable[[Reply], None]:
    def change(reply: Reply) -> None:
        body = bytearray(reply.body)
        body[at % len(body)] ^= 1
        reply.body = bytes(body)

    return change


def answer_with(body: bytes) -> Callable[[Reply], None]:
    def change(reply: Reply) -> None:
        reply.body = body

    return change
