"""The log as the store keeps it: tiles, frontier and checkpoint are those of a tree computed anew."""

from __future__ import annotations

import random

import pytest
from keeping import LOG, ORDOS, Letter, grow, open_store, put, root_of, routed_lines, tile_of, verify

from hub.errors import Code, Problem
from hub.log.checkpoint import open_checkpoint
from hub.log.tree import EMPTY_ROOT, CompactRange, leaf_hashes
from hub.store import Job, Store


def test_a_new_log_is_the_empty_tree_and_signed(store: Store) -> None:
    signed = open_checkpoint(store.head().checkpoint, LOG)
    assert (signed.size, signed.root) == (0, EMPTY_ROOT)
    assert verify(store).size == 0


def test_after_appends_of_any_size_every_tile_is_that_of_a_tree_computed_anew(store: Store) -> None:
    chosen = random.Random(610800)
    sizes = [1, 1, 254, 1, 1, 255, 256, 257, *(chosen.randrange(1, 600) for _ in range(12))]
    lines: list[bytes] = []
    for size in sizes:
        fresh = routed_lines(len(lines) + 1, size)
        grow(store, fresh)
        lines += fresh
        head = store.head()
        signed = open_checkpoint(head.checkpoint, LOG)
        frontier = CompactRange().extend(leaf_hashes(lines))
        assert head.size == signed.size == len(lines)
        assert head.frontier == frontier.to_bytes()
        assert signed.root == frontier.root()
    assert frontier.root() == root_of(lines)
    for level in (0, 1):
        for number in range(len(lines) // 256 ** (level + 1) + 1):
            assert (store.tile(level, number) or b"") == tile_of(lines, level, number)
    assert store.lines(0, len(lines)) == lines
    report = verify(store)
    assert report.streams == {ORDOS: len(lines)}


def test_the_tree_grows_past_its_second_and_third_level(store: Store) -> None:
    lines = routed_lines(1, 65_536 + 300)
    for start, end in ((0, 65_530), (65_530, 65_536), (65_536, 65_537), (65_537, len(lines))):
        grow(store, lines[start:end])
        assert open_checkpoint(store.head().checkpoint, LOG).size == end
    assert open_checkpoint(store.head().checkpoint, LOG).root == root_of(lines)
    assert store.tile(2, 0) == root_of(lines[:65_536])
    assert store.tile(1, 1) == tile_of(lines, 1, 1)
    assert verify(store).size == len(lines)


def test_a_job_that_appends_nothing_leaves_the_checkpoint_as_it_is(store: Store) -> None:
    put(store, Letter())
    before = store.head()
    committed = store.write(Job(lambda _: "nothing"))
    assert committed.result == "nothing"
    assert committed.checkpoint == before.checkpoint
    assert store.head() == before


def test_each_answer_carries_a_checkpoint_that_covers_it(store: Store) -> None:
    for _ in range(3):
        letter = Letter()
        committed = store.write(letter.job())
        assert open_checkpoint(committed.checkpoint, LOG).size == committed.result[1] + 1
        assert committed.checkpoint == store.head().checkpoint


def test_a_store_opened_again_goes_on_where_it_was(database_url: str) -> None:
    first = open_store(database_url)
    put(first, *(Letter() for _ in range(300)))
    held = first.head()
    first.close()
    second = open_store(database_url)
    assert second.head() == held
    assert put(second, Letter())[0] == ("accepted", 300)
    assert verify(second).streams == {ORDOS: 301}
    second.close()


def test_the_log_of_another_node_is_refused(database_url: str) -> None:
    open_store(database_url).close()
    with pytest.raises(Problem) as refused:
        Store.open(database_url, "150600.exchange", lambda _: "unsigned")
    assert refused.value.code is Code.CONFLICT


def test_a_database_of_another_sort_is_refused() -> None:
    for url in ("mysql://host/db", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql://host/db"):
        with pytest.raises(Problem) as refused:
            open_store(url)
        assert (refused.value.code, refused.value.where) == (Code.INVALID, "/database")


def test_a_database_that_does_not_answer_is_busy() -> None:
    with pytest.raises(Problem) as refused:
        open_store("postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=1")
    assert refused.value.code is Code.BUSY


def test_writing_after_the_end_is_refused(database_url: str) -> None:
    store = open_store(database_url)
    store.close()
    with pytest.raises(Problem) as refused:
        put(store, Letter())
    assert refused.value.code is Code.BUSY
