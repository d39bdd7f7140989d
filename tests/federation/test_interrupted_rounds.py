"""Rounds that end at any step: what was taken is there once, and another process goes on where this one stopped."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from faults import FaultyDatabase, Mode
from neighbours import Federation, Member
from partner import ORDOS, YULIN
from waiting import until
from werkzeug.serving import make_server

from hub.errors import Code, Problem
from hub.federation.neighbourhood import LEASE_SECONDS
from hub.store import Store
from hub.store.transaction import SignCheckpoint


@pytest.mark.parametrize("mode", ["failed", "failed but persisted"])
def test_whichever_step_of_the_store_fails_each_record_comes_exactly_once(
    open_nodes: Callable[..., Federation], database_url: str, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, faulty = Store.open, list[FaultyDatabase]()

    def open_store(url: str, origin: str, sign: SignCheckpoint) -> Store:
        if url != database_url:
            return opening(url, origin, sign)
        faulty.append(FaultyDatabase(url))
        return Store(faulty[0], origin, sign)

    monkeypatch.setattr(Store, "open", open_store)
    nodes = open_nodes({1: database_url})
    (database,) = faulty
    first, second, _ = nodes
    yulin, pushed = first.world.partner(YULIN), list[str]()
    step, seen = 0, set[str]()
    while True:
        records = [yulin.record(), yulin.record()]
        yulin.deliver(*records)
        pushed += records
        for neighbourhood in second.neighbourhoods:
            neighbourhood.close()
        second.neighbourhoods.clear()  # as a process that begins anew
        database.fail(step, mode)
        try:
            second.round(first, holder=f"process {step}")
        except Problem as problem:
            assert problem.code is Code.BUSY
        seen.update(database.steps)
        reached = database.failed
        database.fail(-1, mode)
        nodes.clock.advance(seconds=LEASE_SECONDS + 1)  # a lease that nobody gave back has run out
        second.round(first, holder=f"process {step} again")
        assert second.state(first).failures == 0
        if not reached:
            break
        step += 1
    assert second.records(ORDOS) == pushed
    assert [entry.to[ORDOS] for entry in second.received()] == list(range(1, len(pushed) + 1))
    second.world.verify()
    assert all(any(table in statement for statement in seen) for table in ("peers", "records", "leases"))


def test_a_catch_up_that_broke_off_is_ended_by_another_process(nodes: Federation) -> None:
    """The second one has no tiles at hand: it proves what it is given anew, and folds nothing twice."""
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    pushed = [yulin.record() for _ in range(3000)]
    for start in range(0, len(pushed), 1000):
        yulin.deliver(*pushed[start : start + 1000])
    link = second.link(first)

    def cut(page: dict[str, Any]) -> None:
        link.cut = sum("/v1/records" in asked for asked in link.asked) == 2

    link.lie_in_page(cut)
    link.lie_in_page(lambda page: page.update(items=page["items"][:700], more=True))
    assert second.refusal(first).code is Code.BUSY
    assert len(second.received()) == 1400
    link.cut = False
    link.tell_the_truth()
    link.forget()
    report = second.round(first, holder="another process")
    assert (report.new, report.known) == (1600, 0)
    assert report.folded == 2, "what was pulled before has become two entries since"
    tiles = [asked for asked in link.asked if asked.startswith("/log/tile/0/")]
    assert len(tiles) == len(set(tiles)) <= 9
    assert second.records(ORDOS) == pushed
    second.world.verify()


def test_a_process_that_is_killed_in_the_middle_leaves_no_trace_but_what_it_took(
    nodes: Federation,
) -> None:
    program = """
import os, sys
from pathlib import Path
from hub.config import read_config
from hub.federation.neighbourhood import Neighbourhood
from hub.node import Node
node = Node(read_config(Path(sys.argv[1])))
neighbourhood = Neighbourhood(node, "another process")
neighbourhood.round(sys.argv[2], lambda done, _size: done and os._exit(9))
"""
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    pushed = [yulin.record() for _ in range(1200)]
    yulin.deliver(*pushed[:600])
    yulin.deliver(*pushed[600:])
    config = first.world.node.config
    server = make_server(config.host, config.port, first.world.application, threaded=True)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        home = nodes.folder / "nodes" / second.name
        done = subprocess.run(
            [sys.executable, "-c", program, str(home / "hub.toml"), first.name], check=False, timeout=60
        )
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
    assert done.returncode == 9
    assert len(second.received()) == 1000
    nodes.clock.advance(seconds=LEASE_SECONDS + 1)
    assert second.round(first).new == 200
    assert second.records(ORDOS) == pushed
    second.world.verify()


# -- two at once ---------------------------------------------------------------------------------------


class Gate:
    """Stops a round at its first page until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, _page: dict[str, Any]) -> None:
        self.reached.set()
        assert self.opened.wait(20)


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    said: list[Any] = []

    def run() -> None:
        try:
            said.append(work())
        except Problem as problem:
            said.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, said


@pytest.fixture
def busy(nodes: Federation) -> tuple[Member, Member]:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(5)))
    return first, second


def test_of_two_processes_one_is_at_work_with_a_peer(busy: tuple[Member, Member]) -> None:
    first, second = busy
    gate = Gate()
    second.link(first).lie_in_page(gate)
    thread, said = in_thread(lambda: second.round(first))
    until(gate.reached.is_set)
    with pytest.raises(Problem) as refused:
        second.round(first, holder="another process")
    assert refused.value.code is Code.BUSY
    assert second.state(first).failures == 0, "that is no fault of the peer's"
    gate.opened.set()
    thread.join()
    assert said[0].new == 5
    assert second.round(first, holder="another process").new == 0


def test_a_process_that_slept_past_its_lease_does_not_undo_what_another_did(
    nodes: Federation, busy: tuple[Member, Member]
) -> None:
    first, second = busy
    gate = Gate()
    link = second.link(first)
    link.lie_in_page(gate)
    thread, said = in_thread(lambda: second.round(first))
    until(gate.reached.is_set)
    link.tell_the_truth()
    nodes.clock.advance(seconds=LEASE_SECONDS + 1)
    assert second.round(first, holder="another process").new == 5
    state = second.state(first)
    gate.opened.set()
    thread.join()
    assert isinstance(said[0], Problem)
    assert said[0].code is Code.BUSY
    assert second.state(first).after == state.after
    assert len(second.received()) == 5
    second.world.verify()


def test_a_long_round_keeps_its_lease(nodes: Federation, busy: tuple[Member, Member]) -> None:
    first, second = busy
    refusals: list[Code] = []

    def dawdle(page: dict[str, Any]) -> None:
        # Pages are fetched ahead: three may have come before the first is stored, and all five are longer than a lease.
        nodes.clock.advance(seconds=LEASE_SECONDS // 4)
        page.update(items=page["items"][:1], more=len(page["items"]) > 1)
        try:
            second.round(first, holder="another process")
        except Problem as problem:
            refusals.append(problem.code)

    second.link(first).lie_in_page(dawdle)
    assert second.round(first).new == 5
    assert refusals == [Code.BUSY] * 5
