"""The trust list changes under a running node: it comes into force, is logged, and what fails TUF never does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import wire
from partner import ORDOS, XINZHOU, YULIN, World, members_of

import hub.trust
from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.log.entry import TrustChanged
from hub.log.verifier import verify_record


@pytest.fixture
def always_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request looks at the repository."""
    monkeypatch.setattr(hub.trust, "LOOK_EVERY_SECONDS", -1)


def revoke(kid: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(trust_list: dict[str, Any], _: dict[str, Any]) -> None:
        for city in trust_list["cities"]:
            for key in city["keys"]:
                if key["kid"] == kid:
                    key["revoked_at"] = (utc_now() - timedelta(seconds=1)).isoformat(timespec="seconds")

    return change


@pytest.mark.usefixtures("always_looking")
def test_a_key_revoked_on_disk_is_refused_by_the_running_node(world: World) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    world.clock.advance(minutes=-1)
    record = yulin.record()
    (outcome,) = yulin.deliver(record)
    receipt = yulin.get(f"/v1/records/{outcome['id']}/proof").content
    world.clock.advance(minutes=1)
    world.change_trust(revoke(yulin.key.kid))
    assert yulin.get("/v1/records").problem == "unknown-key"
    assert yulin.post({"records": [yulin.record()]}).problem == "unknown-key"
    assert xinzhou.get("/v1/records").status == 200, "no other key is touched"
    # What was accepted before stays verifiable, and stays served.
    assert verify_record(record, receipt, world.node.trust()).index == outcome["index"]
    assert [item["record"] for item in world.partner(ORDOS).pull()["items"]] == [record]
    versions = [(entry.file, entry.version) for entry in world.entries(TrustChanged)]
    assert sorted(versions) == [
        *(("agreements.json", 1), ("agreements.json", 2), ("trust-list.json", 1), ("trust-list.json", 2)),
    ]


def test_a_record_by_a_revoked_key_is_refused_however_it_comes(open_a_world: Callable[..., World]) -> None:
    """The city has two keys; the record bears the revoked one, the request the good one."""
    fresh = wire.Key.new()

    def add_and_revoke(trust_list: dict[str, Any], agreements: dict[str, Any]) -> None:
        city = trust_list["cities"][0]
        x = wire.base64url(fresh.private.public_key().public_bytes_raw())
        listed = {**city["keys"][0], "kid": fresh.kid, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}}
        city["keys"].append(listed)
        revoke(city["keys"][0]["kid"])(trust_list, agreements)

    world = open_a_world(change=add_and_revoke)
    yulin = world.partner(YULIN)
    old = yulin.record(issued_at=(yulin.clock() - timedelta(days=30)).isoformat(timespec="seconds"))
    good = world.with_key(fresh, YULIN)
    assert good.refusal(old) == ("unknown-key", "/issued_at")
    good.deliver(good.record())


@pytest.mark.usefixtures("always_looking")
def test_a_repository_that_fails_its_checks_never_comes_into_force(world: World) -> None:
    yulin = world.partner(YULIN)
    trust = world.folder / "trust"
    shutil.copytree(trust, world.folder / "before")
    world.change_trust(revoke(world.partner(XINZHOU).key.kid))
    (trust / "2.targets.json").write_bytes(b"{}")
    faults = world.send("GET", "/readyz", None, {}).json["faults"]
    assert "trust repository was refused" in faults[0]
    yulin.deliver(yulin.record())
    assert world.partner(XINZHOU).get("/v1/records").status == 200, "the last good list goes on"


@pytest.mark.usefixtures("always_looking")
def test_a_repository_that_is_copied_file_by_file_comes_into_force_once_it_is_whole(world: World) -> None:
    """The timestamp came first, and nothing about it changes when the rest has come."""
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    trust, whole, before = (world.folder / name for name in ("trust", "whole", "before"))
    shutil.copytree(trust, before)
    world.change_trust(revoke(xinzhou.key.kid))
    trust.rename(whole)
    before.rename(trust)
    shutil.copy2(whole / "timestamp.json", trust)
    for missing in ("2.snapshot.json", "2.targets.json", "targets"):
        assert yulin.get("/v1/records").status == xinzhou.get("/v1/records").status == 200
        readiness = world.send("GET", "/readyz", None, {})
        assert readiness.status == 503
        assert "refused" in readiness.json["faults"][0]
        if missing != "targets":
            shutil.copy2(whole / missing, trust)
    for target in (whole / "targets").iterdir():
        shutil.copy2(target, trust / "targets")
    assert xinzhou.get("/v1/records").problem == "unknown-key"
    assert yulin.get("/v1/records").status == 200
    assert world.send("GET", "/readyz", None, {}).json["faults"] == []
    assert sorted(entry.version for entry in world.entries(TrustChanged)) == [1, 1, 2, 2]


@pytest.mark.usefixtures("always_looking")
def test_a_change_that_cannot_be_noted_is_noted_later_and_no_request_suffers(world: World) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    tried: list[datetime] = []

    def fail(now: datetime) -> None:
        tried.append(now)
        raise Problem(Code.BUSY, "the database cannot be written now")

    note, world.node.trust.on_change = world.node.trust.on_change, fail
    world.change_trust(revoke(xinzhou.key.kid))
    assert yulin.get("/v1/records").status == 200
    assert xinzhou.get("/v1/records").problem == "unknown-key", "it is in force all the same"
    assert len(tried) >= 2
    assert len(world.entries(TrustChanged)) == 2
    world.node.trust.on_change = note
    assert yulin.get("/v1/records").status == 200
    assert len(world.entries(TrustChanged)) == 4
    assert yulin.get("/v1/records").status == 200
    assert len(world.entries(TrustChanged)) == 4


def test_a_node_that_starts_names_the_lists_in_force_once(open_a_world: Callable[..., World]) -> None:
    world = open_a_world()
    assert len(world.entries(TrustChanged)) == 2
    world.node.exchange.log_trust(utc_now())
    assert len(world.entries(TrustChanged)) == 2
    by_file = {entry.file: entry.digest for entry in world.entries(TrustChanged)}
    for file, digest in by_file.items():
        target = world.folder / "trust" / "targets" / f"{digest}.{file}"
        assert wire.digest(target.read_bytes()) == digest


def test_once_the_trust_list_has_expired_the_node_takes_nothing(world: World) -> None:
    yulin = world.partner(YULIN)
    record = yulin.record()
    world.clock.advance(days=367)
    for answer in (yulin.post({"records": [record]}), yulin.get("/v1/records")):
        assert (answer.problem, answer.status) == ("busy", 503)
        assert int(answer.headers["Retry-After"]) > 0
    readiness = world.send("GET", "/readyz", None, {})
    assert readiness.status == 503
    assert "expired" in readiness.json["faults"][0]
    assert world.send("GET", "/healthz", None, {}).status == 200
    assert world.send("GET", "/log/checkpoint", None, {}).status == 200
    assert world.types()["accepted"] == 0
    assert members_of(record)["from"] == YULIN


def test_a_node_does_not_start_on_an_expired_repository(open_a_world: Callable[..., World]) -> None:
    world = open_a_world()
    from hub.node import Node

    with pytest.raises(Problem):
        Node(world.node.config, lambda: utc_now() + timedelta(days=400))
