"""Reading one record: all its revisions, a page at a time, and nothing once its time is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from partner import ORDOS, WUZHONG, YULIN, Partner, World, members_of, new_id
from sqlalchemy import event

from hub.log.entry import Served
from schemas import limits


def chain(partner: Partner, length: int) -> list[str]:
    """A record's revisions, pushed."""
    revisions = [partner.record()]
    while len(revisions) < length:
        revisions.append(partner.revise(revisions[-1]))
    partner.deliver(*revisions)
    return revisions


def test_a_records_revisions_come_in_pages_by_their_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    yulin = world.partner(YULIN)
    revisions = chain(yulin, 9)
    monkeypatch.setattr(limits, "PAGE_BYTES", 2 * max(map(len, revisions)))
    for reader in (yulin, world.partner(ORDOS)):
        seen: list[str] = []
        after, more = -1, True
        while more:
            page = reader.get(f"/v1/records/{members_of(revisions[0])['id']}?after={after}").json
            assert 1 <= len(page["items"]) <= 2
            seen += [item["record"] for item in page["items"]]
            assert page["next"] == page["items"][-1]["index"]
            after, more = page["next"], page["more"]
        assert seen == revisions
    assert [len(entry.indexes) for entry in world.entries(Served)] == [2, 2, 2, 2, 1] * 2


def test_one_revision_larger_than_a_page_still_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    yulin = world.partner(YULIN)
    revisions = chain(yulin, 2)
    monkeypatch.setattr(limits, "PAGE_BYTES", 10)
    page = yulin.get(f"/v1/records/{members_of(revisions[0])['id']}").json
    assert ([item["record"] for item in page["items"]], page["more"]) == (revisions[:1], True)


def test_after_the_last_revision_there_is_nothing_more(world: World) -> None:
    yulin = world.partner(YULIN)
    record_id = members_of(chain(yulin, 3)[0])["id"]
    last = yulin.get(f"/v1/records/{record_id}").json
    assert not last["more"]
    served = world.types()
    beyond = yulin.get(f"/v1/records/{record_id}?after={last['next']}").json
    assert (beyond["items"], beyond["next"], beyond["more"]) == ([], last["next"], False)
    assert world.types() == served, "nothing was served"


@pytest.mark.parametrize(
    "query", ["after=-2", "after=x", "after=1&after=2", "from=x", "revision=1", "limit=1"]
)
def test_a_query_that_makes_no_sense_is_refused(world: World, query: str) -> None:
    yulin = world.partner(YULIN)
    record_id = members_of(chain(yulin, 1)[0])["id"]
    assert yulin.get(f"/v1/records/{record_id}?{query}").problem == "invalid"


@pytest.mark.parametrize("what", ["", "/proof", "/delivery"])
def test_to_a_third_city_the_database_gives_as_little_as_of_no_record(world: World, what: str) -> None:
    """Neither the time that it takes nor the memory may tell it how much is there."""
    yulin, third = world.partner(YULIN), world.partner(WUZHONG)
    record_id = members_of(chain(yulin, 20)[0])["id"]
    asked: list[str] = []
    reader = world.node.store._database.reader
    event.listen(reader, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    assert world.node.store.revisions(record_id, [WUZHONG]) == []
    told = []
    for each in (record_id, new_id()):
        asked.clear()
        assert third.get(f"/v1/records/{each}{what}").problem == "not-found"
        told.append(list(asked))
    assert told[0] == told[1]
    assert not any("jws" in statement for statement in asked)


# -- a record's time -----------------------------------------------------------------------------------


def test_a_record_past_its_expiry_is_not_given_though_the_job_has_not_run(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    expiry = world.clock() + timedelta(hours=1)
    short = yulin.record(expires_at=expiry.isoformat(timespec="seconds"))
    long = yulin.record()
    yulin.deliver(short, long)
    path = f"/v1/records/{members_of(short)['id']}"
    assert len(ordos.pull()["items"]) == 2
    world.clock.advance(hours=1)
    served = world.types()["served"]
    assert [item["record"] for item in ordos.pull()["items"]] == [long]
    for reader in (yulin, ordos):
        (item,) = reader.get(path).json["items"]
        assert item["record"] is None
        assert reader.get(path + "/proof").status == 200
    assert world.types()["served"] == served + 1, "of the page; nothing was served of what has expired"
    assert world.types()["erased"] == 0
    (recipient,) = yulin.get(path + "/delivery").json["recipients"]
    assert recipient["status"] == "fetched"
