"""From push to acknowledgement: the states of a delivery, and receipts that need no network."""

from __future__ import annotations

from typing import Any

import pytest
import wire
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, World, members_of

from hub.errors import Problem
from hub.log.receipt import Receipt
from hub.log.verifier import verify_log, verify_record
from keys.trust_repository import open_trust_once


def delivery(world: World, record: str) -> dict[str, dict[str, Any]]:
    answer = world.partner(YULIN).get(f"/v1/records/{members_of(record)['id']}/delivery")
    return {each["city"]: each for each in answer.json["recipients"]}


def test_a_delivery_is_pending_then_fetched_then_acknowledged(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(XINZHOU)
    record = yulin.record(to=[XINZHOU, ORDOS])
    yulin.deliver(record)
    assert {each["status"] for each in delivery(world, record).values()} == {"pending"}
    ordos.pull()
    fetched = delivery(world, record)
    assert (fetched[XINZHOU]["status"], fetched[ORDOS]["status"]) == ("fetched", "pending")
    assert fetched[XINZHOU]["fetched_at"] is not None
    ordos.deliver(ordos.acknowledgement(record, "accepted"))
    told = delivery(world, record)
    assert (told[XINZHOU]["status"], told[XINZHOU]["outcome"]) == ("acknowledged", "accepted")
    assert told[XINZHOU]["acknowledged_at"] is not None
    assert told[XINZHOU]["fetched_at"] == fetched[XINZHOU]["fetched_at"]
    assert told[ORDOS]["status"] == "pending"


def test_the_newest_acknowledgement_counts(world: World) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    record = yulin.record(to=[XINZHOU])
    yulin.deliver(record)
    xinzhou.deliver(xinzhou.acknowledgement(record, "received"))
    xinzhou.deliver(xinzhou.acknowledgement(record, "rejected"))
    assert delivery(world, record)[XINZHOU]["outcome"] == "rejected"


def test_an_acknowledgement_of_another_digest_is_refused(world: World) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    record = yulin.record(to=[XINZHOU])
    yulin.deliver(record)
    wrong = xinzhou.acknowledgement(record, body={"digest": "0" * 64, "outcome": "accepted"})
    assert xinzhou.refusal(wrong) == ("invalid", "/body/digest")
    assert delivery(world, record)[XINZHOU]["status"] == "pending"


def test_an_acknowledgement_that_leaves_out_the_sender_is_refused_and_marks_nothing(world: World) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    record = yulin.record(to=[XINZHOU, ORDOS])
    yulin.deliver(record)
    assert xinzhou.refusal(xinzhou.acknowledgement(record, to=[ORDOS])) == ("invalid", "/to")
    assert {each["outcome"] for each in delivery(world, record).values()} == {None}
    xinzhou.deliver(xinzhou.acknowledgement(record, to=[YULIN]))
    assert delivery(world, record)[XINZHOU]["outcome"] == "accepted"


def test_an_acknowledgement_reaches_the_sender_as_any_record(world: World) -> None:
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    record = yulin.record(to=[XINZHOU])
    yulin.deliver(record)
    answer = xinzhou.acknowledgement(record)
    xinzhou.deliver(answer)
    assert [item["record"] for item in yulin.pull()["items"]] == [answer]


def test_how_far_a_record_got_is_for_its_sender_and_auditors(world: World) -> None:
    yulin = world.partner(YULIN)
    record = yulin.record(to=[ORDOS])
    yulin.deliver(record)
    path = f"/v1/records/{members_of(record)['id']}/delivery"
    assert world.auditor().get(path).json == yulin.get(path).json
    assert world.partner(ORDOS).get(path).problem == "not-allowed"
    assert world.peer().get(path).problem == "not-allowed"


@pytest.mark.parametrize("who", ["sender", "recipient", "auditor", "node"])
def test_a_receipt_verifies_without_the_node(world: World, who: str) -> None:
    yulin = world.partner(YULIN)
    first = yulin.record(to=[ORDOS, WUZHONG])
    second = yulin.revise(first)
    yulin.deliver(first, *(yulin.record() for _ in range(300)), second)
    asker = {
        "sender": yulin,
        "recipient": world.partner(ORDOS),
        "auditor": world.auditor(),
        "node": world.peer(),
    }[who]
    record_id = members_of(first)["id"]
    newest = asker.get(f"/v1/records/{record_id}/proof").content
    oldest = asker.get(f"/v1/records/{record_id}/proof?revision=1").content
    assert asker.get(f"/v1/records/{record_id}/proof?revision=3").problem == "not-found"
    world.node.close()
    trust = open_trust_once(world.folder / "trust", world.clock())
    assert verify_record(second, newest, trust).record.revision == 2
    assert verify_record(first, oldest, trust).record.revision == 1
    for record, receipt in ((first, newest), (second, oldest)):
        with pytest.raises(Problem):
            verify_record(record, receipt, trust)


def test_a_receipts_extra_line_holds_the_entry(world: World) -> None:
    yulin = world.partner(YULIN)
    (outcome,) = yulin.deliver(yulin.record())
    receipt = Receipt.parse(yulin.get(f"/v1/records/{outcome['id']}/proof").content)
    assert receipt.index == outcome["index"]
    assert receipt.entry == world.node.store.lines(receipt.index, receipt.index + 1)[0]
    assert outcome["digest"].encode() in receipt.entry


def test_an_auditor_verifies_the_whole_log_over_http(world: World) -> None:
    yulin, auditor = world.partner(YULIN), world.auditor()
    yulin.deliver(*(yulin.record(to=[ORDOS, XINZHOU]) for _ in range(600)))
    world.partner(ORDOS).pull()

    class OverHttp:
        def checkpoint(self) -> str:
            return auditor.get("/log/checkpoint").content.decode()

        def tile(self, level: int, number: int, width: int) -> bytes:
            return self._get(str(level), number, width)

        def entries(self, number: int, width: int) -> bytes:
            return self._get("entries", number, width)

        def _get(self, level: str, number: int, width: int) -> bytes:
            partial = "" if width == 256 else f".p/{width}"
            answer = auditor.get(f"/log/tile/{level}/{number:03}{partial}")
            assert answer.status == 200
            return answer.content

    report = verify_log(OverHttp(), world.node.log_verifier)
    assert report.streams == {ORDOS: 600, XINZHOU: 600}
    assert report.types == {"trust": 2, "accepted": 600, "served": 1}
    assert report == world.verify()


def test_the_entry_of_a_record_is_bound_to_its_bytes(world: World) -> None:
    yulin = world.partner(YULIN)
    record = yulin.record()
    (outcome,) = yulin.deliver(record)
    assert outcome["digest"] == wire.digest(record)


def test_each_revision_has_a_delivery_of_its_own(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    first = yulin.record()
    yulin.deliver(first)
    ordos.pull()
    yulin.deliver(yulin.revise(first))
    path = f"/v1/records/{members_of(first)['id']}/delivery"
    found = [yulin.get(path + query).json for query in ("?revision=1", "?revision=2", "")]
    assert [each["revision"] for each in found] == [1, 2, 2]
    assert [each["recipients"][0]["status"] for each in found] == ["fetched", "pending", "pending"]
    assert yulin.get(path + "?revision=3").problem == "not-found"
