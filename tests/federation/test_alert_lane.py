"""The lane for alerts: ahead of everything else, and held to the same log."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from neighbours import Federation, Member, Reply, plant
from partner import ORDOS, WUZHONG, YULIN
from waiting import until

from hub.errors import Code, Problem
from hub.federation import evidence


@pytest.fixture
def first(nodes: Federation) -> Member:
    return nodes.members[0]


@pytest.fixture
def second(nodes: Federation) -> Member:
    return nodes.members[1]


def refusal(member: Member, peer: Member, wait: int = 0) -> Problem:
    try:
        new = member.lane(peer, wait)
    except Problem as problem:
        return problem
    raise AssertionError(f"the lane took {new}")


def alert(member: Member) -> str:
    """An alert that is pushed at a node."""
    yulin = member.world.partner(YULIN)
    record = yulin.record(to=(ORDOS,))
    yulin.deliver(record)
    return record


def events(member: Member, count: int) -> list[str]:
    yulin = member.world.partner(YULIN)
    records = [yulin.record("event_security", to=(ORDOS,)) for _ in range(count)]
    yulin.deliver(*records)
    return records


def test_an_alert_comes_ahead_of_all_else_and_is_not_taken_twice(first: Member, second: Member) -> None:
    others = events(first, 300)
    urgent = alert(first)
    assert second.lane(first) == 1
    assert second.records(ORDOS) == [urgent]
    assert second.state(first).after == -1, "the rounds' place is not moved"
    report = second.round(first)
    assert (report.new, report.known) == (300, 1)
    assert second.records(ORDOS) == [urgent, *others]
    second.world.verify()


def test_a_held_lane_brings_an_alert_when_it_is_pushed(first: Member, second: Member) -> None:
    taken: list[int] = []
    held = threading.Thread(target=lambda: taken.append(second.lane(first, wait=20)))
    held.start()
    until(lambda: first.world.node.exchange.watcher.waiting == 1)
    urgent = alert(first)
    held.join(timeout=10)
    assert taken == [1]
    assert second.records(ORDOS) == [urgent]


def test_a_lane_goes_on_after_the_last_alert_that_it_took(first: Member, second: Member) -> None:
    urgent = []
    for _ in range(3):
        urgent.append(alert(first))
        assert second.lane(first) == 1
        assert second.lane(first) == 0
    assert second.records(ORDOS) == urgent
    assert [asked for asked in second.link(first).asked if "after=-1" in asked] == [
        "/v1/records?after=-1&limit=1000&kind=alert"
    ]


def test_what_the_lane_showed_is_compared_once_and_then_forgotten(first: Member, second: Member) -> None:
    alert(first)
    second.lane(first)
    assert second.store.ask(lambda neighbours: neighbours.lane(first.name)) is not None
    second.round(first)
    assert second.store.ask(lambda neighbours: neighbours.lane(first.name)) is None


def test_an_alert_in_another_history_than_the_log_that_is_folded_is_not_taken(
    nodes: Federation, first: Member, second: Member
) -> None:
    twin = nodes.twin(first)
    events(first, 3)
    second.round(first)
    twin.partner(YULIN).deliver(*(twin.partner(YULIN).record(to=(ORDOS,)) for _ in range(9)))
    second.link(first).peer = twin
    assert refusal(second, first).code is Code.CONFLICT
    check_proven(second, first)
    assert all(entry.kind != "alert" for entry in second.received())


def test_an_alert_in_another_history_than_the_log_that_is_folded_later_is_found_out(
    nodes: Federation, first: Member, second: Member
) -> None:
    twin = nodes.twin(first)
    forged = twin.partner(YULIN).record(to=(ORDOS,))
    twin.partner(YULIN).deliver(forged)
    second.link(first).peer = twin
    assert second.lane(first) == 1
    second.link(first).peer = first.world
    events(first, 300)
    assert second.refusal(first).code is Code.CONFLICT
    check_proven(second, first)
    assert second.records(ORDOS) == [forged]


def test_a_second_alert_from_the_true_log_does_not_cover_up_one_from_another(
    nodes: Federation, first: Member, second: Member
) -> None:
    twin = nodes.twin(first)
    twin.partner(YULIN).deliver(twin.partner(YULIN).record(to=(ORDOS,)))
    second.link(first).peer = twin
    assert second.lane(first) == 1
    second.link(first).peer = first.world
    events(first, 3)
    alert(first)
    assert refusal(second, first).code is Code.CONFLICT
    check_proven(second, first)


def check_proven(member: Member, peer: Member) -> None:
    (kept,) = member.accusations(peer)
    assert evidence.verify(kept.document, member.world.node.trust()).proven
    assert member.state(peer).cut_at is not None
    assert refusal(member, peer).code is Code.NOT_ALLOWED


def test_a_log_that_does_not_come_to_what_the_lane_showed_is_not_believed(
    nodes: Federation, first: Member, second: Member
) -> None:
    events(first, 3)
    second.round(first)
    second.round(first)
    old = first.world.node.exchange.checkpoint().encode()
    alert(first)
    second.lane(first)
    second.link(first).lie("/log/checkpoint", lambda reply: setattr(reply, "body", old), signed=False)
    assert second.refusal(first).code is Code.BUSY
    second.link(first).tell_the_truth()
    assert second.round(first).known == 1


def test_tiles_that_are_refused_hide_no_other_history(
    nodes: Federation, first: Member, second: Member
) -> None:
    """What cannot be compared is not taken for compared."""
    twin = nodes.twin(first)
    twin.partner(YULIN).deliver(twin.partner(YULIN).record(to=(ORDOS,)))
    second.link(first).peer = twin
    second.lane(first)
    second.link(first).peer = first.world
    events(first, 600)
    second.link(first).lie("/log/tile/1/", lambda reply: setattr(reply, "status", 503), signed=False)
    assert second.refusal(first).code is not Code.CONFLICT
    assert all(entry.kind == "alert" for entry in second.received())
    second.link(first).tell_the_truth()
    assert second.refusal(first).code is Code.CONFLICT
    check_proven(second, first)


def test_what_is_no_alert_is_not_taken_by_the_lane(first: Member, second: Member) -> None:
    (record,) = events(first, 1)
    entry = first.store.lines(2, 3)[0].decode()
    second.link(first).lie_in_items(
        lambda items: items.append({"index": 2, "entry": entry, "record": record})
    )
    assert refusal(second, first).code is Code.CONFLICT
    assert second.received() == []


def test_a_peer_that_does_not_hold_the_lane_open_is_not_asked_in_a_circle(
    first: Member, second: Member
) -> None:
    def at_once(page: dict[str, Any]) -> None:
        page.update(items=[], more=False)

    alert(first)
    second.link(first).lie_in_page(at_once)
    assert refusal(second, first, wait=30).code is Code.BUSY


def test_a_lie_in_the_lane_takes_nothing(first: Member, second: Member) -> None:
    alert(first)

    def forge(reply: Reply) -> None:
        reply.body = bytes(len(reply.body))

    second.link(first).lie("/log/tile/", forge, signed=False)
    alert(first)
    assert refusal(second, first).code is Code.BAD_SIGNATURE
    assert second.received() == []


def test_a_bad_alert_is_refused_by_the_lane_as_by_a_round(first: Member, second: Member) -> None:
    record = first.world.partner(YULIN).record(agreement="none")
    plant(first.world, record)
    assert refusal(second, first).code is Code.NO_AGREEMENT
    for_others = first.world.partner(YULIN).record(to=(WUZHONG,))
    plant(first.world, for_others, given=(ORDOS,))
    assert second.received() == []


def test_a_round_under_way_does_not_readmit_a_peer_that_the_lane_has_cut_off(
    nodes: Federation, first: Member, second: Member
) -> None:
    twin = nodes.twin(first)
    twin.partner(YULIN).deliver(*(twin.partner(YULIN).record(to=(ORDOS,)) for _ in range(5)))
    events(first, 3)
    second.round(first)
    events(first, 3)
    link = second.link(first)
    cut: list[Code] = []

    def meanwhile(_reply: Reply) -> None:
        if not cut:
            cut.append(Code.CONFLICT)
            link.peer = twin
            cut[0] = refusal(second, first).code
            link.peer = first.world

    link.lie("/log/tile/0/", meanwhile, signed=False)
    assert second.refusal(first).code is Code.NOT_ALLOWED
    assert cut == [Code.CONFLICT]
    assert second.state(first).cut_at is not None
    assert len(second.received()) == 3
