"""A city moves from one node to another: nothing is lost, nothing comes twice, and both logs say what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from movers import System, begin_without, carry, hand_over, have_moved, receive, sync
from neighbours import Federation, Member, look_for_trust
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, Partner, members_of

from hub import jobs
from hub.errors import Code, Problem
from hub.log.entry import Departed, Hosted, Moved

Say = Callable[..., str]


def identity(jws: str) -> str:
    return str(members_of(jws)["id"])


@pytest.fixture(name="sent")
def what_was_sent_to_wuzhong() -> list[str]:
    return []


@pytest.fixture(name="say")
def a_voice(sent: list[str]) -> Say:
    def say(partner: Partner, *cities: str) -> str:
        record = partner.record(to=cities)
        partner.deliver(record)
        if WUZHONG in cities:
            sent.append(record)
        return record

    return say


def test_everything_comes_once_to_a_city_that_moves(
    mixed: Federation, tmp_path: Path, say: Say, sent: list[str]
) -> None:
    """Wuzhong moves from the first node to the third, which hosts Xinzhou and has records of everybody."""
    first, second, third = nodes = mixed
    yulin, wuzhong = (first.world.partner(city) for city in (YULIN, WUZHONG))
    ordos, xinzhou = second.world.partner(ORDOS), third.world.partner(XINZHOU)
    system = System(nodes, WUZHONG)
    # Before: in every direction.
    say(yulin, WUZHONG)
    say(ordos, WUZHONG)
    say(xinzhou, WUZHONG, ORDOS)
    say(wuzhong, ORDOS, XINZHOU)
    sync(nodes)
    system.fetch(first)
    say(ordos, WUZHONG, XINZHOU)
    say(yulin, WUZHONG, XINZHOU)
    sync(nodes)
    # In flight: accepted by peers and not fetched by the old node, accepted by it and not fetched by peers.
    say(ordos, WUZHONG)
    say(xinzhou, WUZHONG)
    say(ordos, WUZHONG, XINZHOU)
    say(yulin, WUZHONG)
    last_word = say(wuzhong, ORDOS, XINZHOU)
    have_moved(nodes, WUZHONG, third)
    # The new list is in force everywhere, and rounds go on.
    sync(nodes)
    say(ordos, WUZHONG, XINZHOU)
    say(xinzhou, WUZHONG, YULIN)
    sync(nodes)
    handed = hand_over(first, WUZHONG, tmp_path)
    say(yulin, WUZHONG)
    say(ordos, WUZHONG, YULIN)
    sync(nodes)
    came = receive(third, handed.paths)
    say(yulin, WUZHONG)
    say(xinzhou, WUZHONG)
    sync(nodes)

    assert system.fetch(first)
    assert system.fetch(first) == []
    assert system.fetch(third)
    assert sorted(system.records) == sorted(sent)
    # What it sent at last reached everybody, through the node where it was pushed.
    assert second.records(ORDOS).count(last_word) == 1
    assert third.records(XINZHOU).count(last_word) == 1
    # It goes on at the new node.
    said = say(third.world.partner(WUZHONG), YULIN, ORDOS, XINZHOU)
    sync(nodes)
    assert first.records(YULIN)[-1] == second.records(ORDOS)[-1] == third.records(XINZHOU)[-1] == said
    for member in nodes:
        member.world.verify()
    (departed,) = first.world.entries(Departed)
    (hosted,) = third.world.entries(Hosted)
    assert (departed.city, departed.node, departed.last) == (WUZHONG, third.name, handed.departure.last)
    assert (hosted.via, hosted.via_size, hosted.last) == (first.name, handed.departure.size, departed.last)
    assert len(third.world.entries(Moved)) == came.new > 0


def test_a_node_that_was_never_used_takes_a_city(nodes: Federation, say: Say, sent: list[str]) -> None:
    """It asks nobody for what the old node had: it begins where that was."""
    first, second, third = nodes
    carry(nodes, XINZHOU, third, first)  # the third node's only city goes
    say(first.world.partner(YULIN), WUZHONG)
    say(second.world.partner(ORDOS), WUZHONG)
    first.round(second)
    say(second.world.partner(ORDOS), WUZHONG, YULIN)
    system = System(nodes, WUZHONG)
    carry(nodes, WUZHONG, first, third)
    report = third.round(second)
    assert (report.new, report.known) == (1, 0)
    sync(nodes)
    assert system.fetch(first) == sent[:2]
    assert system.fetch(third) == sent[2:]


def test_a_city_comes_back_and_moves_on(nodes: Federation, say: Say, sent: list[str]) -> None:
    first, second, third = nodes
    partners = [
        first.world.partner(YULIN),
        second.world.partner(ORDOS),
        third.world.partner(XINZHOU),
    ]
    system = System(nodes, WUZHONG)

    def all_write() -> None:
        for partner in partners:
            say(partner, WUZHONG)

    all_write()
    sync(nodes)
    for old, new in ((first, third), (third, first), (first, second)):
        all_write()
        carry(nodes, WUZHONG, old, new)
        all_write()
        sync(nodes)
        system.fetch(old)
        system.fetch(new)
        assert sorted(system.records) == sorted(sent)
    for member in nodes:
        member.world.verify()
    assert [each.via for each in first.world.entries(Hosted)] == [third.name]


def test_what_was_not_drained_in_a_first_stay_is_there_when_the_city_is_back(
    nodes: Federation, say: Say, sent: list[str]
) -> None:
    first, second, third = nodes
    system = System(nodes, WUZHONG)

    def both_write() -> None:
        say(first.world.partner(YULIN), WUZHONG)
        say(second.world.partner(ORDOS), WUZHONG)
        sync(nodes)

    both_write()
    carry(nodes, WUZHONG, first, third)
    both_write()
    carry(nodes, WUZHONG, third, first)
    both_write()
    assert sorted(system.fetch(first)) == sorted([*sent[:2], *sent[4:]])
    assert sorted(system.fetch(third)) == sorted(sent[2:4])


def test_a_first_stay_is_kept_for_the_city_though_its_second_node_never_asked_for_it(
    nodes: Federation, tmp_path: Path
) -> None:
    first, second, third = nodes
    record = second.world.partner(ORDOS).record(to=(XINZHOU,))
    second.world.partner(ORDOS).deliver(record)
    third.round(second)
    carry(nodes, XINZHOU, third, first)
    have_moved(nodes, XINZHOU, third)
    first.round(third)
    handed = hand_over(first, XINZHOU, tmp_path)
    receive(third, handed.paths)
    assert handed.departure.positions[third.name].after >= 0
    assert System(nodes, XINZHOU).fetch(third) == [record]


def test_an_alert_that_went_ahead_to_the_old_node_comes_from_there_alone(
    nodes: Federation, say: Say, sent: list[str]
) -> None:
    """The old node had it by its lane, and no round had come to it: not from the new node's own log, nor a third's."""
    first, second, third = nodes
    for partner in (third.world.partner(XINZHOU), second.world.partner(ORDOS)):
        say(partner, WUZHONG)
        say(partner, WUZHONG)
    assert (first.lane(second), first.lane(third)) == (2, 2)
    carry(nodes, WUZHONG, first, third)
    say(third.world.partner(XINZHOU), WUZHONG)
    sync(nodes)
    system = System(nodes, WUZHONG)
    assert sorted(system.fetch(first)) == sorted(sent[:4])
    assert system.fetch(third) == sent[4:]
    (hosted,) = third.world.entries(Hosted)
    assert (hosted.before, hosted.ahead) == (0, (1, 2))
    third.world.verify()


def test_old_records_are_read_revised_and_withdrawn_at_the_new_node(nodes: Federation) -> None:
    first, second, third = nodes
    wuzhong, ordos = first.world.partner(WUZHONG), second.world.partner(ORDOS)
    one, other = wuzhong.record(to=(ORDOS, YULIN, XINZHOU)), wuzhong.record(to=(ORDOS,))
    wuzhong.deliver(one, other)
    sync(nodes)
    second.records(ORDOS)
    ordos.deliver(ordos.acknowledgement(one))
    sync(nodes)
    carry(nodes, WUZHONG, first, third)
    client = System(nodes, WUZHONG).client(third)
    for jws in (one, other):
        (held,) = client.revisions(identity(jws))
        assert held.jws == jws
        assert client.receipt(identity(jws))
    shown = {each["city"]: each for each in client.delivery(identity(one))["recipients"]}
    assert (shown[ORDOS]["status"], shown[ORDOS]["outcome"]) == ("acknowledged", "accepted")
    assert shown[ORDOS]["fetched_at"] is not None, "the old node said when"
    assert (shown[YULIN]["status"], shown[YULIN]["outcome"]) == ("pending", None)
    here = third.world.partner(WUZHONG)
    revised, withdrawn = here.revise(one), here.revise(other, withdrawn="误报", body=None)
    here.deliver(revised, withdrawn)
    sync(nodes)
    assert second.records(ORDOS)[-2:] == [revised, withdrawn]
    assert first.records(YULIN)[-1] == revised
    # Acknowledgements of old records reach it there.
    ordos.deliver(ordos.acknowledgement(other, outcome="received"), ordos.acknowledgement(revised))
    sync(nodes)
    (shown_other,) = client.delivery(identity(other), 1)["recipients"]
    assert shown_other["outcome"] == "received"
    assert len(client.revisions(identity(one))) == 2
    client.close()


def test_the_city_answers_at_the_new_node_what_it_had_from_the_old_one(nodes: Federation) -> None:
    first, second, third = nodes
    ordos = second.world.partner(ORDOS)
    record = ordos.record(to=(WUZHONG,))
    ordos.deliver(record)
    sync(nodes)
    carry(nodes, WUZHONG, first, third)
    assert System(nodes, WUZHONG).fetch(first) == [record]
    here = third.world.partner(WUZHONG)
    here.deliver(here.acknowledgement(record))
    sync(nodes)
    (shown,) = ordos.get(f"/v1/records/{identity(record)}/delivery").json["recipients"]
    assert (shown["status"], shown["outcome"]) == ("acknowledged", "accepted")


def test_nothing_is_taken_of_a_city_between_two_nodes(nodes: Federation, tmp_path: Path) -> None:
    first, _, third = nodes
    have_moved(nodes, WUZHONG, third, told=[third])
    record = first.world.partner(WUZHONG).record(to=(ORDOS,))
    awaited = third.world.partner(WUZHONG)
    answer = awaited.post({"records": [record]})
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "busy", "60")
    assert awaited.get("/v1/records").problem == "busy"
    first.world.partner(WUZHONG).deliver(record)  # the old node has not heard of it yet
    look_for_trust(*nodes)
    handed = hand_over(first, WUZHONG, tmp_path)
    assert first.world.partner(WUZHONG).post({"records": [record]}).problem == "not-allowed"
    receive(third, handed.paths)
    assert awaited.push(record)[0]["status"] == "duplicate"


def test_a_worker_with_the_old_trust_list_takes_nothing_of_a_city_that_departed(
    nodes: Federation, tmp_path: Path
) -> None:
    first, _, third = nodes
    stale = first.world.node.trust()
    have_moved(nodes, WUZHONG, third)
    hand_over(first, WUZHONG, tmp_path)
    first.world.node.trust._trust = stale
    answer = first.world.partner(WUZHONG).post({"records": [first.world.partner(WUZHONG).record()]})
    assert (answer.status, answer.problem) == (403, "not-allowed")
    assert third.name in answer.json["detail"]


def test_a_page_is_not_stored_under_another_trust_list_than_it_was_judged_by(nodes: Federation) -> None:
    first, second, third = nodes
    ordos = second.world.partner(ORDOS)
    ordos.deliver(ordos.record(to=(WUZHONG, YULIN)))
    stale = first.world.node.trust()
    have_moved(nodes, WUZHONG, third)
    first.world.node.trust._trust = replace(stale)
    assert first.refusal(second).code is Code.BUSY
    assert first.received() == []


def test_a_hand_over_written_and_taken_twice_changes_nothing(nodes: Federation, tmp_path: Path) -> None:
    first, second, third = nodes
    second.world.partner(ORDOS).deliver(second.world.partner(ORDOS).record(to=(WUZHONG,)))
    sync(nodes)
    have_moved(nodes, WUZHONG, third)
    one, other = (hand_over(first, WUZHONG, tmp_path / name) for name in ("one", "other"))
    assert one.departure == other.departure
    assert len(first.world.entries(Departed)) == 1
    came = receive(third, one.paths)
    size = third.store.head().size
    again = receive(third, other.paths)
    assert (again.before, again.coming) == (True, came.coming)
    assert third.store.head().size == size


def test_a_city_whose_old_node_is_lost_begins_with_what_peers_have(
    nodes: Federation, tmp_path: Path, say: Say, sent: list[str]
) -> None:
    first, second, third = nodes
    ordos, yulin = second.world.partner(ORDOS), first.world.partner(YULIN)
    say(ordos, WUZHONG)
    say(ordos, WUZHONG, XINZHOU)
    sync(nodes)
    have_moved(nodes, WUZHONG, third)
    third.link(first).cut = True
    assert begin_without(third, WUZHONG).coming.via_size == 0
    assert third.round(second).new == 2
    system = System(nodes, WUZHONG)
    assert system.fetch(third) == sent
    say(third.world.partner(WUZHONG), ORDOS)
    # It is found again: what it gives for others stops nobody, and its hand-over is taken after all.
    third.link(first).cut = False
    say(yulin, XINZHOU, WUZHONG)
    say(yulin, XINZHOU)
    say(yulin, XINZHOU, WUZHONG)
    assert third.round(first).new == 3
    came = receive(third, hand_over(first, WUZHONG, tmp_path).paths)
    assert came.coming.via_size > 0
    say(yulin, WUZHONG)
    sync(nodes)
    assert sorted(system.fetch(first)) == sorted(sent[:4])
    assert system.fetch(third) == sent[4:]
    for member in nodes:
        member.world.verify()


def test_a_record_that_is_gone_leaves_its_entry_and_no_gap(nodes: Federation, say: Say) -> None:
    first, second, third = nodes
    ordos, wuzhong = second.world.partner(ORDOS), first.world.partner(WUZHONG)
    expiry = (nodes.clock() + timedelta(days=1)).isoformat(timespec="seconds")
    gone, own = ordos.record(to=(WUZHONG,), expires_at=expiry), wuzhong.record(expires_at=expiry)
    ordos.deliver(gone)
    wuzhong.deliver(own)
    kept = say(ordos, WUZHONG)
    sync(nodes)
    nodes.clock.advance(days=2)
    carry(nodes, WUZHONG, first, third)
    for member in nodes:
        jobs.forget(member.world.node)
    sync(nodes)
    here = third.world.partner(WUZHONG)
    (held,) = here.get(f"/v1/records/{identity(own)}").json["items"]
    assert held["record"] is None
    here.deliver(here.revise(own, expires_at=None))
    assert [each.jws for each in System(nodes, WUZHONG).all(first)] == [kept]
    third.world.verify()


@pytest.mark.parametrize("place", [0, 1])
def test_only_a_city_that_the_trust_list_has_move_is_let_go(
    nodes: Federation, tmp_path: Path, place: int
) -> None:
    """Neither one that is hosted here, nor one that another node hosts."""
    member: Member = nodes.members[place]
    with pytest.raises(Problem) as refused:
        hand_over(member, ORDOS, tmp_path)
    assert refused.value.code is Code.NOT_ALLOWED
    assert member.world.entries(Departed) == []
