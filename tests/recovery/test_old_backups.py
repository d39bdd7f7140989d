"""A node that is started on an old backup: others know more of its log than it does itself, and can prove it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from neighbour import Neighbour
from partner import ORDOS, XINZHOU, YULIN
from stations import Region, Station
from waiting import until

from hub.errors import Code, Problem
from hub.federation.asking import ask_peers, halt_if_gone_back
from hub.federation.neighbourhood import Neighbourhood
from hub.federation.watch import Watch
from hub.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from hub.node import Node
from hub.preflight import try_opening
from keys.suite import generate_signing

LOST = 3


def lose(first: Station, *others: Station, records: int = LOST) -> Path:
    """A backup, records that come after it, and peers that know of them."""
    yulin = first.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    backup = first.back_up()
    yulin.deliver(*(yulin.record(to=(ORDOS,)) for _ in range(records)))
    first.be_witnessed(*others)
    return backup


def refusal(first: Station) -> str:
    """What a start is refused with."""
    refused = try_opening()
    assert refused is not None, "it would have started"
    code, detail, _where = refused
    assert code == "conflict"
    assert "`hub recover`" in detail
    return detail


# -- at the start ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forgetful", [False, True])
def test_a_restored_node_does_not_start(region: Region, first: Station, forgetful: bool) -> None:
    _, second, third = region
    backup = lose(first, second, third)
    first.node.remember()
    first.set_back(backup, forgetful=forgetful)
    said = refusal(first)
    assert "holds 3 log entries" in said
    assert "published 6" in said
    with pytest.raises(Problem) as closed:
        Node(first.config, first.clock)
    assert closed.value.code is Code.CONFLICT


def test_what_was_shown_once_is_remembered_while_all_peers_are_down(region: Region, first: Station) -> None:
    _, second, third = region
    backup = lose(first, second)
    first.set_back(backup)
    refusal(first)
    second.stop()
    third.stop()
    refusal(first)


def test_a_peer_that_only_folded_the_log_can_prove_it_too(region: Region, first: Station) -> None:
    _, second, _ = region
    backup = lose(first)
    second.round(first)
    first.set_back(backup)
    assert "published 6" in refusal(first)


def test_a_log_of_the_same_length_and_other_entries_does_not_start(region: Region, first: Station) -> None:
    _, second, third = region
    backup = lose(first, second, records=1)
    second.stop()
    third.stop()
    first.set_back(backup)
    first.start()
    yulin = first.partner(YULIN)
    yulin.deliver(yulin.record(to=(XINZHOU,)))
    assert first.size == 4
    first.stop()
    second.start()
    assert "published 4 others" in refusal(first)


def test_a_round_by_hand_enters_nothing_into_a_log_that_went_back(region: Region, first: Station) -> None:
    _, second, _ = region
    backup = lose(first, second)
    ordos = second.partner(ORDOS)
    ordos.deliver(ordos.record(to=(YULIN,)))
    first.set_back(backup)
    first.start()
    with pytest.raises(Problem) as refused:
        first.round(second)
    assert refused.value.code is Code.BUSY
    assert (first.size, first.halted) == (3, True)


def test_a_node_that_lost_nothing_starts(region: Region, first: Station) -> None:
    _, second, third = region
    lose(first, second, third)
    first.node.remember()
    first.stop()
    assert try_opening() is None


def test_an_older_checkpoint_of_the_log_is_no_proof(region: Region, first: Station) -> None:
    _, second, third = region
    first.be_witnessed(second)
    lose(first, third)
    first.stop()
    assert try_opening() is None


# -- peers that lie, hang, or are not there ----------------------------------------------------------------


def test_a_forged_checkpoint_stops_nobody(region: Region, first: Station) -> None:
    """Of a size beyond all bounds, under a key that is not the log's; under the peer's own; and no note at all."""
    _, second, third = region
    huge = Checkpoint(first.name, 10**12, bytes(32))
    forged = sign_checkpoint(huge, generate_signing())
    own = Neighbour.of(second.world, 1).grow(9).note()
    for body in (forged, own, "no note", ""):
        second.lies["/v1/logs/"] = lambda body=body: (200, body.encode())
        answers = {answer.peer: answer for answer in ask_peers(first.node)}
        assert answers[second.name].problem is not None
        assert answers[third.name].problem is None
        halt_if_gone_back(first.node, list(answers.values()))
        assert not first.halted
    assert try_opening() is None


def test_a_witness_that_claims_to_hold_more_stops_nobody(region: Region, first: Station) -> None:
    _, second, _ = region
    second.lies["/witness/"] = lambda: (409, b"1000000\n")
    watch = Watch(first.node, neighbourhood := Neighbourhood(first.node, "this one"), lambda: True)
    try:
        with pytest.raises(Problem) as claimed:
            watch._witness(second.name)
    finally:
        watch.close()
        neighbourhood.close()
    assert claimed.value.code is Code.CONFLICT
    assert f"GET /v1/logs/{first.name}/checkpoint" in second.asked
    assert not first.halted
    yulin = first.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))


@pytest.fixture(name="hanging")
def a_peer_that_hangs(region: Region) -> Iterator[None]:
    _, second, _ = region
    released = threading.Event()

    def hang() -> tuple[int, bytes]:
        released.wait(20)
        return 404, b""

    second.lies["/v1/logs/"] = hang
    yield
    released.set()


@pytest.mark.usefixtures("hanging")
def test_a_peer_that_hangs_holds_the_start_up_for_a_moment_only(region: Region, first: Station) -> None:
    _, second, third = region
    backup = lose(first, third)
    begun = time.monotonic()
    answers = {answer.peer: answer for answer in ask_peers(first.node, seconds=0.5)}
    assert time.monotonic() - begun < 3
    assert answers[second.name].problem is not None
    assert answers[third.name].checkpoint is not None
    first.set_back(backup)
    assert "published" in refusal(first)


# -- while it runs -----------------------------------------------------------------------------------------


@pytest.fixture(name="restored")
def started_while_nobody_was_there(region: Region, first: Station) -> Station:
    """A node on an old backup that started because all peers were down; one is back now."""
    _, second, third = region
    backup = lose(first, second, third)
    second.stop()
    third.stop()
    first.set_back(backup)
    assert try_opening() is None
    first.start()
    second.start()
    return first


def test_it_is_halted_as_soon_as_a_peer_is_back(restored: Station) -> None:
    yulin = restored.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    neighbourhood = Neighbourhood(restored.node, "this one")
    watch = Watch(restored.node, neighbourhood, lambda: True)
    try:
        watch.tick()
        until(lambda: restored.halted)
    finally:
        watch.close()
        neighbourhood.close()
    assert (
        open_checkpoint(str(restored.node.store.head().halted), restored.node.log_verifier).size == 3 + LOST
    )


def halt(restored: Station, peer: Station) -> None:
    assert not restored.stand(peer)
    assert restored.halted


def test_nothing_is_written_any_more_and_every_door_says_why(region: Region, restored: Station) -> None:
    _, second, _ = region
    yulin, ordos = restored.partner(YULIN), restored.partner(ORDOS)
    halt(restored, second)
    before = restored.rows("SELECT * FROM entries"), restored.rows("SELECT * FROM nonces")
    for answer in (yulin.post({"records": [yulin.record()]}), ordos.get("/v1/records")):
        assert (answer.problem, answer.status) == ("busy", 503)
        assert "hub recover" in answer.json["detail"]
        assert int(answer.headers["Retry-After"]) > 0
    assert (restored.rows("SELECT * FROM entries"), restored.rows("SELECT * FROM nonces")) == before
    readiness = restored.world.send("GET", "/readyz", None, {})
    assert (readiness.status, readiness.json["ready"]) == (503, False)
    assert any("hub recover" in fault for fault in readiness.json["faults"])
    assert b"hub_log_halted 1.0" in restored.world.send("GET", "/metrics", None, {}).body
    assert restored.hub("status", "--config", restored.home / "hub.toml").code == 1


def test_what_is_public_is_still_read_and_nobody_is_asked_to_cosign_it(
    region: Region, restored: Station
) -> None:
    _, second, _ = region
    halt(restored, second)
    assert restored.world.send("GET", "/log/checkpoint", None, {}).status == 200
    assert restored.world.send("GET", "/log/tile/0/000.p/3", None, {}).status == 200
    second.asked.clear()
    with pytest.raises(Problem):
        restored.be_witnessed(second)
    assert second.asked == []


def test_a_halted_node_cosigns_nothing(region: Region, restored: Station) -> None:
    """Its witness's memory is as old as its log: it may have cosigned more since."""
    _, second, _ = region
    second.be_witnessed(restored)
    halt(restored, second)
    second.clock.advance(minutes=10)  # what was cosigned a moment ago is not asked for again
    with pytest.raises(Problem) as refused:
        second.be_witnessed(restored)
    assert refused.value.code is Code.BUSY


def test_a_halted_node_stays_up_where_a_worker_of_it_is_started_again(
    region: Region, restored: Station
) -> None:
    _, second, _ = region
    halt(restored, second)
    worker = Node(restored.config, restored.clock, even_halted=True)
    assert not worker.health().ready
    worker.remember()
    worker.close()
    assert open_checkpoint(restored.memory.read_text(), restored.node.log_verifier).size == 3 + LOST


def test_only_nodes_and_auditors_may_ask_what_is_held_of_a_log(region: Region, first: Station) -> None:
    _, second, _ = region
    first.be_witnessed(second)
    asked = f"/v1/logs/{first.name}/checkpoint"
    assert second.partner(ORDOS).get(asked).problem == "not-allowed"
    audited = second.world.auditor().get(asked)
    assert open_checkpoint(audited.content.decode(), first.node.log_verifier).size == first.size
    for unknown in (second.name, "nobody", "x" * 300):
        assert second.world.auditor().get(f"/v1/logs/{unknown}/checkpoint").problem == "not-found"
    assert second.world.auditor().get(f"{asked}?size=3").problem == "invalid"
