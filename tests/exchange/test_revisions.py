"""Doing it twice changes nothing; revisions form one chain, and only their first issuer lengthens it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import wire
from partner import ALERT, CASE, ORDOS, XINZHOU, YULIN, World, members_of


def test_a_push_again_gives_the_stored_outcome(world: World) -> None:
    yulin = world.partner(YULIN)
    records = [yulin.record() for _ in range(40)]
    first = yulin.deliver(*records)
    before = world.types()
    again = yulin.push(*records)
    assert [{**each, "status": "accepted"} for each in again] == first
    assert {each["status"] for each in again} == {"duplicate"}
    assert world.types() == before
    assert [each["digest"] for each in first] == [wire.digest(each) for each in records]


def test_a_record_that_stands_twice_in_one_push_is_stored_once(world: World) -> None:
    yulin = world.partner(YULIN)
    record = yulin.record()
    assert [each["status"] for each in yulin.push(record, record)] == ["accepted", "duplicate"]


def test_one_record_pushed_from_many_threads_is_stored_once(world: World) -> None:
    yulin = world.partner(YULIN)
    record = yulin.record()
    with ThreadPoolExecutor(8) as threads:
        outcomes = [each[0]["status"] for each in threads.map(lambda _: yulin.push(record), range(8))]
    assert sorted(outcomes) == ["accepted", *["duplicate"] * 7]
    assert world.verify().streams == {ORDOS: 1}


def test_other_bytes_under_the_same_id_and_revision_are_a_conflict(world: World) -> None:
    yulin = world.partner(YULIN)
    record = yulin.record()
    yulin.deliver(record)
    members = yulin.members(id=id_of(record))
    other = wire.jws(yulin.key, wire.compact(members))
    assert yulin.refusal(other) == ("conflict", "/revision")


def test_the_same_payload_signed_with_members_in_another_order_is_a_conflict(world: World) -> None:
    """One record is its bytes, not its meaning: the digest in the log is of the bytes."""
    yulin = world.partner(YULIN)
    members = yulin.members()
    yulin.deliver(wire.jws(yulin.key, wire.compact(members)))
    turned = wire.jws(yulin.key, wire.compact(dict(reversed(members.items()))))
    assert yulin.refusal(turned) == ("conflict", "/revision")


def test_revisions_follow_one_another(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    first = yulin.record()
    second = yulin.revise(first, body={**ALERT, "headline": "演练:更新"})
    third = yulin.revise(second)
    yulin.deliver(first, second)
    yulin.deliver(third)
    held = ordos.get(f"/v1/records/{id_of(first)}").json
    assert [item["record"] for item in held["items"]] == [first, second, third]


def test_a_gap_in_the_revisions_is_refused(world: World) -> None:
    yulin = world.partner(YULIN)
    first = yulin.record()
    second = yulin.revise(first)
    third = yulin.revise(second)
    yulin.deliver(first)
    assert yulin.refusal(third) == ("wrong-revision", "/revision")
    yulin.deliver(second, third)


def test_a_fork_of_the_revisions_is_refused(world: World) -> None:
    yulin = world.partner(YULIN)
    first = yulin.record()
    yulin.deliver(first, yulin.revise(first))
    assert yulin.refusal(yulin.revise(first, marking="green")) == ("conflict", "/revision")
    other = yulin.revise(yulin.revise(first, marking="clear"))
    assert yulin.refusal(other) == ("wrong-revision", "/previous")


def test_a_record_keeps_its_kind(world: World) -> None:
    yulin = world.partner(YULIN)
    first = yulin.record()
    yulin.deliver(first)
    assert yulin.refusal(yulin.revise(first, kind="mediation_case", body=CASE)) == ("invalid", "/kind")


def test_a_case_moves_only_as_the_table_of_states_says(world: World) -> None:
    yulin = world.partner(YULIN)
    first = yulin.record("mediation_case", body={**CASE, "state": "agreed"})
    yulin.deliver(first)
    back = yulin.revise(first, body={**CASE, "state": "registered"})
    assert yulin.refusal(back) == ("invalid", "/body/state")
    yulin.deliver(yulin.revise(first, body={**CASE, "state": "performing"}))


def test_a_recipient_does_not_revise_what_it_received(world: World) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    first = yulin.record(to=[XINZHOU])
    yulin.deliver(first)
    theirs = wire.compact(
        {**xinzhou.members(to=[YULIN]), "id": id_of(first), "revision": 2, "previous": wire.digest(first)}
    )
    assert xinzhou.refusal(wire.jws(xinzhou.key, theirs)) == ("wrong-revision", "/revision")


@pytest.mark.parametrize("withdrawn", ["发错"])
def test_a_record_is_withdrawn_by_a_revision_without_contents(world: World, withdrawn: str) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    first = yulin.record()
    yulin.deliver(first, yulin.revise(first, withdrawn=withdrawn, body=None))
    assert len(ordos.pull()["items"]) == 2


def id_of(record: str) -> str:
    return str(members_of(record)["id"])
