"""Who sees a record: its sender and its recipients. To everybody else it is as if it did not exist."""

from __future__ import annotations

from typing import Any

import pytest
import wire
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, Answer, Partner, World, members_of, new_id

from hub.log.entry import Accepted, Refused, Served

OF_THIS_ANSWER = {"x-request-id", "content-digest", "signature", "signature-input", "date"}


def shown(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer that could tell two cases apart."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return (
        answer.status,
        answer.body,
        {name: value for name, value in headers.items() if name not in OF_THIS_ANSWER},
    )


@pytest.mark.parametrize("what", ["", "/proof", "/proof?revision=1", "/delivery"])
@pytest.mark.parametrize("city", [WUZHONG, ORDOS])
def test_what_a_third_city_may_not_see_answers_as_if_it_did_not_exist(
    world: World, what: str, city: str
) -> None:
    yulin, third = world.partner(YULIN), world.partner(city)
    record = yulin.record(to=[XINZHOU])
    yulin.deliver(record)
    before = world.types()
    hidden = third.get(f"/v1/records/{members_of(record)['id']}{what}")
    absent = third.get(f"/v1/records/{new_id()}{what}")
    assert shown(hidden) == shown(absent)
    assert hidden.problem == "not-found"
    assert set(dict(hidden.headers)) == set(dict(absent.headers))
    assert world.types() == before, "not even the log tells them apart"


def test_a_third_citys_pages_do_not_tell_that_others_exchange(world: World) -> None:
    yulin, third = world.partner(YULIN), world.partner(WUZHONG)
    empty = third.pull()
    yulin.deliver(yulin.record(to=[XINZHOU]), yulin.record(to=[ORDOS]))
    page = third.pull()
    assert {**page, "checkpoint": ""} == {**empty, "checkpoint": ""}


def test_an_answer_to_a_hidden_record_is_taken_as_one_to_none(world: World) -> None:
    """Nobody finds out by acknowledging whether a record is there."""
    yulin, xinzhou = world.partner(YULIN), world.partner(XINZHOU)
    hidden = yulin.record(to=[ORDOS])
    yulin.deliver(hidden)
    body = {"digest": "0" * 64, "outcome": "accepted"}
    for subject in (members_of(hidden)["id"], new_id()):
        xinzhou.deliver(xinzhou.record("acknowledgement", [YULIN], subject=subject, body=body))
    delivery = yulin.get(f"/v1/records/{members_of(hidden)['id']}/delivery").json
    assert [each["status"] for each in delivery["recipients"]] == ["pending"]


def test_sender_and_recipients_read_a_record_with_its_entry(world: World) -> None:
    yulin = world.partner(YULIN)
    record = yulin.record(to=[ORDOS, XINZHOU])
    (outcome,) = yulin.deliver(record)
    for reader in (yulin, world.partner(ORDOS), world.partner(XINZHOU), world.peer()):
        (item,) = reader.get(f"/v1/records/{outcome['id']}").json["items"]
        assert item["record"] == record
        assert item["index"] == outcome["index"]
        assert item["entry"].encode() == world.node.store.lines(item["index"], item["index"] + 1)[0]


def test_each_recipients_stream_counts_only_what_is_for_it(world: World) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(
        yulin.record(to=[ORDOS]),
        yulin.record(to=[XINZHOU]),
        yulin.record(to=[ORDOS, XINZHOU]),
        yulin.record(to=[ORDOS]),
    )
    assert [entry.to for entry in world.entries(Accepted)] == [
        {ORDOS: 1},
        {XINZHOU: 1},
        {ORDOS: 2, XINZHOU: 2},
        {ORDOS: 3},
    ]
    assert world.verify().streams == {ORDOS: 3, XINZHOU: 2}


def test_pages_follow_the_cursor_to_the_end(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    records = [yulin.record(to=[ORDOS] if n % 3 else [ORDOS, XINZHOU]) for n in range(11)]
    yulin.deliver(*records)
    seen: list[str] = []
    cursor, more = -1, True
    while more:
        page = ordos.pull(f"?after={cursor}&limit=4")
        assert len(page["items"]) <= 4
        seen += [item["record"] for item in page["items"]]
        cursor, more = page["next"], page["more"]
        assert cursor == page["items"][-1]["index"]
    assert seen == records
    assert ordos.pull(f"?after={cursor}")["next"] == cursor


def test_filters_choose_by_kind_sender_and_marking(world: World) -> None:
    yulin, xinzhou, ordos = world.partner(YULIN), world.partner(XINZHOU), world.partner(ORDOS)
    alert, case = yulin.record(), yulin.record("mediation_case", marking="green")
    other = xinzhou.record()
    yulin.deliver(alert, case)
    xinzhou.deliver(other)

    def pulled(query: str) -> list[str]:
        return [item["record"] for item in ordos.pull(query)["items"]]

    assert pulled("?kind=alert") == [alert, other]
    assert pulled(f"?kind=alert&from={XINZHOU}") == [other]
    assert pulled("?marking=green") == [case]
    assert pulled("?marking=amber%2Bstrict") == pulled("?marking=amber%2bstrict") == []


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("?after=-2", "/after"),
        ("?after=x", "/after"),
        ("?after=1e3", "/after"),
        ("?after=" + "9" * 30, "/after"),
        ("?limit=0", "/limit"),
        ("?limit=1001", "/limit"),
        ("?wait=31", "/wait"),
        ("?wait=-1", "/wait"),
        ("?wait=%D9%A3", "/wait"),
        ("?kind=../x", "/kind"),
        ("?kind=nope", "/kind"),
        ("?from=61080", "/from"),
        ("?marking=secret", "/marking"),
        ("?marking=", "/marking"),
        ("?kind=alert&kind=alert", "/kind"),
        ("?after=-1&limit=5&after=7", "/after"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_where_it_does_not(
    world: World, query: str, where: str
) -> None:
    answer = world.partner(ORDOS).get("/v1/records" + query)
    assert (answer.problem, answer.json["where"]) == ("invalid", where)


@pytest.mark.parametrize("target", ["", f"/{'0' * 8}-0000-7000-8000-{'0' * 12}"])
def test_a_parameter_that_there_is_not_is_refused_and_not_repeated(world: World, target: str) -> None:
    answer = world.partner(ORDOS).get(f"/v1/records{target}?13912345678=desc")
    assert answer.problem == "invalid"
    assert "13912345678" not in answer.content.decode()
    assert "after, from" in answer.json["detail"]


def test_a_plus_that_was_not_escaped_is_taken_for_one(world: World) -> None:
    page = world.partner(ORDOS).pull("?marking=amber+strict")
    assert page["items"] == []


@pytest.mark.parametrize(
    "name", ["x", "0" * 36, "00000000-0000-4000-8000-000000000000", "%00", "'; drop table records"]
)
def test_an_id_that_is_none_is_not_found(world: World, name: str) -> None:
    assert world.partner(YULIN).get(f"/v1/records/{name}").problem in ("not-found", "bad-signature")


def test_a_node_key_pulls_for_every_city_that_its_node_hosts(world: World) -> None:
    yulin = world.partner(YULIN)
    records = [yulin.record(to=to) for to in ([ORDOS], [WUZHONG], [XINZHOU], [ORDOS, WUZHONG])]
    yulin.deliver(*records)
    pulled = [item["record"] for item in world.peer().pull()["items"]]
    assert pulled == [records[0], records[1], records[3]]


def test_a_system_of_a_city_hosted_elsewhere_pulls_but_does_not_push(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    yulin.deliver(yulin.record())
    assert len(ordos.pull()["items"]) == 1
    assert ordos.post({"records": [ordos.record(to=[YULIN])]}).problem == "not-allowed"
    (entry,) = world.entries(Refused)
    assert (entry.by, entry.code) == (ordos.key.kid, "not-allowed")


# -- what the log says of it ---------------------------------------------------------------------------


def test_what_was_served_stands_in_the_log_with_the_digest_of_the_request(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    indexes = [each["index"] for each in yulin.deliver(yulin.record(), yulin.record())]
    ordos.pull()
    target = f"{ordos.url}/v1/records"
    base = wire.signature_base("GET", target, ordos.last_request)
    (entry,) = world.entries(Served)
    assert (entry.by, list(entry.indexes)) == (ordos.key.kid, indexes)
    assert entry.request == wire.digest(base)


def test_an_empty_page_makes_no_entry(world: World) -> None:
    before = world.types()
    world.partner(ORDOS).pull()
    assert world.types() == before


def asks(auditor: Partner, yulin: Partner, record_id: str) -> dict[str, Any]:
    return {
        "push": auditor.post({"records": [yulin.record()]}),
        "pull": auditor.get("/v1/records"),
        "read": auditor.get(f"/v1/records/{record_id}"),
    }


def test_an_auditor_sees_entries_proofs_and_deliveries_and_no_record(world: World) -> None:
    yulin, auditor = world.partner(YULIN), world.auditor()
    (outcome,) = yulin.deliver(yulin.record())
    for answer in asks(auditor, yulin, outcome["id"]).values():
        assert answer.problem == "not-allowed"
    assert {entry.by for entry in world.entries(Refused)} == {auditor.key.kid}
    assert auditor.get(f"/v1/records/{outcome['id']}/proof").status == 200
    assert auditor.get(f"/v1/records/{outcome['id']}/delivery").status == 200
    assert auditor.get("/log/tile/entries/000.p/3").status == 200


@pytest.mark.parametrize("who", [YULIN, ORDOS, "peer"])
def test_entries_are_for_auditors_only(world: World, who: str) -> None:
    partner = world.peer() if who == "peer" else world.partner(who)
    answer = partner.get("/log/tile/entries/000.p/1")
    assert answer.problem == "not-allowed"
    assert [entry.by for entry in world.entries(Refused)] == [partner.key.kid]


def test_what_is_not_there_yet_of_the_entries_is_not_found(world: World) -> None:
    auditor = world.auditor()
    assert auditor.get("/log/tile/entries/000").problem == "not-found"
    assert auditor.get("/log/tile/entries/x001/000.p/1").problem == "not-found"
    assert auditor.get("/log/tile/entries/1").problem in ("malformed", "not-found")
