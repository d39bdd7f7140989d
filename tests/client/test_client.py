"""The client for partner systems against a node that tells the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lying import Liar, Told
from partner import ALERT, CASE, CASE_PRIVATE, EVENT, ORDOS, WUZHONG, XINZHOU, YULIN, World, new_id

from hub import client as client_module
from hub.client import Client, Cursor
from hub.errors import Code, Problem
from hub.log.verifier import verify_log, verify_record
from hub.store import Job
from keys.files import read_signing, read_unseal
from keys.seal import unseal
from keys.trust_repository import open_trust_once
from schemas import limits
from schemas.limits import PUSH_BYTES

Connect = Callable[..., Client]


def alert(client: Client, world: World, to: tuple[str, ...] = (ORDOS,)) -> str:
    agreement = world.lab.agreements[0]["id"]
    return client.compose("alert", sender=YULIN, recipients=to, agreement=agreement, body=ALERT)


@pytest.fixture
def cursor(tmp_path: Path) -> Cursor:
    return Cursor(tmp_path / "cursor.json")


def test_a_push_is_made_in_batches_and_answered_in_order(
    world: World, connect: Connect, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PUSH_RECORDS", 10)
    yulin = connect(YULIN)
    records = [alert(yulin, world) for _ in range(25)]
    records[12] = "nonsense"
    outcomes = list(yulin.push(iter(records)))
    assert liar.asked.count("POST /v1/records") == 3
    assert [each.status for each in outcomes] == ["accepted"] * 12 + ["refused"] + ["accepted"] * 12
    assert outcomes[12].problem is not None
    assert outcomes[12].problem.code is Code.MALFORMED
    assert [each.index for each in outcomes[:3]] == [2, 3, 4]
    assert {each.status for each in yulin.push(records[:5])} == {"duplicate"}


def test_batches_stay_below_the_limit_of_bytes(world: World, connect: Connect, liar: Liar) -> None:
    yulin = connect(YULIN)
    agreement = world.lab.agreements[0]["id"]
    long = {**CASE_PRIVATE, "minutes": "长" * 20_000}
    records = [
        yulin.compose(
            "mediation_case", sender=YULIN, recipients=[ORDOS], agreement=agreement, body=CASE, private=long
        )
        for _ in range(160)
    ]
    assert sum(map(len, records)) > PUSH_BYTES
    assert {each.status for each in yulin.push(records)} == {"accepted"}
    assert liar.asked.count("POST /v1/records") == 2


def test_what_is_pulled_comes_with_a_receipt_that_verifies_offline(
    world: World, connect: Connect, cursor: Cursor
) -> None:
    yulin = connect(YULIN)
    records = [alert(yulin, world) for _ in range(5)]
    list(yulin.push(records))
    arrivals = list(connect(ORDOS).pull(cursor))
    assert [each.jws for each in arrivals] == records
    assert [each.skipped for each in arrivals] == [0] * 5
    trust = open_trust_once(world.folder / "trust", world.clock())
    for arrival in arrivals:
        assert verify_record(arrival.jws, arrival.receipt, trust).index == arrival.index


def test_a_pull_goes_through_all_pages(
    world: World, connect: Connect, cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PAGE_RECORDS", 4)
    yulin = connect(YULIN)
    records = [alert(yulin, world) for _ in range(11)]
    list(yulin.push(records))
    assert [each.jws for each in connect(ORDOS).pull(cursor)] == records
    assert list(connect(ORDOS).pull(cursor)) == []


def test_after_a_crash_the_record_that_was_being_worked_on_comes_again(
    world: World, connect: Connect, tmp_path: Path
) -> None:
    yulin = connect(YULIN)
    records = [alert(yulin, world) for _ in range(4)]
    list(yulin.push(records))
    path = tmp_path / "cursor.json"
    worked: list[str] = []
    pulling = connect(ORDOS).pull(Cursor(path))
    for arrival in pulling:
        if len(worked) == 2:
            break  # as a crash would: the third is in hand, and the next is never asked for
        worked.append(arrival.jws)
    del pulling
    assert worked == records[:2]
    assert [each.jws for each in connect(ORDOS).pull(Cursor(path))] == records[2:]
    assert list(connect(ORDOS).pull(Cursor(path))) == []


def test_a_cursor_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "cursor.json"
    Cursor(path).move(7, {ORDOS: 3})
    (tmp_path / "cursor.json.new").write_bytes(b'{"after": 9')  # a kill while writing
    assert (Cursor(path).after, Cursor(path).numbers) == (7, {ORDOS: 3})
    assert json.loads(path.read_bytes()) == {"after": 7, "numbers": {ORDOS: 3}}


@pytest.mark.parametrize("held", ["", "[]", "{}", '{"after": "x", "numbers": {}}', "\x00"])
def test_a_file_that_is_no_cursor_is_told(tmp_path: Path, held: str) -> None:
    path = tmp_path / "cursor.json"
    path.write_text(held)
    with pytest.raises(Problem) as refused:
        Cursor(path)
    assert refused.value.code is Code.MALFORMED


def test_the_streams_of_other_recipients_are_no_gaps_in_ones_own(
    world: World, connect: Connect, cursor: Cursor
) -> None:
    """An entry numbers every recipient's stream; what went to others alone was not kept from this one."""
    yulin = connect(YULIN)
    to = [(ORDOS, XINZHOU), (XINZHOU,), (XINZHOU, WUZHONG), (ORDOS, XINZHOU), (ORDOS,)]
    list(yulin.push([alert(yulin, world, each) for each in to]))
    assert [each.skipped for each in connect(ORDOS).pull(cursor)] == [0, 0, 0]


def test_a_record_that_was_forgotten_before_it_was_pulled_is_counted(
    world: World, connect: Connect, cursor: Cursor
) -> None:
    yulin = connect(YULIN)
    records = [alert(yulin, world) for _ in range(4)]
    indexes = [each.index for each in yulin.push(records)]
    for index in (indexes[0], indexes[2]):
        world.node.store.write(erasing(index))
    assert [(each.index, each.skipped) for each in connect(ORDOS).pull(cursor)] == [
        (indexes[1], 1),
        (indexes[3], 1),
    ]


def erasing(index: int | None) -> Any:
    assert index is not None
    return Job(lambda transaction: transaction.erase(index))


def test_a_filtered_pull_says_nothing_of_gaps(world: World, connect: Connect, cursor: Cursor) -> None:
    yulin = connect(YULIN)
    agreement = world.lab.agreements[0]["id"]
    case = yulin.compose("mediation_case", sender=YULIN, recipients=[ORDOS], agreement=agreement, body=CASE)
    list(yulin.push([case, case, alert(yulin, world)]))
    assert [each.skipped for each in connect(ORDOS).pull(cursor, kind="alert")] == [0]
    assert list(connect(ORDOS).pull(cursor, sender=XINZHOU)) == []


def test_a_held_pull_ends_when_nothing_comes(world: World, connect: Connect, cursor: Cursor) -> None:
    yulin = connect(YULIN)
    list(yulin.push([alert(yulin, world)]))
    assert len(list(connect(ORDOS).pull(cursor, wait=1))) == 1


def test_an_acknowledgement_reaches_the_sender(world: World, connect: Connect, tmp_path: Path) -> None:
    yulin, xinzhou = connect(YULIN), connect(XINZHOU)
    (outcome,) = yulin.push([alert(yulin, world, (XINZHOU, ORDOS))])
    assert outcome.id is not None
    (arrival,) = xinzhou.pull(Cursor(tmp_path / "xinzhou"))
    assert xinzhou.acknowledge(arrival, outcome="accepted", city=XINZHOU).status == "accepted"
    delivery = {each["city"]: each for each in yulin.delivery(outcome.id)["recipients"]}
    assert (delivery[XINZHOU]["status"], delivery[XINZHOU]["outcome"]) == ("acknowledged", "accepted")
    (answer,) = yulin.pull(Cursor(tmp_path / "yulin"))
    assert answer.record.subject == outcome.id


def test_acknowledging_again_writes_nothing_and_another_outcome_is_the_next_revision(
    world: World, connect: Connect, liar: Liar, tmp_path: Path
) -> None:
    """A partner's job that runs twice must not fill the log, with answers or with refusals of them."""
    yulin, xinzhou = connect(YULIN), connect(XINZHOU)
    (outcome,) = yulin.push([alert(yulin, world, (XINZHOU,))])
    assert outcome.id is not None
    (arrival,) = xinzhou.pull(Cursor(tmp_path / "xinzhou"))
    first = xinzhou.acknowledge(arrival, outcome="received", city=XINZHOU)
    before, pushes = world.types(), liar.asked.count("POST /v1/records")
    for _ in range(2):
        again = xinzhou.acknowledge(arrival, outcome="received", city=XINZHOU)
        assert (again.status, again.id, again.digest, again.index) == (
            *("duplicate", first.id, first.digest, first.index),
        )
    assert liar.asked.count("POST /v1/records") == pushes
    new = world.types() - before
    assert (new["accepted"], new["refused"]) == (0, 0)
    other = xinzhou.acknowledge(arrival, outcome="rejected", city=XINZHOU, reason="out_of_scope")
    assert (other.status, other.id) == ("accepted", first.id)
    assert first.id is not None
    held = xinzhou.revisions(first.id)
    assert [(each.record.revision, each.digest) for each in held] == [(1, first.digest), (2, other.digest)]
    (recipient,) = yulin.delivery(outcome.id)["recipients"]
    assert recipient["outcome"] == "rejected"
    assert world.types()["refused"] == 0


def test_a_doubt_about_an_accepted_record_comes_with_its_outcome(world: World, connect: Connect) -> None:
    yulin = connect(YULIN)
    doubtful = {**EVENT, "permit": {**EVENT["permit"], "authority": "county"}}
    agreement = world.lab.agreements[0]["id"]
    records = [
        yulin.compose("event_security", sender=YULIN, recipients=[ORDOS], agreement=agreement, body=body)
        for body in (doubtful, EVENT)
    ]
    told = [[warning["code"] for warning in outcome.warnings] for outcome in yulin.push(records)]
    assert told == [["permit-authority"], []]


def test_a_private_part_is_opened_by_sender_and_recipients_alone(
    world: World, connect: Connect, cursor: Cursor
) -> None:
    yulin = connect(YULIN)
    agreement = world.lab.agreements[0]["id"]
    case = yulin.compose(
        "mediation_case",
        sender=YULIN,
        recipients=[ORDOS],
        agreement=agreement,
        body=CASE,
        private=CASE_PRIVATE,
    )
    list(yulin.push([case]))
    (arrival,) = connect(ORDOS).pull(cursor)
    assert arrival.record.sealed is not None
    keys = {each["city"]: read_unseal(Path(each["key"]), None) for each in world.lab.seals}
    for city in (YULIN, ORDOS):
        assert json.loads(unseal(arrival.record.sealed, keys[city])) == CASE_PRIVATE
    with pytest.raises(Problem):
        unseal(arrival.record.sealed, keys[WUZHONG])


def test_what_the_schema_refuses_is_told_before_it_is_sent(
    world: World, connect: Connect, liar: Liar
) -> None:
    yulin = connect(YULIN)
    with pytest.raises(Problem) as refused:
        yulin.compose(
            "alert",
            sender=YULIN,
            recipients=[ORDOS],
            agreement="all",
            body={**ALERT, "headline": "查 11010519491231002X"},
        )
    assert (refused.value.code, refused.value.where) == (Code.INVALID, "/body/headline")
    assert liar.asked == []


def test_revisions_and_receipts_are_fetched_verified(world: World, connect: Connect) -> None:
    yulin = connect(YULIN)
    record = alert(yulin, world)
    (outcome,) = yulin.push([record])
    assert outcome.id is not None
    assert [each.jws for each in yulin.revisions(outcome.id)] == [record]
    assert verify_record(record, yulin.receipt(outcome.id), world.node.trust()).index == outcome.index
    with pytest.raises(Problem) as absent:
        yulin.revisions(new_id())
    assert absent.value.code is Code.NOT_FOUND


def test_all_pages_of_a_records_revisions_are_fetched(
    world: World, connect: Connect, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    yulin = world.partner(YULIN)
    revisions = [yulin.record()]
    revisions += [yulin.revise(revisions[0])]
    revisions += [yulin.revise(revisions[1])]
    record_id = yulin.deliver(*revisions)[0]["id"]
    monkeypatch.setattr(limits, "PAGE_BYTES", 10)
    assert [each.jws for each in connect(ORDOS).revisions(record_id)] == revisions
    assert liar.asked.count(f"GET /v1/records/{record_id}") == 3


def test_a_node_that_is_busy_is_asked_again_with_a_new_nonce(
    world: World, connect: Connect, liar: Liar, cursor: Cursor
) -> None:
    answers = iter([True, True, False])

    def busy(told: Told) -> None:
        if next(answers):
            told.status = 503
            told.headers["Retry-After"] = "0"
            told.body = b'{"type": "/problems/busy", "title": "busy", "status": 503, "detail": "later"}'

    liar.lie(busy)
    assert list(connect(ORDOS, tries=3).pull(cursor)) == []
    assert liar.asked.count("GET /v1/records") == 3


def test_a_node_that_cannot_be_reached_is_busy(world: World, liar: Liar, cursor: Cursor) -> None:
    """The lab's second node is not running."""
    path = world.lab.systems[0]["key"]
    absent = Client(world.node.trust(), world.lab.nodes[1].name, read_signing(path, None), tries=1)
    with pytest.raises(Problem) as refused:
        list(absent.pull(cursor))
    assert refused.value.code is Code.BUSY
    absent.close()


def test_a_node_that_the_trust_list_does_not_name_is_no_node(world: World) -> None:
    with pytest.raises(Problem) as refused:
        Client(world.node.trust(), "nowhere.exchange", read_signing(world.lab.systems[0]["key"], None))
    assert refused.value.code is Code.NOT_FOUND


def test_an_auditors_client_reads_a_whole_log(world: World, connect: Connect, liar: Liar) -> None:
    yulin = connect(YULIN)
    list(yulin.push([alert(yulin, world) for _ in range(270)]))
    key = read_signing(world.lab.auditors[0]["key"], None)
    auditor = Client(world.node.trust(), world.node.config.name, key, clock=world.clock, tries=1)
    assert verify_log(auditor, world.node.log_verifier).streams == {ORDOS: 270}
    auditor.close()
