"""Rounds between honest nodes: each record comes to where it belongs once, and its acknowledgement back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from neighbours import YANAN, Federation, look_for_trust, plant
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, change_trust, members_of

from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.log import entry as entries
from hub.log.checkpoint import open_checkpoint
from hub.log.entry import Accepted
from hub.log.receipt import Receipt
from hub.log.tile import inclusion_proof
from hub.log.verifier import verify_record


@pytest.fixture
def mixed(open_nodes: Callable[..., Federation], database_url: str) -> Federation:
    """The second node, which receives, is on SQLite and on PostgreSQL."""
    return open_nodes({1: database_url})


def test_a_record_comes_to_the_node_of_its_recipient_with_an_entry_that_names_its_origin(
    mixed: Federation,
) -> None:
    first, second, third = mixed
    yulin = first.world.partner(YULIN)
    record = yulin.record(to=(ORDOS, XINZHOU))
    (outcome,) = yulin.deliver(record)
    report = second.round(first)
    assert (report.new, report.known) == (1, 0)
    assert second.records(ORDOS) == [record]
    (entry,) = second.received()
    assert (entry.via, entry.via_index) == (first.name, outcome["index"])
    assert entry.to == {ORDOS: 1}
    assert first.world.entries(Accepted)[0].to == {ORDOS: 1, XINZHOU: 1}
    assert second.world.partner(YANAN).pull()["items"] == []
    assert third.received() == []
    for member in (first, second):
        member.world.verify()


def test_the_receipt_at_the_second_node_verifies_with_the_trust_list_alone(nodes: Federation) -> None:
    first, second, _ = nodes
    yulin, ordos = first.world.partner(YULIN), second.world.partner(ORDOS)
    record = yulin.record()
    yulin.deliver(record)
    second.round(first)
    answer = ordos.get(f"/v1/records/{members_of(record)['id']}/proof")
    verdict = verify_record(record, answer.content, second.world.node.trust())
    assert verdict.checkpoint.checkpoint.origin == second.name
    assert verdict.entry.type == "received"


def test_an_acknowledgement_travels_back_and_shows_in_the_delivery(mixed: Federation) -> None:
    first, second, _ = mixed
    yulin, ordos = first.world.partner(YULIN), second.world.partner(ORDOS)
    record = yulin.record()
    (outcome,) = yulin.deliver(record)
    delivery = f"/v1/records/{outcome['id']}/delivery"
    assert yulin.get(delivery).json["recipients"][0]["status"] == "pending"
    second.round(first)
    assert yulin.get(delivery).json["recipients"][0]["status"] == "fetched"
    ordos.deliver(ordos.acknowledgement(record))
    first.round(second)
    (shown,) = yulin.get(delivery).json["recipients"]
    assert (shown["status"], shown["outcome"]) == ("acknowledged", "accepted")


def test_a_second_round_brings_nothing_and_one_at_rest_costs_one_small_request(nodes: Federation) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(5)))
    link = second.link(first)
    assert second.round(first).new == 5
    link.forget()
    again = second.round(first)
    assert (again.new, again.known, again.folded) == (0, 0, 1), "the pull itself has become an entry"
    assert len(link.asked) == 3
    size = second.store.head().size
    for _ in range(2):
        link.forget()
        assert second.round(first).folded == 0
        assert link.asked == ["/log/checkpoint"]
        assert link.bytes < 4096
    assert second.store.head().size == size


def test_what_is_not_for_a_node_is_neither_given_nor_waited_for(nodes: Federation) -> None:
    first, second, third = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(XINZHOU,)), yulin.record(to=(WUZHONG,)), yulin.record(to=(ORDOS,)))
    assert second.round(first).new == 1
    assert third.round(first).new == 1
    assert [entry.to for entry in third.received()] == [{XINZHOU: 1}]


def test_nothing_is_relayed_over_a_second_hop(nodes: Federation) -> None:
    first, second, third = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS, XINZHOU)))
    second.round(first)
    assert third.round(second).new == 0
    assert third.round(first).new == 1


def test_of_revisions_some_of_which_were_for_others_those_for_this_node_come(nodes: Federation) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    one = yulin.record(to=(XINZHOU,))
    two = yulin.revise(one, to=[ORDOS, XINZHOU])
    three = yulin.revise(two, to=[XINZHOU])
    four = yulin.revise(three, to=[ORDOS])
    yulin.deliver(one, two, three, four)
    second.round(first)
    assert second.records(ORDOS) == [two, four]
    assert [entry.revision for entry in second.received()] == [2, 4]
    items = second.world.partner(ORDOS).get(f"/v1/records/{members_of(one)['id']}").json["items"]
    assert [item["record"] for item in items] == [two, four]


def test_what_grew_while_it_was_asked_comes_with_the_next_round(nodes: Federation) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record())
    late = yulin.record()
    link, grown = second.link(first), list[str]()

    def grow(_reply: object) -> None:
        if not grown:
            grown.append(late)
            yulin.deliver(late)

    link.lie("/log/checkpoint", grow, signed=False)
    assert second.round(first).new == 1
    assert second.round(first).new == 1
    assert second.records(ORDOS)[-1] == late


def test_a_peer_that_joins_is_found_and_one_that_leaves_is_left_alone(nodes: Federation) -> None:
    first, second, third = nodes
    neighbourhood = second.neighbourhood()
    assert neighbourhood.names() == sorted([first.name, third.name])
    assert [state.tried_at for state in neighbourhood.states()] == [None, None]
    second.round(third)

    def dismiss(trust_list: dict[str, Any], _agreements: Any) -> None:
        trust_list["nodes"] = [each for each in trust_list["nodes"] if each["name"] != third.name]
        trust_list["cities"] = [each for each in trust_list["cities"] if each["code"] != XINZHOU]
        trust_list["auditors"] = []

    def without_xinzhou(trust_list: dict[str, Any], agreements: dict[str, Any]) -> None:
        dismiss(trust_list, agreements)
        for agreement in agreements["agreements"]:
            agreement["parties"] = [city for city in agreement["parties"] if city != XINZHOU]

    change_trust(nodes.folder, without_xinzhou)
    look_for_trust(second)
    assert neighbourhood.names() == [first.name]
    with pytest.raises(Problem) as unknown:
        neighbourhood.round(third.name)
    assert unknown.value.code is Code.NOT_FOUND
    assert second.state(third).failures == 0


@pytest.mark.parametrize("name", ["nobody.exchange", "150600.exchange"])
def test_a_name_that_is_no_peer_is_refused_and_leaves_nothing_behind(nodes: Federation, name: str) -> None:
    _, second, _ = nodes
    with pytest.raises(Problem) as unknown:
        second.neighbourhood().round(name)
    assert unknown.value.code is Code.NOT_FOUND
    assert second.store.ask(lambda neighbours: neighbours.all_peers()) == []


def test_a_peer_out_of_reach_is_left_alone_for_longer_and_longer_and_then_found_again(
    nodes: Federation,
) -> None:
    first, second, _ = nodes
    link, neighbourhood = second.link(first), second.neighbourhood()
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record())
    link.cut = True
    for failures in range(1, 5):
        assert second.refusal(first).code is Code.BUSY
        state = second.state(first)
        assert state.failures == failures
        assert state.problem is not None
        assert state.problem.startswith("busy")
        assert not neighbourhood.is_due(state)
        nodes.clock.advance(seconds=2.0**failures)
        assert neighbourhood.is_due(state)
    link.cut = False
    assert second.round(first).new == 1
    assert (second.state(first).failures, second.state(first).problem) == (0, None)
    assert neighbourhood.is_due(second.state(first))


def test_a_peer_that_answers_in_its_lane_again_is_asked_at_once_after_an_outage_however_long(
    nodes: Federation,
) -> None:
    first, second, _ = nodes
    link, neighbourhood = second.link(first), second.neighbourhood()
    link.cut = True
    for _ in range(8):
        assert second.refusal(first).code is Code.BUSY
    assert not neighbourhood.is_due(second.state(first))
    link.cut = False
    second.lane(first)
    assert neighbourhood.is_due(second.state(first))
    link.cut = True
    assert second.refusal(first).code is Code.BUSY
    assert not neighbourhood.is_due(second.state(first)), "what was heard before says nothing of now"
    link.cut = False
    second.lane(first)
    link.lie_in_page(lambda page: page.update(items="many"))
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record())
    assert second.refusal(first).code is Code.MALFORMED
    link.tell_the_truth()
    second.lane(first)
    assert not neighbourhood.is_due(second.state(first)), (
        "a peer that errs is in reach, and left alone for longer"
    )


def test_an_outage_of_one_peer_concerns_no_other(nodes: Federation) -> None:
    first, second, third = nodes
    xinzhou = third.world.partner(XINZHOU)
    xinzhou.deliver(xinzhou.record())
    second.link(first).cut = True
    second.refusal(first)
    assert second.round(third).new == 1


def test_what_the_origin_accepted_before_a_revocation_is_taken_afterwards_and_stays_verifiable(
    nodes: Federation,
) -> None:
    first, second, _ = nodes
    yulin, ordos = first.world.partner(YULIN), second.world.partner(ORDOS)
    record = yulin.record()
    yulin.deliver(record)
    revoked_at = (utc_now()).isoformat(timespec="milliseconds")

    def revoke(trust_list: dict[str, Any], _agreements: Any) -> None:
        for city in trust_list["cities"]:
            for key in city["keys"]:
                if key["kid"] == yulin.key.kid:
                    key["revoked_at"] = revoked_at

    nodes.clock.advance(seconds=10)
    change_trust(nodes.folder, revoke)
    look_for_trust(first, second)
    assert second.round(first).new == 1
    receipt = ordos.get(f"/v1/records/{members_of(record)['id']}/proof").content
    verdict = verify_record(record, receipt, second.world.node.trust())
    assert verdict.entry.at > revoked_at[:19]


def test_a_receipt_from_another_node_does_not_help_a_record_issued_after_the_revocation(
    nodes: Federation,
) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    nodes.clock.advance(seconds=10)
    record = yulin.record()
    index = plant(second.world, record, entries.received, via=first.name, via_index=2)
    exchange = second.world.node.exchange
    note = exchange.checkpoint()
    size = open_checkpoint(note, second.world.node.log_verifier).size
    proof = inclusion_proof(index, size, exchange.tile)
    receipt = Receipt(second.store.lines(index, index + 1)[0], index, tuple(proof), note).encode()
    verify_record(record, receipt, second.world.node.trust())

    def revoke(trust_list: dict[str, Any], _agreements: Any) -> None:
        for city in trust_list["cities"]:
            for key in city["keys"]:
                if key["kid"] == yulin.key.kid:
                    key["revoked_at"] = utc_now().isoformat(timespec="milliseconds")

    change_trust(nodes.folder, revoke)
    look_for_trust(second)
    with pytest.raises(Problem) as refused:
        verify_record(record, receipt, second.world.node.trust())
    assert refused.value.code is Code.UNKNOWN_KEY


def test_an_acknowledgement_that_the_origin_could_not_judge_stops_nobody(nodes: Federation) -> None:
    """Before the second node has the record, it takes whatever its city says of it."""
    first, second, _ = nodes
    yulin, ordos = first.world.partner(YULIN), second.world.partner(ORDOS)
    record = yulin.record()
    (outcome,) = yulin.deliver(record)
    wrong = {"digest": "0" * 64, "outcome": "accepted"}
    after = ordos.record(to=(YULIN,))
    ordos.deliver(ordos.acknowledgement(record, body=wrong), after)
    assert first.round(second).new == 2
    assert first.records(YULIN)[-1] == after
    assert yulin.get(f"/v1/records/{outcome['id']}/delivery").json["recipients"][0]["outcome"] is None


def test_a_clock_that_was_set_right_stops_nobody(nodes: Federation) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    nodes.clock.advance(hours=1)
    yulin.deliver(yulin.record())
    second.round(first)
    nodes.clock.advance(hours=-1)
    yulin.deliver(yulin.record())
    assert second.round(first).new == 1
