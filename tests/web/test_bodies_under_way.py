"""One key has so many bodies under way and no more: it cannot hold all threads, or all memory, of a node."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from partner import XINZHOU, YULIN, Answer, World
from waiting import until

from hub.errors import Code, Problem
from hub.store import Job
from hub.web.arriving import BODIES, LARGE_BODIES, LARGE_BYTES, Bodies

SIZES = {
    "small": (LARGE_BYTES - 1, BODIES),
    "large": (LARGE_BYTES, LARGE_BODIES),
    "unsaid": (None, LARGE_BODIES),
}


@pytest.mark.parametrize("size", SIZES)
def test_more_than_so_many_at_a_time_are_too_many_requests(size: str) -> None:
    announced, most = SIZES[size]
    bodies = Bodies()
    with ExitStack() as held:
        for _ in range(most):
            held.enter_context(bodies.admit("key", announced))
        for _ in range(2):
            with pytest.raises(Problem) as refused, bodies.admit("key", announced):
                pytest.fail("admitted")
            assert refused.value.code is Code.TOO_MANY_REQUESTS
            assert refused.value.retry_after is not None
        with bodies.admit("another key", announced):
            pass
    with ExitStack() as held:
        for _ in range(most):
            held.enter_context(bodies.admit("key", announced))


def test_large_bodies_leave_room_for_small_ones_and_the_other_way_round() -> None:
    bodies = Bodies()
    with ExitStack() as held:
        for _ in range(LARGE_BODIES):
            held.enter_context(bodies.admit("key", LARGE_BYTES))
        for _ in range(BODIES):
            held.enter_context(bodies.admit("key", 10))


def test_a_request_that_fails_gives_its_place_back() -> None:
    bodies = Bodies()
    for _ in range(2 * LARGE_BODIES):
        with pytest.raises(RuntimeError), bodies.admit("key", None):
            raise RuntimeError
    assert not bodies._under_way, "nor is anything kept of keys that are gone"


@contextmanager
def held_up(world: World) -> Iterator[None]:
    """While this lasts nothing is written."""
    gate, store = threading.Event(), world.node.store
    with ThreadPoolExecutor(1) as threads:
        begun = threading.Event()
        holding = threads.submit(store.write, Job(lambda _: (begun.set(), gate.wait(20))))
        try:
            assert begun.wait(10)
            yield
        finally:
            gate.set()
            holding.result(timeout=10)


@pytest.mark.parametrize(("size", "most"), [(0, BODIES), (LARGE_BYTES, LARGE_BODIES)])
def test_a_node_refuses_a_keys_next_body_and_takes_it_later(world: World, size: int, most: int) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    body = b'{"records":["nonsense"]' + b" " * size + b"}"
    with ThreadPoolExecutor(most + 1) as threads:
        with held_up(world):
            waiting: list[Future[Answer]] = [threads.submit(yulin.post, body) for _ in range(most)]
            until(lambda: world.node.store._appender._queue.qsize() == most)
            refused = yulin.post(body)
            assert (refused.problem, refused.status) == ("too-many-requests", 429)
            assert int(refused.headers["Retry-After"]) > 0
            assert yulin.get("/v1/schemas/alert/1").status == 200
            others = threads.submit(xinzhou.post, body)
            until(lambda: world.node.store._appender._queue.qsize() == most + 1)
        assert {each.result(timeout=20).status for each in [*waiting, others]} == {200}
    assert yulin.post(body).status == 200
