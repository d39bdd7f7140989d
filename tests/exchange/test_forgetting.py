"""Forgetting: a record goes when its time is over, its proofs stay; a missed or doubled job harms nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
import wire
from partner import ORDOS, XINZHOU, YULIN, World, members_of

from hub import jobs
from hub.federation.neighbourhood import Neighbourhood
from hub.federation.watch import Watch
from hub.log.entry import Erased
from hub.log.verifier import verify_record


def test_a_record_is_forgotten_when_it_expires_and_its_proof_stays(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    expiry = (world.clock() + timedelta(days=2)).isoformat(timespec="seconds")
    short, long = yulin.record(expires_at=expiry), yulin.record()
    gone, _ = yulin.deliver(short, long)
    receipt = yulin.get(f"/v1/records/{gone['id']}/proof").content
    jobs.forget(world.node)
    assert len(ordos.pull()["items"]) == 2
    world.clock.advance(days=2)
    for _ in range(2):
        jobs.forget(world.node)
    (entry,) = world.entries(Erased)
    assert (entry.index, entry.digest, entry.basis) == (gone["index"], wire.digest(short), "expired")
    assert [item["record"] for item in ordos.pull()["items"]] == [long]
    (item,) = yulin.get(f"/v1/records/{gone['id']}").json["items"]
    assert item["record"] is None
    assert item["entry"].encode() in world.node.store.lines(gone["index"], gone["index"] + 1)
    assert yulin.get(f"/v1/records/{gone['id']}/proof").status == 200
    assert verify_record(short, receipt, world.node.trust()).index == gone["index"]
    assert world.verify().streams == {ORDOS: 2}
    stored = (world.folder / "nodes" / world.node.config.name / "hub.db").read_bytes()
    assert stored, "the database is where the configuration says"


def test_a_record_without_an_expiry_is_kept_as_long_as_the_agreement_says(world: World) -> None:
    yulin = world.partner(YULIN)
    record = yulin.record()
    yulin.deliver(record)
    world.clock.advance(days=364)
    jobs.forget(world.node)
    assert world.entries(Erased) == []
    world.clock.advance(days=1, seconds=5)
    jobs.forget(world.node)
    assert [entry.digest for entry in world.entries(Erased)] == [wire.digest(record)]


def test_an_expiry_beyond_the_agreements_retention_does_not_prolong_it(world: World) -> None:
    yulin = world.partner(YULIN)
    record = yulin.record(expires_at=(world.clock() + timedelta(days=4000)).isoformat(timespec="seconds"))
    yulin.deliver(record)
    world.clock.advance(days=365, seconds=5)
    jobs.forget(world.node)
    assert len(world.entries(Erased)) == 1


def test_a_forgotten_record_pushed_again_is_not_taken_up_again(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    record = yulin.record(expires_at=(world.clock() + timedelta(days=2)).isoformat(timespec="seconds"))
    yulin.deliver(record)
    world.clock.advance(days=3)
    jobs.forget(world.node)
    (outcome,) = yulin.push(record)
    assert outcome["status"] == "duplicate"
    assert ordos.pull()["items"] == []


def test_more_than_one_batch_is_forgotten_in_one_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FORGET_AT_ONCE", 7)
    yulin = world.partner(YULIN)
    expiry = (world.clock() + timedelta(hours=1)).isoformat(timespec="seconds")
    yulin.deliver(*(yulin.record(to=[ORDOS, XINZHOU], expires_at=expiry) for _ in range(23)))
    world.clock.advance(hours=2)
    jobs.forget(world.node)
    assert world.verify().types["erased"] == 23


def test_a_later_revision_is_taken_after_the_earlier_one_was_forgotten(world: World) -> None:
    yulin = world.partner(YULIN)
    expiry = (world.clock() + timedelta(hours=1)).isoformat(timespec="seconds")
    first = yulin.record("mediation_case", expires_at=expiry)
    yulin.deliver(first)
    world.clock.advance(hours=2)
    jobs.forget(world.node)
    now = world.clock().isoformat(timespec="seconds")
    yulin.deliver(yulin.revise(first, issued_at=now, expires_at=None))


def test_nonces_are_forgotten_when_the_clock_refuses_their_requests(world: World) -> None:
    yulin = world.partner(YULIN)
    yulin.pull()
    replayed, then = dict(yulin.last_request), world.clock()
    world.clock.advance(seconds=290)
    jobs.prune(world.node)
    assert yulin.send_as_is("GET", "/v1/records", None, replayed).problem == "replayed"
    world.clock.advance(seconds=400)
    jobs.prune(world.node)
    assert yulin.send_as_is("GET", "/v1/records", None, replayed).problem == "stale"
    assert world.node.exchange.prune(world.clock()) == 0
    assert then < world.clock()


def test_a_node_that_cannot_write_reports_the_job_and_goes_on(world: World) -> None:
    world.node.store.close()
    jobs.forget(world.node)
    jobs.prune(world.node)


def test_the_schedule_holds_every_job(world: World) -> None:
    neighbourhood = Neighbourhood(world.node, "this")
    lease = jobs.Lease(world.node, "this")
    scheduler = jobs.schedule(world.node, lease, Watch(world.node, neighbourhood, lambda: lease.held))
    neighbourhood.close()
    wanted = {"forget", "lease", "peers", "prune", "remember"}
    assert {job.id for job in scheduler.get_jobs()} == wanted


def test_of_two_processes_one_works_and_the_other_takes_over_when_it_is_gone(world: World) -> None:
    first, second = jobs.Lease(world.node, "first"), jobs.Lease(world.node, "second")
    first.renew()
    second.renew()
    assert (first.held, second.held) == (True, False)
    world.clock.advance(seconds=jobs.LEASE_SECONDS + 1)
    second.renew()
    first.renew()
    assert (first.held, second.held) == (False, True)
    second.release()
    first.renew()
    assert first.held
    assert members_of(world.partner(YULIN).record())["from"] == YULIN
