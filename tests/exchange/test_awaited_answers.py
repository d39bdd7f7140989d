"""Alerts that ask to be acknowledged: who has not answered, by when they should have, and when it matters no more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from partner import ALERT, ORDOS, WUZHONG, XINZHOU, YULIN, World, members_of

from hub import jobs
from hub.clock import rfc3339
from hub.store import Job, Transaction
from hub.store.awaited import AwaitedCount

ASKING = {**ALERT, "acknowledge_within": 15}
NONE = AwaitedCount(0, 0)


def delivery(world: World, record: str, query: str = "") -> dict[str, dict[str, Any]]:
    answer = world.partner(YULIN).get(f"/v1/records/{members_of(record)['id']}/delivery{query}")
    return {each["city"]: each for each in answer.json["recipients"]}


def count(world: World) -> AwaitedCount:
    return world.node.store.ask_awaited(lambda awaited: awaited.count(rfc3339(world.clock())))


def overdue(world: World) -> set[str]:
    at = rfc3339(world.clock())
    found = world.node.store.ask_awaited(lambda awaited: awaited.unanswered(at, 100))
    return {each.city for each in found if each.due_at <= at}


def send(world: World, **changes: Any) -> str:
    record = world.partner(YULIN).record(**{"to": [ORDOS, XINZHOU], "body": ASKING, **changes})
    world.partner(YULIN).deliver(record)
    return record


def test_an_alert_is_due_so_many_minutes_after_it_was_accepted_and_then_overdue(world: World) -> None:
    before = rfc3339(world.clock() + timedelta(minutes=15))
    record = send(world)
    after = rfc3339(world.clock() + timedelta(minutes=15))
    for told in delivery(world, record).values():
        assert before <= told["due_at"] <= after
        assert told["overdue"] is False
    assert count(world) == AwaitedCount(2, 0)
    world.clock.advance(minutes=14)
    assert overdue(world) == set()
    world.clock.advance(minutes=1)
    assert overdue(world) == {ORDOS, XINZHOU}
    assert [told["overdue"] for told in delivery(world, record).values()] == [True, True]
    assert count(world) == AwaitedCount(2, 2)


@pytest.mark.parametrize("outcome", ["received", "accepted", "rejected", "unreadable"])
def test_any_acknowledgement_is_an_answer_and_only_that_recipients(world: World, outcome: str) -> None:
    record, xinzhou = send(world), world.partner(XINZHOU)
    xinzhou.deliver(xinzhou.acknowledgement(record, outcome))
    world.clock.advance(minutes=15)
    told = delivery(world, record)
    assert (told[XINZHOU]["due_at"], told[XINZHOU]["overdue"], told[XINZHOU]["outcome"]) == (
        None,
        False,
        outcome,
    )
    assert told[ORDOS]["overdue"] is True
    assert count(world) == AwaitedCount(1, 1)


def test_an_answer_that_comes_late_ends_it_too(world: World) -> None:
    record, xinzhou = send(world, to=[XINZHOU]), world.partner(XINZHOU)
    world.clock.advance(hours=3)
    assert count(world) == AwaitedCount(1, 1)
    xinzhou.deliver(xinzhou.acknowledgement(record))
    assert count(world) == NONE


def test_what_ends_in_the_transaction_in_which_it_began_leaves_no_trace(world: World) -> None:
    """Requests that arrive together are committed together: the row is not there yet when it is to go."""

    def apply(transaction: Transaction) -> None:
        transaction.awaited.expect(100, [ORDOS, XINZHOU, WUZHONG], "2026", "2999")
        transaction.awaited.answered(100, ORDOS)
        transaction.awaited.expect(101, [ORDOS], "2026", "2999")
        transaction.awaited.drop(101)

    world.node.store.write(Job(apply))
    assert count(world) == AwaitedCount(2, 2)


def test_opening_an_alert_is_no_answer_to_it(world: World) -> None:
    record = send(world, to=[XINZHOU])
    world.partner(XINZHOU).pull()
    assert delivery(world, record)[XINZHOU]["due_at"] is not None
    assert count(world) == AwaitedCount(1, 0)


def test_an_acknowledgement_of_another_record_or_by_another_city_is_no_answer(world: World) -> None:
    one, two, xinzhou = send(world, to=[XINZHOU]), send(world, to=[XINZHOU]), world.partner(XINZHOU)
    xinzhou.deliver(xinzhou.acknowledgement(two))
    wrong = {"digest": "0" * 64, "outcome": "accepted"}
    assert xinzhou.refusal(xinzhou.acknowledgement(one, body=wrong))[0] == "invalid"
    assert delivery(world, one)[XINZHOU]["due_at"] is not None
    assert delivery(world, two)[XINZHOU]["due_at"] is None


def test_a_later_revision_is_awaited_in_place_of_the_one_before(world: World) -> None:
    yulin, first = world.partner(YULIN), send(world)
    world.clock.advance(minutes=20)
    second = yulin.revise(first, to=[ORDOS, WUZHONG], body={**ASKING, "acknowledge_within": 60})
    yulin.deliver(second)
    assert {told["due_at"] for told in delivery(world, second, "?revision=1").values()} == {None}
    assert set(delivery(world, second)) == {ORDOS, WUZHONG}
    assert count(world) == AwaitedCount(2, 0)
    world.clock.advance(minutes=60)
    assert overdue(world) == {ORDOS, WUZHONG}


def test_an_answer_to_the_revision_before_is_none_to_the_newest(world: World) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    first = send(world, to=[XINZHOU])
    second = yulin.revise(first)
    yulin.deliver(second)
    xinzhou.deliver(xinzhou.acknowledgement(first))
    assert count(world) == AwaitedCount(1, 0)
    xinzhou.deliver(xinzhou.acknowledgement(second))
    assert count(world) == NONE


@pytest.mark.parametrize(
    "last",
    [{"withdrawn": "sent in error", "body": None}, {"body": {**ASKING, "acknowledge_within": None}}],
    ids=["a withdrawal", "a revision that asks for none"],
)
def test_an_answer_that_is_asked_for_no_more_is_not_awaited(world: World, last: dict[str, Any]) -> None:
    yulin, record = world.partner(YULIN), send(world)
    yulin.deliver(yulin.revise(record, **last))
    assert count(world) == NONE
    assert {told["due_at"] for told in delivery(world, record).values()} == {None}


def test_an_alert_that_has_expired_waits_for_nobody_even_before_the_clocks_turn(world: World) -> None:
    expires = (world.clock() + timedelta(minutes=40)).isoformat(timespec="seconds")
    record = send(world, body={**ASKING, "expires": expires})
    world.clock.advance(minutes=39)
    assert overdue(world) == {ORDOS, XINZHOU}
    world.clock.advance(minutes=1)
    assert count(world) == NONE
    assert {(told["due_at"], told["overdue"]) for told in delivery(world, record).values()} == {(None, False)}
    world.clock.advance(minutes=-1)
    assert count(world) == AwaitedCount(2, 2)
    world.clock.advance(minutes=1)
    for _ in range(2):
        jobs.prune(world.node)
    world.clock.advance(minutes=-1)
    assert count(world) == NONE


def test_an_alert_that_came_after_its_own_end_waits_for_nobody(world: World) -> None:
    send(world, body={**ASKING, "expires": "2020-01-01T00:00:00+08:00"})
    assert count(world) == NONE


def test_an_alert_whose_record_expires_first_waits_no_longer_than_the_record(world: World) -> None:
    send(world, expires_at=(world.clock() + timedelta(minutes=30)).isoformat(timespec="seconds"))
    world.clock.advance(minutes=30, seconds=1)
    assert count(world) == NONE


def test_an_alert_that_is_erased_waits_for_nobody(world: World) -> None:
    send(world, body={**ASKING, "acknowledge_within": 10_080})
    world.node.store.write(Job(lambda transaction: transaction.erase(2)))
    assert count(world) == NONE


def test_alerts_that_ask_for_nothing_and_other_kinds_leave_no_trace(world: World) -> None:
    yulin = world.partner(YULIN)
    plain, case = yulin.record(to=[XINZHOU]), yulin.record("mediation_case", to=[XINZHOU])
    yulin.deliver(plain, case)
    for record in (plain, case):
        assert delivery(world, record)[XINZHOU]["due_at"] is None
        assert delivery(world, record)[XINZHOU]["overdue"] is False
    assert count(world) == NONE


def test_a_wait_that_begins_again_for_a_held_alert_takes_the_place_of_the_first(world: World) -> None:
    """A city that comes back is handed what it was handed before."""
    send(world)
    again = Job(lambda transaction: transaction.awaited.expect(2, [ORDOS], "2026", "2999"))
    for _ in range(2):
        world.node.store.write(again)
    assert count(world) == AwaitedCount(2, 1)


def test_what_was_sent_twice_is_awaited_once(world: World) -> None:
    record, yulin = send(world), world.partner(YULIN)
    world.partner(XINZHOU).deliver(world.partner(XINZHOU).acknowledgement(record))
    assert [each["status"] for each in yulin.push(record)] == ["duplicate"]
    assert count(world) == AwaitedCount(1, 0)
