"""Held pulls: they end when something comes or at their deadline, and never take all threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from partner import ORDOS, XINZHOU, YULIN, World
from waiting import until

from hub.errors import Code, Problem
from hub.polling import Held, Watcher


def test_a_held_pull_ends_when_something_comes(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    record = yulin.record()
    with ThreadPoolExecutor(1) as threads:
        pulling = threads.submit(ordos.pull, "?wait=20")
        until(lambda: world.node.exchange.watcher.waiting == 1)
        assert not pulling.done()
        begun = time.monotonic()
        yulin.deliver(record)
        page = pulling.result(timeout=10)
    assert time.monotonic() - begun < 5
    assert [item["record"] for item in page["items"]] == [record]
    assert world.types()["served"] == 1


def test_a_held_pull_goes_on_waiting_when_others_get_something(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    record = yulin.record()
    with ThreadPoolExecutor(1) as threads:
        pulling = threads.submit(ordos.pull, "?wait=20&kind=alert")
        until(lambda: world.node.exchange.watcher.waiting == 1)
        yulin.deliver(yulin.record(to=[XINZHOU]), yulin.record("mediation_case"))
        world.partner(XINZHOU).pull()
        until(lambda: world.node.exchange.watcher.waiting == 1)
        assert not pulling.done()
        yulin.deliver(record)
        assert [item["record"] for item in pulling.result(timeout=10)["items"]] == [record]


def test_a_held_pull_ends_empty_at_its_deadline(world: World) -> None:
    begun = time.monotonic()
    page = world.partner(ORDOS).pull("?wait=1")
    assert 0.9 < time.monotonic() - begun < 5
    assert (page["items"], page["next"], page["more"]) == ([], -1, False)


def test_a_pull_with_something_to_give_is_not_held(world: World) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(yulin.record())
    begun = time.monotonic()
    assert len(world.partner(ORDOS).pull("?wait=30")["items"]) == 1
    assert time.monotonic() - begun < 5


def test_pulls_beyond_the_slots_are_told_to_come_back(open_a_world: Callable[..., World]) -> None:
    world = open_a_world(polls=1)
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(ordos.pull, "?wait=20")
        until(lambda: world.node.exchange.watcher.waiting == 1)
        answer = world.partner(XINZHOU).get("/v1/records?wait=20")
        assert (answer.problem, answer.status) == ("busy", 503)
        assert int(answer.headers["Retry-After"]) > 0
        assert world.partner(XINZHOU).pull()["items"] == [], "a pull that is not held still answers"
        yulin.deliver(yulin.record())
        assert len(held.result(timeout=10)["items"]) == 1


def test_a_held_pull_keeps_its_slot_while_others_get_something(open_a_world: Callable[..., World]) -> None:
    world = open_a_world(polls=1)
    yulin, ordos, xinzhou = world.partner(YULIN), world.partner(ORDOS), world.partner(XINZHOU)
    with ThreadPoolExecutor(2) as threads:
        held = threads.submit(ordos.get, "/v1/records?wait=20&kind=alert")
        until(lambda: world.node.exchange.watcher.waiting == 1)

        def crowd() -> int:
            refused = 0
            while xinzhou.get("/v1/records?wait=1&kind=risk_notice").status == 503:
                refused += 1
            return refused

        crowding = threads.submit(crowd)
        for _ in range(8):
            yulin.deliver(yulin.record("mediation_case"))
            assert not held.done()
        yulin.deliver(yulin.record())
        answer = held.result(timeout=10)
        assert crowding.result(timeout=10) > 0
    assert answer.status == 200
    assert len(answer.json["items"]) == 1


def test_a_node_that_stops_lets_held_pulls_go(world: World) -> None:
    with ThreadPoolExecutor(1) as threads:
        pulling = threads.submit(world.partner(ORDOS).pull, "?wait=20")
        until(lambda: world.node.exchange.watcher.waiting == 1)
        world.node.exchange.watcher.close()
        assert pulling.result(timeout=10)["items"] == []


# -- the watcher by itself -----------------------------------------------------------------------------


@pytest.fixture
def log() -> list[int]:
    return [5]


@pytest.fixture
def watcher(log: list[int]) -> Iterator[Watcher]:
    def size() -> int:
        if log[-1] < 0:
            raise Problem(Code.BUSY, "the database does not answer")
        return log[-1]

    made = Watcher(size, 2)
    yield made
    made.close()


def test_waiting_for_what_is_there_ends_at_once(watcher: Watcher) -> None:
    assert watcher.wait_past(Held("a"), 4, 5)


def test_waiting_survives_a_database_that_does_not_answer(watcher: Watcher, log: list[int]) -> None:
    with ThreadPoolExecutor(1) as threads:
        log.append(-1)
        waiting = threads.submit(watcher.wait_past, Held("a"), 5, 10)
        until(lambda: watcher.waiting == 1)
        log.append(6)
        assert waiting.result(timeout=10) is True


def test_nobody_waits_longer_than_told(watcher: Watcher) -> None:
    assert watcher.wait_past(Held("a"), 5, 0.05) is False
    assert watcher.waiting == 0


def test_who_holds_most_gives_one_up_and_nobody_takes_from_who_holds_as_few(watcher: Watcher) -> None:
    def hold(kid: str) -> bool:
        with watcher.slot(kid) as held:
            return watcher.wait_past(held, 5, 30)

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(hold, "greedy")
        until(lambda: watcher.waiting == 1)
        second = threads.submit(hold, "greedy")
        until(lambda: watcher.waiting == 2)
        modest = threads.submit(hold, "modest")
        assert first.result(timeout=10) is False, "the oldest of the one that holds most"
        until(lambda: watcher.waiting == 2)
        for kid in ("greedy", "modest", "a third"):
            with pytest.raises(Problem) as refused, watcher.slot(kid):
                pass
            assert refused.value.code is Code.BUSY
        assert not second.done()
        assert not modest.done()
        watcher.close()
