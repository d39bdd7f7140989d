"""SQLite's file is one that was opened: a node never goes on in a file that appeared in its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from keeping import AT, KID, ORDOS, SENDER, Letter, open_store, put, verify

from hub.errors import Code, Problem
from hub.store import Job, Selection, Store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a folder%20with a name?" / "hub.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    file.parent.mkdir()
    opened = open_store(f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}")
    yield opened
    opened.close()


ASKED: dict[str, Callable[[Store], object]] = {
    "head": lambda store: store.head(),
    "page": lambda store: store.page(Selection(frozenset({ORDOS})), AT),
    "revisions": lambda store: store.revisions(Letter().id, [SENDER]),
    "contents": lambda store: store.contents([0], AT),
    "lines": lambda store: store.lines(0, 1),
    "tile": lambda store: store.tile(0, 0),
    "delivery": lambda store: store.delivery(0, "0" * 64, [ORDOS]),
    "write": lambda store: put(store, Letter()),
    "a write of nothing": lambda store: store.write(Job(lambda _: KID)),
}


def all_busy(store: Store, file: Path) -> None:
    for name, ask in ASKED.items():
        with pytest.raises(Problem) as refused:
            ask(store)
        assert refused.value.code is Code.BUSY, name
        assert refused.value.retry_after is not None, name
        assert str(file.parent) not in refused.value.detail, "partners read this"


def test_the_file_that_the_url_names_is_the_one_that_is_opened(store: Store, file: Path) -> None:
    assert file.is_file()
    assert put(store, Letter()) == [("accepted", 0)]


def test_a_file_that_is_gone_is_busy_and_nothing_appears_in_its_place(store: Store, file: Path) -> None:
    put(store, Letter())
    file.unlink()
    all_busy(store, file)
    assert not file.exists()


def test_a_new_connection_makes_no_empty_file_either(store: Store, file: Path) -> None:
    """Connections are pooled; the one that is opened next must not find what it would have to make."""
    put(store, Letter())
    store._database.reader.dispose()
    store._database.writer.dispose()
    moved = file.rename(file.with_name("moved.db"))
    all_busy(store, file)
    with pytest.raises(Exception, match="unable to open"):
        store._database.reader.connect()
    assert not file.exists()
    moved.rename(file)
    assert store.head().size == 1


def test_a_file_that_was_moved_away_is_busy_until_it_is_back(store: Store, file: Path) -> None:
    letter = Letter()
    put(store, letter)
    moved = file.rename(file.with_name("moved.db"))
    all_busy(store, file)
    assert not file.exists()
    moved.rename(file)
    assert put(store, letter, Letter()) == [("duplicate", 0), ("accepted", 1)]
    assert verify(store).size == 2


def test_a_copy_in_the_files_place_is_busy(store: Store, file: Path) -> None:
    """Old connections would go on writing to the file that was taken away."""
    put(store, Letter())
    copy = shutil.copy(file, file.with_name("copy.db"))
    Path(copy).replace(file)
    all_busy(store, file)


def test_a_folder_that_is_gone_is_busy(store: Store, file: Path) -> None:
    put(store, Letter())
    shutil.rmtree(file.parent)
    all_busy(store, file)
    assert not file.parent.exists()
