"""Tiles and checkpoints that are not what the log has: nobody's word, and no evidence; nothing is taken on them."""

from __future__ import annotations

from typing import Any

import pytest
import wire
from liars import FIRST, RECORDS, answer_with, flip
from neighbours import Federation, Member, Reply
from partner import ORDOS, WUZHONG, YULIN

from hub.errors import Code
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.tree import leaf_hash
from keys.suite import generate_signing

pytestmark = pytest.mark.usefixtures("others_do_not_suffer")


@pytest.mark.parametrize("at", [0, 32 * 255, -1])
def test_a_forged_tile(liar: Member, second: Member, at: int) -> None:
    second.link(liar).lie("/log/tile/0/", flip(at), signed=False)
    assert second.refusal(liar).code is Code.BAD_SIGNATURE
    assert second.received() == []
    assert second.accusations(liar) == [], "a tile is nobody's word"
    second.link(liar).tell_the_truth()
    assert second.round(liar).new == RECORDS


@pytest.mark.parametrize(
    "body", [b"", b"\0" * 31, b"\0" * 32 * 255, b"\0" * 32 * 257, b"\0" * (32 * 256 + 1)]
)
def test_a_tile_of_another_length(liar: Member, second: Member, body: bytes) -> None:
    second.link(liar).lie("/log/tile/0/", answer_with(body), signed=False)
    assert second.refusal(liar).code is Code.MALFORMED
    assert second.received() == []


def test_leaves_forged_behind_the_place_that_was_folded_last_time(liar: Member, second: Member) -> None:
    """They are no part of what is new, so that the root does not speak for them."""
    link = second.link(liar)
    link.lie_in_items(lambda items: items.pop())
    assert second.round(liar).new == RECORDS - 1
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    link.tell_the_truth()
    at = FIRST + RECORDS - 1
    held = entries.decode(liar.store.lines(at, at + 1)[0])
    assert isinstance(held, entries.Accepted)
    forged = yulin.record(to=(ORDOS,), id=held.id)
    line = liar.store.lines(at, at + 1)[0].replace(held.digest.encode(), wire.digest(forged).encode())
    place = at % 256 * 32

    def forge_tile(reply: Reply) -> None:
        reply.body = reply.body[:place] + leaf_hash(line) + reply.body[place + 32 :]

    def forge_item(items: list[Any]) -> None:
        for item in items:
            if item["index"] == at:
                item.update(entry=line.decode(), record=forged)

    link.lie("/log/tile/0/001", forge_tile, signed=False)
    link.lie_in_items(forge_item)
    assert second.refusal(liar).code is Code.BAD_SIGNATURE
    assert forged not in second.records(ORDOS)


def test_a_size_that_nobody_could_ever_fold(liar: Member, second: Member) -> None:
    huge = Checkpoint(liar.name, 2**62, b"\0" * 32)
    note = sign_checkpoint(huge, liar.world.node._log_key).encode()
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is Code.TOO_LARGE
    assert second.link(liar).asked == ["/log/checkpoint"]


@pytest.mark.parametrize(
    ("note", "code"),
    [
        (b"", Code.MALFORMED),
        (b"<html>not here</html>", Code.MALFORMED),
        (b"\xff\xfe", Code.MALFORMED),
        (b"x" * 100_000, Code.TOO_LARGE),
    ],
)
def test_a_checkpoint_that_is_none(liar: Member, second: Member, note: bytes, code: Code) -> None:
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is code


def test_a_checkpoint_of_another_key(liar: Member, second: Member) -> None:
    checkpoint = Checkpoint(liar.name, RECORDS, b"\0" * 32)
    note = sign_checkpoint(checkpoint, generate_signing()).encode()
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is Code.UNKNOWN_KEY


def test_a_checkpoint_of_another_log(nodes: Federation, liar: Member, second: Member) -> None:
    note = nodes.members[2].world.node.exchange.checkpoint().encode()
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is Code.UNKNOWN_KEY
