"""`hub recover records`: bytes come back from those who were given them, and until then nobody passes over a record."""

from __future__ import annotations

import wire
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, Partner, members_of
from stations import Region, Station

from hub.log.entry import Accepted, Erased
from keys.files import read_passphrase, read_signing


def brought_back(first: Station, *others: Station, lose: list[str]) -> None:
    """A node whose log came back from a copy, without the bytes of the records that it had lost."""
    backup = first.back_up()
    yulin = first.partner(YULIN)
    yulin.deliver(*lose)
    for other in others:
        other.round(first)
    copy = first.folder / "copy"
    assert first.hub("log", "copy", copy).code == 0
    first.set_back(backup)
    assert first.hub("recover", "log", copy).code == 0


def missing(first: Station) -> int:
    return int(first.hub("recover", "--json").json["missing_records"])


def as_node(station: Station, other: Station) -> Partner:
    """One node before another."""
    home = station.home / "keys"
    signing = read_signing(home / "node.pem", read_passphrase(home / "passphrase", {}))
    private = wire.load_pem_private_key(signing.private_pem(None), None)
    assert isinstance(private, wire.Ed25519PrivateKey)
    return other.world.with_key(wire.Key.of(private), ORDOS)


def test_what_was_sent_comes_back_from_those_who_received_it(region: Region, first: Station) -> None:
    _, second, third = region
    yulin = first.partner(YULIN)
    sent = [yulin.record(to=(ORDOS,)), yulin.record(to=(XINZHOU,)), yulin.record(to=(ORDOS, XINZHOU))]
    sent.append(yulin.revise(sent[0]))
    brought_back(first, second, third, lose=sent)
    assert missing(first) == 4
    found = first.hub("recover", "records", "--json")
    assert found.code == 0, found.out
    assert sum(row["filled"] for row in found.json["peers"]) == 4
    assert missing(first) == 0
    first.start()
    assert second.round(first).new == 0
    yulin = first.partner(YULIN)
    assert [yulin.get(f"/v1/records/{members_of(each)['id']}").status for each in sent] == [200] * 4
    first.world.verify()


def test_twice_changes_nothing(region: Region, first: Station) -> None:
    _, second, _ = region
    brought_back(first, second, lose=[first.partner(YULIN).record(to=(ORDOS,))])
    assert first.hub("recover", "records").code == 0
    again = first.hub("recover", "records", "--json").json["peers"]
    assert [(row["filled"], row["accepted"], row["received"]) for row in again] == [(0, 0, 0)] * 2


def test_what_came_from_a_peer_comes_again_by_an_ordinary_round(region: Region, first: Station) -> None:
    _, second, _ = region
    ordos = second.partner(ORDOS)
    came = [ordos.record(to=(YULIN,)) for _ in range(3)]
    backup = first.back_up()
    ordos.deliver(*came)
    first.round(second)
    taken = first.world.entries()
    assert first.hub("log", "copy", first.folder / "copy").code == 0
    first.set_back(backup)
    assert first.hub("recover", "log", first.folder / "copy").code == 0
    assert missing(first) == 3
    first.start()
    report = first.round(second)
    assert (report.new, report.known) == (0, 3)
    assert first.records(YULIN) == came
    assert first.world.entries()[: len(taken)] == taken
    first.stop()
    assert missing(first) == 0


def test_until_then_whoever_pulls_waits_and_misses_nothing(region: Region, first: Station) -> None:
    _, second, third = region
    yulin = first.partner(YULIN)
    before, lost = yulin.record(to=(ORDOS, WUZHONG)), yulin.record(to=(ORDOS, WUZHONG))
    yulin.deliver(before)
    brought_back(first, second, lose=[lost])
    first.start()
    yulin, wuzhong, after = first.partner(YULIN), first.partner(WUZHONG), None
    after = yulin.record(to=(WUZHONG,))
    yulin.deliver(after)
    page = wuzhong.pull()
    assert [item["record"] for item in page["items"]] == [before]
    assert page["more"]
    waiting = wuzhong.get(f"/v1/records?after={page['next']}")
    assert (waiting.problem, waiting.status) == ("busy", 503)
    first.stop()
    assert first.hub("recover", "records").code == 0
    first.start()
    assert first.records(WUZHONG) == [before, lost, after]
    assert third.round(first).new == 0


def test_a_city_that_pushes_once_more_gives_the_bytes_back(region: Region, first: Station) -> None:
    """Nobody but the sender has them: the recipient is hosted here, too."""
    lost = first.partner(YULIN).record(to=(WUZHONG,))
    brought_back(first, lose=[lost])
    looked = first.hub("recover", "--json").json
    assert (looked["missing_records"], looked["missing_nowhere"]) == (1, 1)
    assert first.hub("recover", "records").code == 1
    first.start()
    (outcome,) = first.partner(YULIN).push(lost)
    assert outcome["status"] == "duplicate"
    assert first.records(WUZHONG) == [lost]


def test_what_nobody_has_is_given_up_by_name(region: Region, first: Station) -> None:
    _, second, _ = region
    yulin = first.partner(YULIN)
    lost, kept = yulin.record(to=(WUZHONG,)), yulin.record(to=(ORDOS,))
    brought_back(first, second, lose=[lost, kept])
    given = first.hub("recover", "records", "--give-up", "--json")
    assert (given.code, given.json["given_up"], given.json["missing_records"]) == (0, 1, 0)
    first.start()
    (erased,) = first.world.entries(Erased)
    (entry,) = [each for each in first.world.entries(Accepted) if each.digest == wire.digest(lost)]
    assert (erased.digest, erased.basis) == (entry.digest, "lost: restored from an old backup")
    assert first.records(WUZHONG) == []
    first.world.verify()


def test_an_answer_whose_bytes_come_back_counts_again(region: Region, first: Station) -> None:
    _, second, _ = region
    ordos = second.partner(ORDOS)
    asked = ordos.record(to=(YULIN,))
    ordos.deliver(asked)
    first.round(second)
    answer = first.partner(YULIN).acknowledgement(asked, "accepted")
    before = first.rows("SELECT digest, city, outcome FROM acknowledgements")
    brought_back(first, second, lose=[answer])
    assert first.rows("SELECT digest, city, outcome FROM acknowledgements") == before == []
    assert first.hub("recover", "records").code == 0
    ((digest, city, outcome),) = first.rows("SELECT digest, city, outcome FROM acknowledgements")
    assert (digest.hex(), city, outcome) == (wire.digest(asked), YULIN, "accepted")


# -- who may ask, and who may lie --------------------------------------------------------------------------


def test_a_node_gets_back_what_its_own_cities_sent_and_nothing_else(region: Region, first: Station) -> None:
    _, second, third = region
    yulin, xinzhou = first.partner(YULIN), third.partner(XINZHOU)
    mine, theirs = yulin.record(to=(ORDOS,)), xinzhou.record(to=(ORDOS,))
    yulin.deliver(mine)
    xinzhou.deliver(theirs)
    second.round(first)
    second.round(third)
    asking = as_node(first, second)
    page = asking.pull("?sent=true")
    assert [item["record"] for item in page["items"]] == [mine]
    assert asking.pull("?sent=true&after=1000")["items"] == []
    for query in ("sent=yes", "sent=true&kind=alert", "sent=true&wait=5", "sent=true&sent=true"):
        assert asking.get(f"/v1/records?{query}").problem == "invalid"
    assert second.partner(ORDOS).get("/v1/records?sent=true").problem == "not-allowed"
    assert second.world.auditor().get("/v1/records?sent=true").problem == "not-allowed"


def liar(station: Station, *records: str) -> None:
    """Have a node say that it holds these of the asking node's cities."""
    note = station.node.exchange.checkpoint()
    items = [{"index": place, "entry": "{}", "record": each} for place, each in enumerate(records)]
    body = wire.compact({"items": items, "next": 0, "more": False, "checkpoint": note})
    station.lies["/v1/records"] = lambda: (200, body)


def test_a_peer_cannot_slip_a_record_in(region: Region, first: Station) -> None:
    """Of another city, of a key that is not the city's, without agreement, changed by a letter; none is entered."""
    _, second, third = region
    yulin, ordos = first.partner(YULIN), second.partner(ORDOS)
    sent = yulin.record(to=(ORDOS,))
    yulin.deliver(sent)
    stranger = first.world.with_key(wire.Key.new(), YULIN)
    foreign = third.partner(XINZHOU).record(to=(ORDOS,), **{"from": YULIN})
    liar(
        second,
        ordos.record(to=(YULIN,)),
        stranger.record(to=(ORDOS,)),
        foreign,
        yulin.record(to=(ORDOS,), agreement="none"),
        sent[:-4] + "AAAA",
        "no record",
        yulin.record(to=(ORDOS,), id=members_of(sent)["id"]),
    )
    size = first.size
    row = _row(first, second)
    assert (row["accepted"], row["filled"], row["refused_count"]) == (0, 0, 7)
    assert [entry for entry in first.world.entries(Accepted) if entry.digest != wire.digest(sent)] == []
    assert first.size - size <= 1  # its own pull of the other peer, at most
    first.world.verify()


def test_a_peers_answer_that_is_none_ends_in_words(region: Region, first: Station) -> None:
    _, second, _ = region
    note = second.node.exchange.checkpoint()
    for items in (
        [{"index": "x", "entry": "", "record": ""}],
        [{}],
        [7],
        [{"index": -2, "entry": "", "record": ""}],
    ):
        body = wire.compact({"items": items, "next": 0, "more": False, "checkpoint": note})
        second.lies["/v1/records"] = lambda body=body: (200, body)
        row = _row(first, second)
        assert row["problem"]["type"] == "/problems/malformed"


def _row(first: Station, peer: Station) -> dict[str, object]:
    said = first.hub("recover", "records", "--json")
    (row,) = [each for each in said.json["peers"] if each["peer"] == peer.name]
    found: dict[str, object] = row
    return found
