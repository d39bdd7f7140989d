"""An alert that crosses nodes: each waits for its own cities' answers, and both name the same moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from neighbours import YANAN, Federation, Member
from partner import ALERT, ORDOS, XINZHOU, YULIN

from hub.clock import rfc3339
from hub.store import Job
from hub.store.awaited import Unanswered
from hub.store.moves import Departure

ASKING = {**ALERT, "acknowledge_within": 30}


@pytest.fixture
def mixed(open_nodes: Callable[..., Federation], database_url: str) -> Federation:
    """The second node, which receives, is on SQLite and on PostgreSQL."""
    return open_nodes({1: database_url})


def unanswered(member: Member) -> list[Unanswered]:
    at = rfc3339(member.world.clock())
    return member.store.ask_awaited(lambda awaited: awaited.unanswered(at, 100))


def send(first: Member) -> str:
    yulin = first.world.partner(YULIN)
    record = yulin.record(to=(ORDOS, XINZHOU, YANAN), body=ASKING)
    yulin.deliver(record)
    return record


def test_a_city_that_moved_away_is_waited_for_where_the_alert_was_pushed_alone(mixed: Federation) -> None:
    first, second, third = mixed
    send(first)
    second.round(first)
    away = Departure(0, "", third.name, 1, {})
    for member in (first, second):
        member.store.write(Job(lambda transaction: transaction.depart(ORDOS, away)))
    assert {each.city for each in unanswered(first)} == {ORDOS, XINZHOU, YANAN}
    assert {each.city for each in unanswered(second)} == {YANAN}


@pytest.mark.parametrize("way", ["round", "lane"])
def test_a_node_waits_for_the_cities_that_it_hosts_and_the_origin_for_all(
    mixed: Federation, way: str
) -> None:
    first, second, third = mixed
    send(first)
    mixed.clock.advance(minutes=29)
    for member in (second, third):
        getattr(member, way)(first)
    assert {each.city for each in unanswered(first)} == {ORDOS, XINZHOU, YANAN}
    assert {each.city for each in unanswered(second)} == {ORDOS, YANAN}
    assert {each.city for each in unanswered(third)} == {XINZHOU}
    times = {each.due_at for member in mixed for each in unanswered(member)}
    assert len(times) == 1, "however long it was on its way, it is due at one moment"
    mixed.clock.advance(minutes=1)
    assert times.pop() <= rfc3339(mixed.clock())


def test_an_answer_ends_it_at_its_own_node_and_then_at_the_origin(mixed: Federation) -> None:
    first, second, _ = mixed
    record, ordos = send(first), second.world.partner(ORDOS)
    second.round(first)
    ordos.deliver(ordos.acknowledgement(record, to=[YULIN]))
    assert {each.city for each in unanswered(second)} == {YANAN}
    assert ORDOS in {each.city for each in unanswered(first)}
    first.round(second)
    assert {each.city for each in unanswered(first)} == {XINZHOU, YANAN}


def test_what_came_by_the_lane_is_not_awaited_anew_when_the_round_comes_to_it(mixed: Federation) -> None:
    first, second, _ = mixed
    record, ordos = send(first), second.world.partner(ORDOS)
    second.lane(first)
    ordos.deliver(ordos.acknowledgement(record, to=[YULIN]))
    second.round(first)
    assert {each.city for each in unanswered(second)} == {YANAN}


def test_a_withdrawal_ends_it_everywhere(mixed: Federation) -> None:
    first, second, _ = mixed
    yulin, record = first.world.partner(YULIN), send(first)
    second.round(first)
    yulin.deliver(yulin.revise(record, withdrawn="sent in error", body=None))
    second.round(first)
    assert unanswered(first) == unanswered(second) == []


def test_an_alert_that_was_long_on_its_way_is_overdue_as_soon_as_it_comes(mixed: Federation) -> None:
    first, second, _ = mixed
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,), body=ASKING))
    mixed.clock.advance(days=300)
    second.round(first)
    assert len(unanswered(second)) == 1
    assert unanswered(second)[0].due_at < rfc3339(mixed.clock())
