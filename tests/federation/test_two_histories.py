"""A peer with two histories is cut off, with evidence that convinces others as far as it can; a person ends it."""

from __future__ import annotations

from typing import Any

import pytest
from liars import RECORDS, answer_with
from neighbours import Federation, Link, Member, Reply
from partner import ORDOS, WUZHONG, YULIN

from hub.errors import Code, Problem
from hub.federation import evidence
from hub.federation.evidence import Finding
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.entry import Equivocation
from hub.log.note import sign_note
from hub.log.tree import EMPTY_ROOT

pytestmark = pytest.mark.usefixtures("others_do_not_suffer")


def proven(member: Member, peer: Member) -> Finding:
    """The one piece of evidence against a peer, verified from the file and the trust list alone."""
    (kept,) = member.accusations(peer)
    (entry,) = member.world.entries(Equivocation)
    assert entry.origin == peer.name == kept.origin
    found = evidence.verify(kept.document, member.world.node.trust())
    assert (entry.ours, entry.theirs) == (found.ours.note, found.theirs.note)
    return found


def check_cut_off(member: Member, peer: Member) -> None:
    """Nothing more is asked, by rounds or by the lane, and nothing taken; only a person ends it."""
    link = member.link(peer)
    taken = member.received()
    assert member.state(peer).cut_at is not None
    assert not member.neighbourhood().is_due(member.state(peer))
    said = member.state(peer).problem
    link.forget()
    for ask in (lambda: member.round(peer), lambda: member.lane(peer)):
        with pytest.raises(Problem) as cut:
            ask()
        assert cut.value.code is Code.NOT_ALLOWED
    assert link.asked == []
    assert member.received() == taken
    assert (member.state(peer).problem, member.state(peer).failures) == (said, 0)


def test_a_fork_at_the_same_size_is_proven(nodes: Federation, liar: Member, second: Member) -> None:
    twin = nodes.twin(liar)
    twin.partner(YULIN).deliver(twin.partner(YULIN).record(to=(ORDOS,)))
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    assert second.round(liar).new == RECORDS
    second.link(liar).peer = twin
    _rewind(second, liar, twin)
    assert second.refusal(liar).code is Code.CONFLICT
    found = proven(second, liar)
    assert found.proven
    assert found.kind == "fork"
    assert found.ours.size == found.theirs.size
    check_cut_off(second, liar)


def _rewind(member: Member, peer: Member, twin: Any) -> None:
    """Let the twin's log grow, by pulls of which each is an entry, to the size that was folded of the peer's."""
    size = member.state(peer).frontier.size
    partner = twin.partner(ORDOS)
    while twin.node.store.head().size < size:
        partner.get("/v1/records?limit=1")
    assert twin.node.store.head().size == size


def test_a_fork_that_grew_is_proven(nodes: Federation, liar: Member, second: Member) -> None:
    twin = nodes.twin(liar)
    yulin = twin.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(ORDOS,)) for _ in range(RECORDS)))
    other = liar.world.partner(YULIN)
    other.deliver(other.record(to=(ORDOS,)))
    assert second.round(liar).new == RECORDS + 1
    second.link(liar).peer = twin
    taken = second.received()
    assert second.refusal(liar).code is Code.CONFLICT
    found = proven(second, liar)
    assert found.proven
    assert (found.kind, found.ours.size < found.theirs.size) == ("fork", True)
    assert second.received() == taken
    check_cut_off(second, liar)


def test_a_fork_that_is_smaller_is_proven_where_its_tiles_say_so(
    nodes: Federation, liar: Member, second: Member
) -> None:
    """An old copy of a log that went on in another way: its own tiles cannot help it, those of before do."""
    twin = nodes.twin(liar)
    yulin = twin.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    other = liar.world.partner(YULIN)
    other.deliver(*(other.record(to=(WUZHONG,)) for _ in range(3)))
    second.round(liar)
    note = twin.node.exchange.checkpoint().encode()
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is Code.CONFLICT
    found = proven(second, liar)
    assert (found.kind, found.proven, found.theirs.size < found.ours.size) == ("fork", True, True)


def shrink(link: Link, old: str) -> None:
    """Have a node itself say that its log is as small as it was, in what it signs as in what it does not."""
    link.lie("/log/checkpoint", answer_with(old.encode()), signed=False)
    link.lie_in_page(lambda page: page.update(checkpoint=old, items=[], more=False))


@pytest.mark.parametrize("empty", [False, True])
def test_a_log_that_shrank_is_cut_off_which_proves_nothing_to_others(
    liar: Member, second: Member, empty: bool
) -> None:
    old = liar.world.node.exchange.checkpoint()
    if empty:
        old = sign_checkpoint(Checkpoint(liar.name, 0, EMPTY_ROOT), liar.world.node._log_key)
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    second.round(liar)
    shrink(second.link(liar), old)
    assert second.refusal(liar).code is Code.CONFLICT
    found = proven(second, liar)
    assert (found.kind, found.proven) == ("shrunk", False)
    check_cut_off(second, liar)


def test_a_fork_behind_a_note_full_of_strangers_signatures_is_cut_off_all_the_same(
    nodes: Federation, liar: Member, second: Member
) -> None:
    """Two notes as long as notes may be would not fit into an entry."""
    twin = nodes.twin(liar)
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    padding = [f"— stranger-{n} {'A' * 1000}\n" for n in range(62)]

    def pad(reply: Reply) -> None:
        body, _, lines = reply.body.decode().rpartition("\n\n")
        reply.body = sign_note(f"{body}\n", [lines, *padding]).encode()

    second.link(liar).lie("/log/checkpoint", pad, signed=False)
    assert second.round(liar).new == RECORDS
    second.link(liar).peer = twin
    twin.partner(YULIN).deliver(*(twin.partner(YULIN).record(to=(ORDOS,)) for _ in range(9)))
    assert second.refusal(liar).code is Code.CONFLICT
    assert proven(second, liar).proven
    check_cut_off(second, liar)


def test_a_page_under_another_history_of_the_same_size(
    nodes: Federation, liar: Member, second: Member
) -> None:
    twin = nodes.twin(liar)
    twin.partner(YULIN).deliver(twin.partner(YULIN).record(to=(WUZHONG,)))
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    note = twin.node.exchange.checkpoint()
    second.link(liar).lie_in_page(lambda page: page.update(checkpoint=note))
    assert second.refusal(liar).code is Code.CONFLICT
    assert proven(second, liar).proven
    assert second.received() == []


def test_a_person_readmits_a_peer_and_nothing_comes_twice(
    nodes: Federation, liar: Member, second: Member
) -> None:
    old = liar.world.node.exchange.checkpoint()
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    second.round(liar)
    link = second.link(liar)
    shrink(link, old)
    second.refusal(liar)
    link.tell_the_truth()
    taken = second.received()
    for anew in (False, True):
        if anew:
            shrink(link, old)
            second.refusal(liar)
            link.tell_the_truth()
        second.neighbourhood().readmit(liar.name, anew=anew)
        report = second.round(liar)
        assert (report.new, report.known) == (0, RECORDS + 1 if anew else 0)
        assert second.received() == taken
    with pytest.raises(Problem) as honest:
        second.neighbourhood().readmit(liar.name, anew=True)
    assert honest.value.code is Code.NOT_FOUND
    assert len(second.accusations(liar)) == 2
