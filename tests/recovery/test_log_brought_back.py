"""`hub recover log`: from a copy of the log its lost entries come back exactly as they were, with their rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, change_trust
from stations import Region, Said, Station
from test_old_backups import lose

from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.reader import DirReader
from hub.log.tile import ENTRIES, Tile, decode_bundle, encode_bundle
from hub.log.verifier import verify_log
from hub.node import Node
from hub.preflight import try_opening
from hub.recovery.log import restore
from hub.store import Job, Store
from keys.suite import generate_signing

REBUILT = {
    "entries": "*",
    "tiles": "*",
    "streams": "*",
    "deliveries": "*",
    "refusals": "*",
    "trust_versions": "*",
    "records": "idx, id, revision, digest, kind, sender, erased_idx > 0",
}
"""What entries alone must bring back, to the last row."""


def copied(station: Station, name: str = "copy") -> Path:
    folder = station.folder / name
    assert station.hub("log", "copy", folder).code == 0
    return folder


def tables(station: Station) -> dict[str, list[Any]]:
    return {
        table: sorted(station.rows(f"SELECT {columns} FROM {table}")) for table, columns in REBUILT.items()
    }


def live(region: Region) -> Path:
    """A backup, and after it one of every thing that a log tells of."""
    first, second, _ = region
    backup = lose(first)
    yulin, wuzhong = first.partner(YULIN), first.partner(WUZHONG)
    yulin.deliver(*(yulin.record(to=(ORDOS, XINZHOU)) for _ in range(270)))
    expiring = yulin.record(to=(WUZHONG,), expires_at="2030-01-01T00:00:00+08:00")
    yulin.deliver(expiring)
    ordos = second.partner(ORDOS)
    ordos.deliver(ordos.record(to=(YULIN, WUZHONG)))
    second.round(first)
    first.round(second)
    wuzhong.pull()
    wuzhong.post(
        {"records": [wuzhong.record("alert", issued_at="2020-01-01T00:00:00+08:00", to=("000000",))]}
    )
    yulin.refusal(yulin.record(agreement="none"))
    first.node.exchange.forget(first.clock().replace(year=2031))
    first.be_witnessed(second)
    return backup


def recover(station: Station, folder: Path) -> Said:
    return station.hub("recover", "log", folder)


def test_every_row_that_an_entry_tells_of_comes_back(region: Region, first: Station) -> None:
    backup = live(region)
    copy = copied(first)
    before, size = tables(first), first.size
    assert size > 280
    first.set_back(backup)
    assert recover(first, copy).code == 0
    assert tables(first) == before
    assert try_opening() is None
    first.start()
    assert (first.size, first.halted) == (size, False)
    assert first.world.verify().checkpoint.root == verify_log(DirReader(copy), first.node.log_verifier).root


def test_what_came_into_force_since_is_not_entered_before_its_own_entry_is_back(
    region: Region, first: Station
) -> None:
    """Whoever looks at the restored node, in whatever way: an entry would be one that its log never had."""
    _, second, third = region
    backup = first.back_up()
    change_trust(first.folder, lambda *_targets: None)  # another version of both
    for each in region:
        each.world.node.trust._looked = float("-inf")
        each.world.node.trust()
    first.be_witnessed(second)
    copy, before, size = copied(first), tables(first), first.size
    first.set_back(backup)
    for look in (("status",), ("peers",), ("city", "show"), ("alerts",)):
        first.hub(*look)
    for work in (
        ("bundle", "export", "--to", third.name, "--out", first.folder / "disc"),
        ("sync", second.name),
    ):
        assert first.hub(*work).code == 1
    assert try_opening() is not None
    assert recover(first, copy).code == 0
    assert tables(first) == before
    first.start()
    assert (first.size, first.halted) == (size, False)


def test_twice_changes_nothing(region: Region, first: Station) -> None:
    backup = live(region)
    copy = copied(first)
    first.set_back(backup)
    assert recover(first, copy).code == 0
    before = tables(first)
    assert first.hub("recover", "log", copy, "--json").json["appended"] == 0
    assert tables(first) == before


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_killed_half_way_it_goes_on_where_it_was(
    region: Region, first: Station, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    backup = live(region)
    copy = copied(first)
    before = tables(first)
    first.set_back(backup)
    written = [0]
    write = Store.write

    def fated(store: Store, job: Job[Any]) -> Any:
        if job.even_halted and written[0] == survived + 1:  # the first of them halts the log
            raise KeyboardInterrupt
        written[0] += job.even_halted
        return write(store, job)

    with monkeypatch.context() as killed:
        killed.setattr(Store, "write", fated)
        assert first.hub("recover", "log", copy).code != 0
    assert try_opening() is not None
    assert recover(first, copy).code == 0
    assert tables(first) == before


def test_an_older_copy_brings_back_what_it_has_and_the_node_stays_halted(
    region: Region, first: Station
) -> None:
    _, second, _ = region
    backup = lose(first, second)
    copy = copied(first)
    yulin = first.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    second.round(first)
    first.set_back(backup)
    found = first.hub("recover", "log", copy, "--json")
    assert (found.code, found.json["halted"], found.json["appended"]) == (1, True, 3)
    assert try_opening() is not None


# -- copies that are not what they should be ---------------------------------------------------------------


def change_bundle(copy: Path, change: Callable[[list[bytes]], None]) -> None:
    (path,) = (copy / Tile(ENTRIES, 0).path).with_suffix(".p").iterdir()
    lines = decode_bundle(path.read_bytes(), int(path.name))
    change(lines)
    path.write_bytes(encode_bundle(lines))


def forge(copy: Path) -> None:
    def change(lines: list[bytes]) -> None:
        lines[-1] = lines[-1].replace(b'"revision":1', b'"revision":2')

    change_bundle(copy, change)


def break_entry(copy: Path) -> None:
    def change(lines: list[bytes]) -> None:
        lines[-1] = b"no entry"

    change_bundle(copy, change)


def shorten(copy: Path) -> None:
    change_bundle(copy, lambda lines: lines.pop() and None)


def remove(copy: Path) -> None:
    shutil.rmtree(copy / "tile" / "entries")


def sign_by_another(copy: Path) -> None:
    checkpoint = Checkpoint.parse(DirReader(copy).checkpoint().rpartition("\n\n")[0] + "\n")
    (copy / "checkpoint").write_text(sign_checkpoint(checkpoint, generate_signing()))


@pytest.mark.parametrize("harm", [forge, break_entry, shorten, remove, sign_by_another])
def test_of_a_broken_copy_nothing_is_taken(
    region: Region, first: Station, harm: Callable[[Path], None]
) -> None:
    _, second, _ = region
    backup = lose(first, second)
    copy = copied(first)
    first.set_back(backup)
    before = tables(first)
    harm(copy)
    refused = recover(first, copy)
    assert refused.code == 1
    assert refused.err.startswith("✗ ")
    assert tables(first) == before
    assert try_opening() is not None


def test_the_copy_of_another_log_is_refused(region: Region, first: Station) -> None:
    _, second, _ = region
    backup = lose(first, second)
    copy = copied(second)
    first.set_back(backup)
    assert recover(first, copy).code == 1


def test_a_log_that_went_on_by_itself_is_told_to_begin_anew(region: Region, first: Station) -> None:
    """What was entered after the restore stands where others' entries stood: that is a second history."""
    _, second, third = region
    backup = lose(first, second)
    copy = copied(first)
    second.stop()
    first.set_back(backup)
    first.start()
    yulin = first.partner(YULIN)
    yulin.deliver(yulin.record(to=(XINZHOU,)))
    first.stop()
    second.start()
    refused = recover(first, copy)
    assert "something was entered after the restore" in refused.err
    assert "once more" in refused.err
    chinese = first.hub("recover", "log", copy, lang="zh")
    assert "该副本与本节点日志对不上" in chinese.err
    first.set_back(backup)
    assert recover(first, copy).code == 0
    assert third.state(first).cut_at is None


def test_a_copy_that_changes_while_it_is_read_is_noticed(
    region: Region, first: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, second, _ = region
    backup = lose(first, second)
    copy = copied(first)
    first.set_back(backup)
    node = Node(first.config, first.clock, even_halted=True)
    read, times = DirReader.entries, [0]

    def changing(reader: DirReader, number: int, width: int) -> bytes:
        times[0] += 1
        if times[0] == 2:
            forge(copy)
        return read(reader, number, width)

    monkeypatch.setattr(DirReader, "entries", changing)
    try:
        with pytest.raises(Problem) as refused:
            restore(node, copy)
        assert refused.value.code is Code.CONFLICT
        assert node.store.head().size == 3
    finally:
        node.close()
