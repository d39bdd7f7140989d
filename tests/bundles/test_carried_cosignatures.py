"""Cosignatures that are carried: each side's witness sees the other's log, and the lines find their way home."""

from __future__ import annotations

from datetime import timedelta

import pytest
from carriers import Carrier
from neighbours import Federation, Member
from partner import ORDOS, YULIN

from hub.clock import rfc3339
from hub.errors import Code
from hub.federation.bundles.manifest import Endorsement, Place
from hub.log.checkpoint import cosign, open_checkpoint
from hub.log.note import VerifierKey
from hub.store.neighbours import Cosigned


def cosigned(member: Member) -> list[Cosigned]:
    return member.store.ask(lambda neighbours: neighbours.cosigned())


@pytest.fixture
def first(nodes: Federation) -> Member:
    return nodes.members[0]


@pytest.fixture
def second(nodes: Federation) -> Member:
    return nodes.members[1]


def push(member: Member, count: int = 1) -> None:
    yulin = member.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(count)))


def test_a_witness_cosigns_what_was_carried_and_the_line_comes_home_with_the_next_bundle(
    carrier: Carrier, first: Member, second: Member
) -> None:
    push(first)
    there = carrier.export(first, second)
    assert carrier.bring(second, there).cosigned
    assert carrier.bring(first, carrier.export(second, first)).witnessed
    (line,) = cosigned(first)
    assert (line.witness, line.size) == (second.name, there.size)
    trust = first.world.node.trust()
    witness = VerifierKey.parse(trust.nodes[second.name].witness)
    seen = open_checkpoint(line.checkpoint + line.line, first.world.node.log_verifier, [witness])
    assert seen.size == there.size
    assert len(seen.cosignatures) == 1


def test_the_next_bundle_bears_what_its_log_was_cosigned_with_and_goes_on_from_there(
    carrier: Carrier, first: Member, second: Member
) -> None:
    for _ in range(3):
        push(first, 300)
        there = carrier.export(first, second)
        assert carrier.bring(second, there).cosigned
        assert carrier.bring(first, carrier.export(second, first)).witnessed
        seen = second.store.ask(lambda neighbours: neighbours.witnessed(first.name))
        assert seen is not None
        assert seen.size == there.size


def test_an_old_line_does_not_take_the_place_of_a_newer_one(
    nodes: Federation, carrier: Carrier, first: Member, second: Member
) -> None:
    push(first)
    carrier.bring(second, carrier.export(first, second))
    old = carrier.export(second, first)
    push(first)
    carrier.bring(second, carrier.export(first, second))
    nodes.clock.advance(hours=1)
    new = carrier.export(second, first)
    assert carrier.bring(first, new).witnessed
    (held,) = cosigned(first)
    assert not carrier.bring(first, old).witnessed
    assert cosigned(first) == [held]


def test_a_line_of_the_future_or_by_another_key_is_refused(
    nodes: Federation, carrier: Carrier, first: Member, second: Member
) -> None:
    push(first)
    carrier.bring(second, carrier.export(first, second))
    true = carrier.export(second, first)
    (endorsement,) = true.manifest.cosignatures
    seen = open_checkpoint(endorsement.checkpoint, first.world.node.log_verifier)
    hour = int((nodes.clock() + timedelta(hours=1)).timestamp())
    ahead = cosign(seen.checkpoint, second.name, second.world.node.witness._key, hour)
    for line, code in ((ahead, Code.STALE), (endorsement.line.replace("150600", "140900"), Code.UNKNOWN_KEY)):
        forged = carrier.forge(second, true, cosignatures=(Endorsement(endorsement.checkpoint, line),))
        assert carrier.refusal(first, *forged).code is code
        assert cosigned(first) == []
        assert first.state(second).frontier.size == 0
    assert carrier.bring(first, true).witnessed


def test_a_log_that_has_gone_back_learns_of_it_from_a_bundle_and_is_halted(
    nodes: Federation, carrier: Carrier, first: Member, second: Member
) -> None:
    push(first)
    restored = Member(nodes.twin(first))
    push(first)
    carrier.bring(second, carrier.export(first, second))
    ordos = second.world.partner(ORDOS)
    ordos.deliver(ordos.record(to=(YULIN,)))
    before = restored.store.head().size
    refused = carrier.refusal(restored, *carrier.export(second, first).paths)
    assert refused.code is Code.CONFLICT
    assert "hub recover" in refused.detail
    head = restored.store.head()
    assert head.halted is not None
    assert (head.size, restored.received()) == (before, [])


def test_what_a_peer_says_that_it_knows_is_believed_of_its_newest_bundle_alone(
    nodes: Federation, carrier: Carrier, first: Member, second: Member
) -> None:
    push(first)
    carrier.bring(second, carrier.export(first, second))
    true = carrier.export(second, first)
    carrier.bring(first, true)
    told = first.store.ask(lambda neighbours: neighbours.told(second.name))
    assert told is not None
    assert told.at == true.manifest.made_at
    earlier = rfc3339(nodes.clock() - timedelta(hours=1))
    carrier.hand(first, *carrier.forge(second, true, known=Place(), made_at=earlier))
    assert first.store.ask(lambda neighbours: neighbours.told(second.name)) == told
    later = rfc3339(nodes.clock() + timedelta(seconds=1))
    carrier.hand(first, *carrier.forge(second, true, known=Place(), made_at=later))
    assert carrier.export(first, second).manifest.since == Place()


def test_a_peer_that_says_it_knows_more_than_there_is_gets_everything(
    nodes: Federation, carrier: Carrier, first: Member, second: Member
) -> None:
    push(first)
    true = carrier.export(second, first)
    for known in (Place(10**6, 10**6 - 1), Place(2, 10**6)):
        carrier.hand(first, *carrier.forge(second, true, known=known))
        made = carrier.export(first, second)
        assert (made.manifest.since, made.records) == (Place(), 1)
