"""Two cities, one id: nobody can occupy an id, and each city's record is its own, whoever came first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import wire
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, Partner, World, members_of

from hub.log.receipt import Receipt

Shared = tuple[str, str, str]
"""An id, Yulin's record of it for Ordos, and Xinzhou's for Ordos and Yulin."""


@pytest.fixture(params=["owner first", "squatter first"])
def shared(world: World, request: pytest.FixtureRequest) -> Shared:
    """Xinzhou, to whom Yulin's record is none of its business, pushes one of the same id under Yulin's nose."""
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    record_id = members_of(yulin.record())["id"]
    ours, theirs = yulin.record(id=record_id), xinzhou.record(to=[ORDOS, YULIN], id=record_id)
    pushes = [(yulin, ours), (xinzhou, theirs)]
    for partner, record in pushes if request.param == "owner first" else reversed(pushes):
        partner.deliver(record)
    return record_id, ours, theirs


def shown(partner: Partner, record_id: str, query: str = "") -> list[str]:
    answer = partner.get(f"/v1/records/{record_id}{query}")
    assert answer.status == 200, answer.content
    return [item["record"] for item in answer.json["items"]]


def test_each_city_reads_proves_and_follows_its_own_record(world: World, shared: Shared) -> None:
    record_id, ours, theirs = shared
    for city, own in ((YULIN, ours), (XINZHOU, theirs)):
        partner = world.partner(city)
        assert shown(partner, record_id) == [own]
        receipt = Receipt.parse(partner.get(f"/v1/records/{record_id}/proof").content)
        assert wire.digest(own).encode() in receipt.entry
        assert partner.get(f"/v1/records/{record_id}/delivery").json["digest"] == wire.digest(own)


def test_the_owners_chain_of_revisions_goes_on_beside_the_other(world: World, shared: Shared) -> None:
    record_id, ours, theirs = shared
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    second = yulin.revise(ours)
    yulin.deliver(second)
    assert [each["status"] for each in xinzhou.push(theirs, xinzhou.revise(theirs))] == [
        "duplicate",
        "accepted",
    ]
    assert shown(yulin, record_id) == [ours, second]
    assert yulin.get(f"/v1/records/{record_id}/delivery").json["revision"] == 2


def test_one_citys_revision_cannot_follow_anothers(world: World, shared: Shared) -> None:
    record_id, ours, _ = shared
    xinzhou = world.partner(XINZHOU)
    previous = wire.digest(ours)
    forged = xinzhou.record(id=record_id, revision=2, previous=previous)
    assert xinzhou.refusal(forged) == ("wrong-revision", "/previous")


def test_who_received_both_says_which_one_is_meant(world: World, shared: Shared) -> None:
    record_id, ours, theirs = shared
    ordos = world.partner(ORDOS)
    assert {item["record"] for item in ordos.pull()["items"]} == {ours, theirs}
    first = min(world.partner(city).get(f"/v1/records/{record_id}").json["next"] for city in (YULIN, XINZHOU))
    assert ordos.get(f"/v1/records/{record_id}").json["next"] == first, "unsaid, it is the first in the log"
    for sender, wanted in ((YULIN, ours), (XINZHOU, theirs)):
        assert shown(ordos, record_id, f"?from={sender}") == [wanted]
        receipt = Receipt.parse(ordos.get(f"/v1/records/{record_id}/proof?from={sender}").content)
        assert wire.digest(wanted).encode() in receipt.entry
    assert ordos.get(f"/v1/records/{record_id}?from={WUZHONG}").problem == "not-found"
    assert ordos.get(f"/v1/records/{record_id}?from=61080").json["where"] == "/from"


def test_an_auditor_follows_either(world: World, shared: Shared) -> None:
    record_id, ours, theirs = shared
    for sender, wanted in ((YULIN, ours), (XINZHOU, theirs)):
        answer = world.auditor().get(f"/v1/records/{record_id}/delivery?from={sender}")
        assert answer.json["digest"] == wire.digest(wanted)


def test_nobody_sees_the_others_record_by_naming_its_sender(world: World, shared: Shared) -> None:
    record_id, _, theirs = shared
    assert world.partner(XINZHOU).get(f"/v1/records/{record_id}?from={YULIN}").problem == "not-found"
    assert world.partner(WUZHONG).get(f"/v1/records/{record_id}?from={YULIN}").problem == "not-found"
    assert shown(world.partner(YULIN), record_id, f"?from={XINZHOU}") == [theirs], (
        "it is one of its recipients"
    )


def host_all(trust_list: dict[str, Any], _: dict[str, Any]) -> None:
    for city in trust_list["cities"]:
        city["node"] = trust_list["cities"][0]["node"]


def test_an_answer_to_one_of_two_cities_does_not_mark_the_others_record(
    open_a_world: Callable[..., World],
) -> None:
    world = open_a_world(change=host_all)
    yulin, ordos, xinzhou = (world.partner(city) for city in (YULIN, ORDOS, XINZHOU))
    record = yulin.record(to=[XINZHOU])
    record_id = members_of(record)["id"]
    other = ordos.record(to=[XINZHOU], id=record_id)
    yulin.deliver(record)
    ordos.deliver(other)

    def outcome(partner: Partner) -> str | None:
        (recipient,) = partner.get(f"/v1/records/{record_id}/delivery").json["recipients"]
        found: str | None = recipient["outcome"]
        return found

    assert xinzhou.refusal(xinzhou.acknowledgement(record, to=[ORDOS])) == ("invalid", "/to")
    assert (outcome(yulin), outcome(ordos)) == (None, None)
    xinzhou.deliver(xinzhou.acknowledgement(record, to=[YULIN]))
    assert (outcome(yulin), outcome(ordos)) == ("accepted", None)
    xinzhou.deliver(xinzhou.acknowledgement(other, "rejected", to=[ORDOS]))
    assert (outcome(yulin), outcome(ordos)) == ("accepted", "rejected")
