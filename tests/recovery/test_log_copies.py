"""`hub log copy`: the log's files in a second place, always whole, and never over more than the log has."""

from __future__ import annotations

from pathlib import Path

import pytest
from partner import ORDOS, YULIN
from stations import Region, Station

from hub.errors import Code, Problem
from hub.log import copying
from hub.log.reader import DirReader
from hub.log.verifier import LogReport, verify_log


def push(first: Station, records: int) -> None:
    yulin = first.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(ORDOS,)) for _ in range(records)))


def verified(first: Station, copy: Path) -> LogReport:
    return verify_log(DirReader(copy), first.node.log_verifier)


def files(copy: Path) -> dict[str, int]:
    return {
        str(path.relative_to(copy)): path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()
    }


def test_a_copy_verifies_as_the_log_does_and_grows_with_it(first: Station, tmp_path: Path) -> None:
    copy, before = tmp_path / "kept" / "copy", 0
    for records in (3, 300, 254, 1):
        push(first, records)
        said = first.hub("log", "copy", copy, "--json").json
        assert (said["log_entries"], said["new"]) == (first.size, first.size - before)
        before = first.size
        assert verified(first, copy).root == first.world.verify().root
    partial = [name for name in files(copy) if ".p/" in name]
    assert sorted(partial) == ["tile/0/002.p/48", "tile/1/000.p/2", "tile/entries/002.p/48"]


def test_twice_writes_nothing_but_the_checkpoint(first: Station, tmp_path: Path) -> None:
    push(first, 300)
    first.hub("log", "copy", tmp_path / "copy")
    before = files(tmp_path / "copy")
    assert first.hub("log", "copy", tmp_path / "copy", "--json").json["new"] == 0
    after = files(tmp_path / "copy")
    assert {name for name in after if after[name] != before.get(name)} == {"checkpoint"}


def test_nobody_else_may_read_a_copy(first: Station, tmp_path: Path) -> None:
    """Its entries say who wrote to whom, and when."""
    push(first, 3)
    first.hub("log", "copy", tmp_path / "copy")
    kept = [tmp_path / "copy", *(tmp_path / "copy" / name for name in files(tmp_path / "copy"))]
    assert {oct(path.stat().st_mode & 0o077) for path in kept} == {"0o0"}


@pytest.mark.parametrize("survived", range(7))
def test_a_copy_that_is_killed_is_the_one_that_it_was(
    first: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    copy = tmp_path / "copy"
    push(first, 250)
    first.hub("log", "copy", copy)
    before = verified(first, copy).size
    push(first, 30)
    write, written = copying._write, [0]

    def fated(path: Path, content: bytes) -> None:
        if written[0] == survived:
            raise KeyboardInterrupt
        written[0] += 1
        write(path, content)

    with monkeypatch.context() as killed:
        killed.setattr(copying, "_write", fated)
        first.hub("log", "copy", copy)
    assert verified(first, copy).size in (before, first.size)
    assert first.hub("log", "copy", copy).code == 0
    assert verified(first, copy).size == first.size


def test_a_copy_that_has_more_than_the_log_is_left_as_it_is_and_halts_the_node(
    first: Station, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    push(first, 1)
    backup = first.back_up()
    push(first, 2)
    first.hub("log", "copy", copy)
    before = files(copy)
    first.set_back(backup)
    refused = first.hub("log", "copy", copy)
    assert refused.code == 1
    assert "The copy holds more than the log" in refused.err
    assert "数据库与本节点已公布的日志不一致" in first.hub("log", "copy", copy, lang="zh").err
    assert files(copy) == before
    with pytest.raises(Problem) as closed:
        first.start()
    assert closed.value.code is Code.CONFLICT


def test_a_copy_is_not_made_over_another_logs(region: Region, first: Station, tmp_path: Path) -> None:
    _, second, _ = region
    push(first, 1)
    second.hub("log", "copy", tmp_path / "copy")
    before = files(tmp_path / "copy")
    assert first.hub("log", "copy", tmp_path / "copy").code == 1
    assert files(tmp_path / "copy") == before
    assert not first.halted


def test_a_folder_that_cannot_be_written_is_named(first: Station, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = first.hub("log", "copy", tmp_path / "file" / "copy")
    assert refused.code == 1
    assert "cannot be written" in refused.err
