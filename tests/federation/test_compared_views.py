"""What one node is shown of a log in different places is held against each other: witness, rounds and lane."""

from __future__ import annotations

import pytest
from neighbours import Federation, Member
from partner import ORDOS, XINZHOU, YULIN, World

from hub.errors import Code
from hub.federation import evidence
from hub.log.checkpoint import open_checkpoint, submission
from hub.log.tile import consistency_proof
from hub.witness import WitnessAnswer


@pytest.fixture
def first(nodes: Federation) -> Member:
    return nodes.members[0]


@pytest.fixture
def second(nodes: Federation) -> Member:
    return nodes.members[1]


def grow(world: World, to: str, count: int = 1) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(*(yulin.record("event_security", to=(to,)) for _ in range(count)))


def shown(world: World) -> str:
    return world.node.exchange.checkpoint()


def submit(member: Member, shower: World, old: int = 0) -> WitnessAnswer:
    """Have a member's witness cosign what a node shows now."""
    note, witness = shown(shower), member.world.node.witness
    size = open_checkpoint(note, shower.node.log_verifier).size
    proof = consistency_proof(old, size, shower.node.exchange.tile) if old else []
    return witness.add_checkpoint(submission(old, proof, note), member.world.clock())


def check_proven(member: Member, peer: Member) -> None:
    (kept,) = member.accusations(peer)
    found = evidence.verify(kept.document, member.world.node.trust())
    assert (found.kind, found.proven) == ("fork", True)
    assert member.state(peer).cut_at is not None


def test_what_rounds_folded_contradicts_another_checkpoint_at_the_witness(
    nodes: Federation, first: Member, second: Member
) -> None:
    twin = nodes.twin(first)
    grow(first.world, XINZHOU)
    grow(twin, ORDOS)
    second.round(first)
    assert submit(second, twin).status == 403
    check_proven(second, first)
    assert submit(second, twin).status == 403
    assert len(second.accusations(first)) == 1
    assert second.store.ask(lambda neighbours: neighbours.witnessed(first.name)) is None
    second.neighbourhood().readmit(first.name, anew=False)
    assert submit(second, twin).status == 403, "what a person has judged is not cosigned either"
    assert second.state(first).cut_at is None


@pytest.mark.parametrize("more", [0, 3, 300])
def test_what_was_cosigned_contradicts_what_a_round_folds(
    nodes: Federation, first: Member, second: Member, more: int
) -> None:
    twin = nodes.twin(first)
    grow(first.world, ORDOS, 1 + more)
    grow(twin, XINZHOU)
    assert submit(second, twin).status == 200
    assert second.refusal(first).code is Code.CONFLICT
    assert second.received() == []
    check_proven(second, first)


def test_what_is_cosigned_after_a_round_is_found_by_one_at_rest(
    nodes: Federation, first: Member, second: Member
) -> None:
    twin = nodes.twin(first)
    grow(first.world, XINZHOU, 5)
    grow(twin, ORDOS)
    second.round(first)
    second.round(first)
    assert submit(second, twin).status == 200, "that of another size cannot be told yet"
    assert second.refusal(first).code is Code.CONFLICT
    check_proven(second, first)


def test_a_larger_one_that_was_cosigned_is_waited_for_and_then_found_out(
    nodes: Federation, first: Member, second: Member
) -> None:
    twin = nodes.twin(first)
    grow(first.world, XINZHOU)
    grow(twin, XINZHOU, 5)
    assert submit(second, twin).status == 200
    assert second.refusal(first).code is Code.BUSY
    grow(first.world, XINZHOU, 9)
    assert second.refusal(first).code is Code.CONFLICT
    check_proven(second, first)


def test_an_alert_that_the_lane_took_contradicts_another_checkpoint_at_the_witness(
    nodes: Federation, first: Member, second: Member
) -> None:
    twin = nodes.twin(first)
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    second.lane(first)
    ahead = second.store.ask(lambda neighbours: neighbours.lane(first.name))
    assert ahead is not None
    size = open_checkpoint(ahead, first.world.node.log_verifier).size
    while twin.node.store.head().size < size:
        grow(twin, XINZHOU)
    assert submit(second, twin).status == 403
    check_proven(second, first)


def test_an_honest_log_that_is_witnessed_all_the_time_costs_one_request_at_rest(
    first: Member, second: Member
) -> None:
    grow(first.world, ORDOS, 3)
    old = 0
    for _ in range(3):
        grow(first.world, XINZHOU, 300)
        assert submit(second, first.world, old).status == 200
        old = first.store.head().size
        second.round(first)
        second.round(first)
        second.link(first).forget()
        second.round(first)
        assert second.link(first).asked == ["/log/checkpoint"]
    assert second.accusations(first) == []


def test_a_newly_cosigned_one_is_compared_once(first: Member, second: Member) -> None:
    grow(first.world, XINZHOU, 300)
    note, size = shown(first.world), first.store.head().size
    grow(first.world, XINZHOU, 300)
    second.round(first)
    answer = second.world.node.witness.add_checkpoint(submission(0, (), note), second.world.clock())
    assert (answer.status, size < first.store.head().size) == (200, True)
    link = second.link(first)
    link.forget()
    second.round(first)
    assert len(link.asked) > 1
    link.forget()
    second.round(first)
    assert link.asked == ["/log/checkpoint"]


def test_a_person_who_keeps_to_the_folded_history_is_not_asked_again(
    nodes: Federation, first: Member, second: Member
) -> None:
    twin = nodes.twin(first)
    grow(first.world, ORDOS, 3)
    grow(twin, XINZHOU)
    assert submit(second, twin).status == 200
    assert second.refusal(first).code is Code.CONFLICT
    second.neighbourhood().readmit(first.name, anew=False)
    assert second.round(first).new == 3
    assert second.state(first).cut_at is None
