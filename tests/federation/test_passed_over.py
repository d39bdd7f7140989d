"""A record of a peer that is refused, passed over by a person: that one, while it is refused, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import wire
from liars import RECORDS
from neighbours import YANAN, Federation, Member, look_for_trust, plant
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, change_trust, members_of, new_id

from hub.errors import Code, Problem
from hub.federation.passing import PassedOver
from hub.log.entry import Refused
from hub.store import Job

pytestmark = pytest.mark.usefixtures("others_do_not_suffer")


def pass_over(second: Member, liar: Member, index: int, *, kept_back: bool = False) -> PassedOver:
    return second.neighbourhood().pass_over(liar.name, index, kept_back=kept_back)


def refusal(second: Member, liar: Member, index: int, *, kept_back: bool = False) -> Problem:
    """What ends an attempt that must pass nothing over, and leaves no trace."""
    before, size = second.state(liar), second.store.head().size
    with pytest.raises(Problem) as refused:
        pass_over(second, liar, index, kept_back=kept_back)
    assert replace(second.state(liar), tried_at=before.tried_at) == before
    assert second.store.head().size == size
    return refused.value


def stuck(second: Member, liar: Member, record: str, **said: Any) -> int:
    """A record that the liar has entered and this node refuses, with a good one behind it; the index it stands at."""
    index = plant(liar.world, record, **said)
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    second.refusal(liar)
    assert len(second.received()) == RECORDS
    assert second.state(liar).refused == index
    return index


def bad(liar: Member) -> str:
    return liar.world.partner(YULIN).record(agreement="none")


def kid_of(member: Member) -> str:
    return member.world.node.key.kid


def test_a_refused_record_is_passed_over_and_what_comes_after_it_is_taken(
    liar: Member, second: Member
) -> None:
    record = bad(liar)
    index = stuck(second, liar, record)
    passed = pass_over(second, liar, index)
    assert (passed.index, passed.entry.digest, passed.problem.code) == (
        index,
        wire.digest(record),
        Code.NO_AGREEMENT,
    )
    (entry,) = second.world.entries(Refused)
    assert (entry.by, entry.code) == (liar.world.partner(YULIN).key.kid, "no-agreement")
    assert entry.digest == wire.digest(record)
    state = second.state(liar)
    assert (state.after, state.failures, state.problem, state.refused) == (index, 0, None, None)
    assert second.round(liar).new == 1
    assert record not in second.records(ORDOS)
    assert len(second.records(ORDOS)) == RECORDS + 1


def test_twice_is_once(liar: Member, second: Member) -> None:
    index = stuck(second, liar, bad(liar))
    pass_over(second, liar, index)
    assert "not" in refusal(second, liar, index).detail
    second.round(liar)
    assert refusal(second, liar, index).code is Code.NOT_FOUND
    assert len(second.world.entries(Refused)) == 1


def test_a_record_that_would_be_taken_is_not_passed_over(liar: Member, second: Member) -> None:
    assert "would be taken" in refusal(second, liar, 2).detail
    second.round(liar)
    assert len(second.received()) == RECORDS


def test_a_record_that_is_taken_since_the_trust_list_says_so_is_not_passed_over(
    nodes: Federation, liar: Member, second: Member
) -> None:
    agreement = "of-tomorrow"
    index = stuck(second, liar, liar.world.partner(YULIN).record(agreement=agreement))

    def conclude(_trust_list: Any, agreements: dict[str, Any]) -> None:
        agreements["agreements"].append({**agreements["agreements"][0], "id": agreement})

    change_trust(nodes.folder, conclude)
    look_for_trust(second)
    assert "would be taken" in refusal(second, liar, index).detail
    assert second.round(liar).new == 2


@pytest.mark.parametrize("off", [-1, 1, 1000, -RECORDS])
def test_another_record_than_the_one_that_the_peer_stands_before_is_not_passed_over(
    liar: Member, second: Member, off: int
) -> None:
    index = stuck(second, liar, bad(liar))
    assert f"stands before record {index}" in refusal(second, liar, index + off).detail


def test_records_are_passed_over_one_by_one(liar: Member, second: Member) -> None:
    first, then = plant(liar.world, bad(liar)), stuck_after(second, liar)
    pass_over(second, liar, first)
    second.refusal(liar)
    pass_over(second, liar, then)
    assert second.round(liar).new == 1
    assert len(second.world.entries(Refused)) == 2


def stuck_after(second: Member, liar: Member) -> int:
    index = plant(liar.world, bad(liar))
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    second.refusal(liar)
    return index


def test_the_numbers_of_every_hosted_recipient_go_on(liar: Member, second: Member) -> None:
    yulin = liar.world.partner(YULIN)
    index = stuck(second, liar, yulin.record(to=(ORDOS, YANAN, XINZHOU), agreement="none"))
    pass_over(second, liar, index)
    yulin.deliver(yulin.record(to=(YANAN,)))
    assert second.round(liar).new == 2
    assert second.state(liar).numbers == {ORDOS: RECORDS + 2, YANAN: 2}


def test_the_lane_goes_on_where_a_person_did(liar: Member, second: Member) -> None:
    second.round(liar)
    index = stuck(second, liar, bad(liar))
    with pytest.raises(Problem):
        second.lane(liar)
    pass_over(second, liar, index)
    assert second.lane(liar) == 1


# -- who is named --------------------------------------------------------------------------------------------


def test_a_record_of_a_key_that_nobody_knows_is_entered_as_the_peers(liar: Member, second: Member) -> None:
    stranger = liar.world.with_key(wire.Key.new(), YULIN)
    index = stuck(second, liar, stranger.record())
    pass_over(second, liar, index)
    (entry,) = second.world.entries(Refused)
    assert (entry.by, entry.code) == (kid_of(liar), "unknown-key")


def test_a_city_is_not_named_for_what_a_strange_peer_gives_as_its_record(
    nodes: Federation, liar: Member, second: Member
) -> None:
    record = nodes.members[2].world.partner(XINZHOU).record(to=(ORDOS,))
    pass_over(second, liar, stuck(second, liar, record))
    (entry,) = second.world.entries(Refused)
    assert (entry.by, entry.code) == (kid_of(liar), "not-allowed")


def test_a_city_is_not_named_for_what_the_peers_entry_says_of_its_record(
    liar: Member, second: Member
) -> None:
    record = liar.world.partner(YULIN).record()
    pass_over(second, liar, stuck(second, liar, record, kind="mediation_case"))
    (entry,) = second.world.entries(Refused)
    assert (entry.by, entry.code) == (kid_of(liar), "conflict")


def test_a_record_for_none_of_this_nodes_cities_is_passed_over(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record(to=(WUZHONG,))
    index = plant(liar.world, record, given=(ORDOS,))
    second.refusal(liar)
    pass_over(second, liar, index)
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    assert second.round(liar).new == 1


# -- what is kept back -----------------------------------------------------------------------------------------


def leave_out(second: Member, liar: Member, *indexes: int) -> None:
    def change(items: list[Any]) -> None:
        items[:] = [item for item in items if item["index"] not in indexes]

    second.link(liar).lie_in_items(change)


def test_numbers_left_out_are_passed_only_by_saying_so_and_their_witness_is_taken(
    liar: Member, second: Member
) -> None:
    leave_out(second, liar, 5, 6)
    second.refusal(liar)
    index = second.state(liar).refused
    assert index == 2 + 5
    said = refusal(second, liar, index)
    assert "numbers 4 to 5 of the stream for 150600 were kept back; --kept-back" in said.detail
    passed = pass_over(second, liar, index, kept_back=True)
    assert passed.missing == {ORDOS: (4, 5)}
    (entry,) = second.world.entries(Refused)
    assert (entry.by, entry.code, entry.digest) == (kid_of(liar), "conflict", passed.entry.digest)
    assert second.state(liar).after == 2 + 2, "the record that showed it is judged by the next round"
    assert second.round(liar).new == RECORDS - 5


def test_what_was_not_kept_back_after_all_is_taken(liar: Member, second: Member) -> None:
    leave_out(second, liar, 5, 6)
    second.refusal(liar)
    index = second.state(liar).refused
    assert index is not None
    second.link(liar).tell_the_truth()
    assert "stands before record 5" in refusal(second, liar, index, kept_back=True).detail
    assert second.round(liar).new == RECORDS - 3


@pytest.mark.parametrize("given", ["x", 7, "e30.e30.e30"])
def test_other_bytes_than_the_records_are_passed_only_by_saying_so(
    liar: Member, second: Member, given: object
) -> None:
    second.link(liar).lie_in_items(lambda items: items[0].update(record=given))
    second.refusal(liar)
    assert "other bytes" in refusal(second, liar, 2).detail
    passed = pass_over(second, liar, 2, kept_back=True)
    (entry,) = second.world.entries(Refused)
    assert (entry.by, entry.digest) == (kid_of(liar), passed.entry.digest)
    second.link(liar).tell_the_truth()
    assert second.round(liar).new == RECORDS - 1


def test_a_stream_that_goes_back_is_not_numbers_left_out(liar: Member, second: Member) -> None:
    index = stuck(second, liar, liar.world.partner(YULIN).record(), to={ORDOS: 1})
    passed = pass_over(second, liar, index)
    assert passed.missing == {}


# -- what is no record's problem -------------------------------------------------------------------------------


LIES: dict[str, tuple[Callable[[list[Any]], Any], Code]] = {
    "an entry that the log has not": (lambda items: items[0].update(entry="{}"), Code.BAD_SIGNATURE),
    "an item that is none": (lambda items: items.insert(0, 5), Code.MALFORMED),
    "a record kept back": (lambda items: items[0].update(record=None), Code.MALFORMED),
    "an index beyond the log": (lambda items: items[0].update(index=10**6), Code.CONFLICT),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("kept_back", [False, True])
def test_what_the_log_does_not_prove_is_not_passed_over(
    liar: Member, second: Member, lie: str, kept_back: bool
) -> None:
    change, code = LIES[lie]
    second.link(liar).lie_in_items(change)
    assert refusal(second, liar, 2, kept_back=kept_back).code is code


def test_an_entry_of_the_future_is_waited_for_and_not_passed_over(liar: Member, second: Member) -> None:
    second.round(liar)
    index = plant(liar.world, liar.world.partner(YULIN).record(), at="2099-01-01T00:00:00Z")
    second.refusal(liar)
    assert refusal(second, liar, index, kept_back=True).code is Code.STALE


def test_a_peer_that_is_cut_off_out_of_reach_or_unknown(
    nodes: Federation, liar: Member, second: Member
) -> None:
    index = stuck(second, liar, bad(liar))
    second.link(liar).cut = True
    assert refusal(second, liar, index).code is Code.BUSY
    second.link(liar).cut = False
    with pytest.raises(Problem) as unknown:
        second.neighbourhood().pass_over("nobody.exchange", index, kept_back=False)
    assert unknown.value.code is Code.NOT_FOUND
    twin = nodes.twin(liar)
    twin.partner(YULIN).deliver(*(twin.partner(YULIN).record(to=(ORDOS,)) for _ in range(9)))
    liar.world.partner(YULIN).deliver(*(liar.world.partner(YULIN).record(to=(ORDOS,)) for _ in range(5)))
    second.refusal(liar)
    second.link(liar).peer = twin
    with pytest.raises(Problem) as two:
        pass_over(second, liar, index)
    assert two.value.code is Code.CONFLICT
    assert second.state(liar).cut_at is not None, "two histories cut it off, whoever finds them"
    assert refusal(second, liar, index).code is Code.NOT_ALLOWED
    second.neighbourhood().readmit(liar.name, anew=False)
    second.link(liar).peer = liar.world


def test_a_round_of_another_process_is_awaited(liar: Member, second: Member) -> None:
    index = stuck(second, liar, bad(liar))
    other = second.neighbourhood("another one")
    other._lease(f"peer {liar.name}")
    assert refusal(second, liar, index).code is Code.BUSY
    other._release(f"peer {liar.name}")
    assert pass_over(second, liar, index).index == index


def test_a_peer_that_false_numbers_keep_stuck_is_read_anew(liar: Member, second: Member) -> None:
    """As a hand-over's false word on its stream leaves it: nothing of it is believed any more, nothing comes twice."""
    neighbourhood = second.neighbourhood()
    with pytest.raises(Problem) as refused:
        neighbourhood.readmit(liar.name, anew=True)
    assert refused.value.code is Code.NOT_FOUND, "there is nothing to mend"
    second.round(liar)
    held = len(second.received())
    state = second.state(liar)
    false = replace(state, numbers={**state.numbers, ORDOS: state.numbers[ORDOS] + 9})
    second.world.node.store.write(Job(lambda transaction: transaction.neighbours.put_peer(false)))
    liar.world.partner(YULIN).deliver(liar.world.partner(YULIN).record(to=(ORDOS,)))
    assert second.refusal(liar).code is Code.CONFLICT
    with pytest.raises(Problem):
        neighbourhood.readmit(liar.name, anew=False)
    neighbourhood.readmit(liar.name, anew=True)
    report = second.round(liar)
    assert (report.new, report.known) == (1, held)
    assert len(second.received()) == held + 1


def test_where_a_peer_stands_is_forgotten_when_it_is_taken(liar: Member, second: Member) -> None:
    link = second.link(liar)
    link.lie_in_items(lambda items: items[3].update(record="x"))
    second.refusal(liar)
    assert second.state(liar).refused == 5
    link.cut = True
    second.refusal(liar)
    assert second.state(liar).refused == 5, "that it is out of reach now changes nothing"
    link.cut = False
    link.tell_the_truth()
    second.round(liar)
    assert second.state(liar).refused is None


def test_a_record_of_an_id_that_is_held_with_other_bytes(liar: Member, second: Member) -> None:
    second.round(liar)
    held = members_of(second.records(ORDOS)[0])
    yulin = liar.world.partner(YULIN)
    record = yulin.record(id=held["id"], salt=wire.base64url(new_id().encode()[:16]))
    index = stuck(second, liar, record)
    assert pass_over(second, liar, index).problem.code is Code.CONFLICT
    (entry,) = second.world.entries(Refused)
    assert entry.by == yulin.key.kid
