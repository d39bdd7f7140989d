"""What peers say of when a record was accepted counts for nothing: it is this node's own entry that has the time."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
import wire
from partner import ORDOS, YULIN, members_of
from stations import Region, Station
from test_new_epochs import begin
from test_records_fetched_back import brought_back, missing

from hub.log.entry import Accepted, Erased, Received

LIES = ["2001-01-01T00:00:00.000Z", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"]


def antedate(peer: Station, records: list[str], at: str) -> None:
    """Have a peer give back genuine records beside entries of another time."""
    held = {entry.digest: entry for entry in peer.world.entries(Received)}
    items = []
    for index, jws in enumerate(records):
        entry = held[wire.digest(jws)]
        members = {
            "at": at,
            "digest": entry.digest,
            "from": entry.sender,
            "id": entry.id,
            "kind": entry.kind,
            "marking": entry.marking,
            "revision": entry.revision,
            "to": dict(entry.to),
            "type": "received",
            "v": 1,
            "via": entry.via,
            "via_index": entry.via_index,
        }
        line = json.dumps(members, sort_keys=True, separators=(",", ":"))
        items.append({"index": index, "entry": line, "record": jws})
    note = peer.node.exchange.checkpoint()
    body = wire.compact({"items": items, "next": len(items), "more": False, "checkpoint": note})
    peer.lies["/v1/records"] = lambda: (200, body)


def kept_until(station: Station) -> dict[str, datetime]:
    rows = station.rows("SELECT digest, forget_at FROM records WHERE jws IS NOT NULL")
    return {digest.hex(): datetime.fromisoformat(at) for digest, at in rows}


def still_there(station: Station, records: list[str]) -> None:
    """What is due is erased; none of these is."""
    assert station.node.exchange.forget(station.node.clock()) == 0
    assert station.world.entries(Erased) == []
    partner = station.partner(YULIN)
    for each in records:
        (item,) = partner.get(f"/v1/records/{members_of(each)['id']}").json["items"]
        assert item["record"] == each
    station.world.verify()


@pytest.mark.parametrize("at", LIES)
def test_a_record_that_the_log_has_is_kept_as_long_as_from_its_own_entry_on(
    region: Region, first: Station, at: str
) -> None:
    _, second, _ = region
    yulin = first.partner(YULIN)
    sent = [yulin.record(to=(ORDOS,)) for _ in range(3)]
    brought_back(first, second, lose=sent)
    antedate(second, sent, at)
    said = first.hub("recover", "records", "--json")
    assert sum(row["filled"] for row in said.json["peers"]) == 3, said.out
    assert missing(first) == 0
    first.start()
    still_there(first, sent)
    days = {each.retention_days for each in first.node.trust().agreements.values()}
    accepted = {each.digest: datetime.fromisoformat(each.at) for each in first.world.entries(Accepted)}
    held = kept_until(first)
    assert {held[wire.digest(each)] - accepted[wire.digest(each)] for each in sent} <= {
        timedelta(days=each) for each in days
    }


@pytest.mark.parametrize("at", LIES)
def test_a_record_that_is_accepted_anew_is_kept_from_now_on(region: Region, first: Station, at: str) -> None:
    _, second, _ = region
    yulin, backup = first.partner(YULIN), first.back_up()
    sent = [yulin.record(to=(ORDOS,)) for _ in range(2)]
    yulin.deliver(*sent)
    second.round(first)
    first.set_back(backup)
    assert begin(first).code == 0
    antedate(second, sent, at)
    said = first.hub("recover", "records", "--json")
    assert sum(row["accepted"] for row in said.json["peers"]) == 2, said.out
    first.start()
    still_there(first, sent)
    assert min(kept_until(first).values()) > first.clock() + timedelta(days=300)
