"""What was erased at its origin before a peer fetched it: the stream counts on, and the origin's log says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from neighbours import Federation, Member
from partner import ORDOS, YULIN, World

from hub import jobs
from hub.errors import Code
from hub.log import entry as entries
from hub.log.entry import Erased
from hub.store import migrations
from hub.store.engine import open_database


@pytest.fixture(name="pair")
def a_pair(open_nodes: Callable[..., Federation], database_url: str) -> tuple[Federation, Member, Member]:
    """The first node, which forgets, is on SQLite and on PostgreSQL."""
    opened = open_nodes({0: database_url})
    return opened, opened.members[0], opened.members[1]


def expiring(world: World, days: int) -> str:
    expiry = (world.clock() + timedelta(days=days)).isoformat(timespec="seconds")
    return world.partner(YULIN).record(expires_at=expiry)


def test_a_gap_that_erasure_explains_is_no_gap(pair: tuple[Federation, Member, Member]) -> None:
    federation, first, second = pair
    yulin = first.world.partner(YULIN)
    before, after = yulin.record(), yulin.record()
    yulin.deliver(expiring(first.world, 1), before, expiring(first.world, 1), after, expiring(first.world, 1))
    federation.clock.advance(days=2)
    jobs.forget(first.world.node)
    report = second.round(first)
    assert (report.new, report.known) == (2, 3)
    assert second.records(ORDOS) == [before, after]
    assert [entry.to for entry in second.received()] == [{ORDOS: 1}, {ORDOS: 2}]
    yulin.deliver(yulin.record())
    assert second.round(first).new == 1
    second.world.verify()


def test_what_was_erased_is_not_said_to_have_been_served(pair: tuple[Federation, Member, Member]) -> None:
    federation, first, second = pair
    (gone,) = first.world.partner(YULIN).deliver(expiring(first.world, 1))
    federation.clock.advance(days=2)
    jobs.forget(first.world.node)
    size = first.store.head().size
    second.round(first)
    assert first.store.head().size == size
    delivery = first.world.partner(YULIN).get(f"/v1/records/{gone['id']}/delivery").json
    assert delivery["recipients"][0]["status"] == "pending"


def test_a_record_that_is_due_and_not_erased_yet_is_waited_for(
    pair: tuple[Federation, Member, Member],
) -> None:
    federation, first, second = pair
    yulin = first.world.partner(YULIN)
    before, after = yulin.record(), yulin.record()
    yulin.deliver(before, expiring(first.world, 1), after)
    federation.clock.advance(days=2)
    assert second.refusal(first).code is Code.BUSY
    assert second.records(ORDOS) == [before]
    assert second.refusal(first).code is Code.BUSY
    jobs.forget(first.world.node)
    assert second.round(first).new == 1
    assert second.records(ORDOS) == [before, after]


def test_the_lane_passes_over_what_was_erased(pair: tuple[Federation, Member, Member]) -> None:
    federation, first, second = pair
    record = first.world.partner(YULIN).record()
    first.world.partner(YULIN).deliver(expiring(first.world, 1), record)
    federation.clock.advance(days=2)
    jobs.forget(first.world.node)
    assert second.lane(first) == 1
    assert second.records(ORDOS) == [record]


def test_for_other_callers_nothing_changes(pair: tuple[Federation, Member, Member]) -> None:
    """A city's system that pulls from the sender's node is given what is there, as before."""
    federation, first, _ = pair
    record = first.world.partner(YULIN).record()
    first.world.partner(YULIN).deliver(expiring(first.world, 1), record, expiring(first.world, 1))
    federation.clock.advance(days=2)
    ordos = first.world.partner(ORDOS)
    for _ in range(2):
        page = ordos.pull()
        assert [item["record"] for item in page["items"]] == [record]
        assert all(set(item) == {"index", "entry", "record"} for item in page["items"])
        jobs.forget(first.world.node)


LIES: dict[str, tuple[Callable[[dict[str, Any], World], Any], Code]] = {
    "no excuse": (lambda item, _: item.pop("erased"), Code.MALFORMED),
    "an excuse that is none": (lambda item, _: item.update(erased=7), Code.MALFORMED),
    "an excuse at another place": (
        lambda item, _: item["erased"].update(index=item["erased"]["index"] + 1),
        Code.BAD_SIGNATURE,
    ),
    "an excuse beyond the log": (lambda item, _: item["erased"].update(index=10_000), Code.CONFLICT),
    "an excuse of a wrong kind": (lambda item, _: item["erased"].update(index="7"), Code.MALFORMED),
    "an excuse before the record": (
        lambda item, world: item.update(erased={"index": 0, "entry": line(world, 0)}),
        Code.CONFLICT,
    ),
    "another record's excuse": (
        lambda item, world: item.update(erased={"index": 6, "entry": line(world, 6)}),
        Code.CONFLICT,
    ),
    "an entry of a deed": (
        lambda item, world: item.update(erased={"index": 4, "entry": line(world, 4)}),
        Code.CONFLICT,
    ),
    "its own entry": (lambda item, _: item.update(erased=dict(item)), Code.CONFLICT),
    "an altered excuse": (
        lambda item, _: item["erased"].update(entry=item["erased"]["entry"].replace("expired", "because")),
        Code.BAD_SIGNATURE,
    ),
}


def line(world: World, index: int) -> str:
    return world.node.store.lines(index, index + 1)[0].decode()


@pytest.mark.parametrize("lie", LIES)
def test_a_record_is_not_kept_back_under_a_wrong_excuse(nodes: Federation, lie: str) -> None:
    change, code = LIES[lie]
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(expiring(first.world, 1), expiring(first.world, 1), yulin.record())
    nodes.clock.advance(days=2)
    jobs.forget(first.world.node)
    assert [entry.index for entry in first.world.entries(Erased)] == [2, 3]
    assert isinstance(first.world.entries()[6], Erased)
    link = second.link(first)
    link.lie_in_items(lambda items: change(items[0], first.world))
    assert second.refusal(first).code is code
    assert second.received() == []
    link.tell_the_truth()
    assert second.round(first).new == 1


def test_an_erasure_that_is_newer_than_the_folded_log_is_left_for_the_next_round(nodes: Federation) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    late = yulin.record()
    yulin.deliver(expiring(first.world, 1), late)
    nodes.clock.advance(days=2)
    forgotten: list[bool] = []

    def forget(_reply: object) -> None:
        if not forgotten:
            forgotten.append(True)
            jobs.forget(first.world.node)

    second.link(first).lie("/log/checkpoint", forget, signed=False)
    assert second.round(first).new == 0
    assert second.round(first).new == 1
    assert second.records(ORDOS) == [late]


def test_a_database_of_before_learns_which_entries_say_that_its_records_were_erased(
    database_url: str,
) -> None:
    database = open_database(database_url)
    scripts = str(Path(migrations.__file__).parent)
    said = {"at": "2026-11-21T08:30:00.000Z", "digest": "0" * 64, "basis": "expired"}
    with database.writer.begin() as connection:
        config = AlembicConfig()
        config.set_main_option("script_location", scripts)
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for index, line in ((2, entries.erased(index=0, **said)), (3, entries.erased(index=1, **said))):
            connection.exec_driver_sql(f"INSERT INTO entries VALUES ({index}, '{line.decode()}')")
        for index, jws in ((0, "NULL"), (1, "NULL"), (4, "'x'")):
            values = f"{index}, '{index}', 1, 'd', 'alert', '610800', NULL, {jws}"
            connection.exec_driver_sql(f"INSERT INTO records VALUES ({values})")
    migrations.upgrade(database)
    with database.reader.connect() as connection:
        found = connection.exec_driver_sql("SELECT idx, erased_idx FROM records ORDER BY idx").all()
    assert [tuple(row) for row in found] == [(0, 2), (1, 3), (4, None)]
    database.close()
