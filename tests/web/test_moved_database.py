"""A database that is taken away or set back: a node goes on with neither, for either would fork its log."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from partner import ORDOS, YULIN, World

from hub import jobs
from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from hub.node import Node
from hub.web.application import create_application
from keys.suite import generate_signing


def database(world: World) -> Path:
    return world.folder / "nodes" / world.node.config.name / "hub.db"


def test_a_node_whose_database_is_moved_away_is_busy_and_makes_no_other(world: World) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    yulin.deliver(yulin.record())
    file = database(world)
    away = file.rename(file.with_name("backup.db"))
    for answer in (yulin.post({"records": [yulin.record()]}), ordos.get("/v1/records")):
        assert (answer.problem, answer.status) == ("busy", 503)
        assert int(answer.headers["Retry-After"]) > 0
        assert str(world.folder) not in answer.content.decode()
    assert world.send("GET", "/log/checkpoint", None, {}).problem == "busy"
    readiness = world.send("GET", "/readyz", None, {})
    assert (readiness.status, readiness.json["ready"]) == (503, False)
    assert "moved" in readiness.json["faults"][0]
    assert b"hub_ready 0.0" in world.send("GET", "/metrics", None, {}).body
    assert world.send("GET", "/healthz", None, {}).status == 200
    for job in (jobs.forget, jobs.prune, jobs.remember):
        job(world.node)
    assert not file.exists()
    away.rename(file)
    assert world.send("GET", "/readyz", None, {}).status == 200
    yulin.deliver(yulin.record())
    assert world.verify().streams == {ORDOS: 2}


def test_a_copy_put_back_under_a_running_node_is_not_written_to(world: World) -> None:
    yulin = world.partner(YULIN)
    copy = copied(world)
    yulin.deliver(yulin.record())
    copy.replace(database(world))
    assert yulin.post({"records": [yulin.record()]}).problem == "busy"
    assert world.send("GET", "/readyz", None, {}).status == 503


def copied(world: World, name: str = "copy.db") -> Path:
    """The database as it is now, as a backup makes it."""
    copy = database(world).with_name(name)
    source, target = sqlite3.connect(database(world)), sqlite3.connect(copy)
    with target:
        source.backup(target)
    source.close()
    target.close()
    return copy


# -- set back ----------------------------------------------------------------------------------------------


@pytest.fixture
def start(world: World) -> Iterator[Callable[[Path], Node]]:
    """Stop the node and start it again with a copy for its database."""
    started: list[Node] = []

    def start_with(copy: Path) -> Node:
        for node in (world.node, *started):
            node.close()
        for name in ("hub.db-wal", "hub.db-shm"):
            database(world).with_name(name).unlink(missing_ok=True)
        shutil.copy(copy, database(world))
        started.append(Node(world.node.config, world.clock))
        return started[-1]

    yield start_with
    for node in started:
        node.close()


def test_a_node_does_not_start_on_an_older_copy_of_its_database(
    world: World, start: Callable[[Path], Node]
) -> None:
    """Entries that it has published would get others' indexes: the forked log that auditors look for."""
    yulin = world.partner(YULIN)
    older = copied(world, "older.db")
    yulin.deliver(yulin.record(), yulin.record())
    jobs.remember(world.node)
    newest = copied(world, "newest.db")
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            start(older)
        assert refused.value.code is Code.CONFLICT
        assert "holds 2 log entries" in refused.value.detail
        assert "published 4" in refused.value.detail
    assert start(newest).health().ready


def test_a_node_does_not_start_on_a_log_of_the_same_length_and_other_entries(
    world: World, start: Callable[[Path], Node]
) -> None:
    yulin = world.partner(YULIN)
    before, forked = copied(world, "before.db"), world.node.config.state / "checkpoint"
    yulin.deliver(yulin.record())
    jobs.remember(world.node)
    published = forked.read_text()
    forked.unlink()
    node = start(before)
    yulin.send = World(world.folder, world.lab, world.clock, node, create_application(node)).send
    yulin.deliver(yulin.record())
    other = copied(world, "other.db")
    forked.write_text(published)
    with pytest.raises(Problem) as refused:
        start(other)
    assert refused.value.code is Code.CONFLICT


def test_a_node_that_has_gone_on_since_it_last_remembered_starts(
    world: World, start: Callable[[Path], Node]
) -> None:
    yulin = world.partner(YULIN)
    jobs.remember(world.node)
    yulin.deliver(yulin.record())
    assert start(copied(world)).store.head().size == 3


def test_what_is_remembered_is_the_newest_checkpoint(world: World) -> None:
    yulin = world.partner(YULIN)
    for size in (3, 4):
        yulin.deliver(yulin.record())
        jobs.remember(world.node)
        kept = (world.node.config.state / "checkpoint").read_text()
        assert open_checkpoint(kept, world.node.log_verifier).size == size


def test_a_memory_that_another_key_signed_is_not_believed(
    world: World, start: Callable[[Path], Node]
) -> None:
    forged = sign_checkpoint(Checkpoint(world.node.config.name, 1, bytes(32)), generate_signing())
    (world.node.config.state / "checkpoint").write_text(forged)
    with pytest.raises(Problem) as refused:
        start(copied(world))
    assert refused.value.code in (Code.UNKNOWN_KEY, Code.BAD_SIGNATURE)
