"""Files of a folder or an SFTP server are taken whole, once they are finished, and nothing else is."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from place_settings import source_at
from sftp_server import SftpServer
from structlog.testing import capture_logs

import hub.offices.sources.files as files_module
import hub.offices.sources.source as source_module
from adapters.cities import DIALECTS
from hub.errors import Code, Problem
from hub.offices.sources import Source, Unit, open_source

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
DIALECT = DIALECTS["610800"]


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(params=["folder", "sftp"])
def take(request: pytest.FixtureRequest, served: Path, tmp_path: Path) -> Callable[..., Source]:
    """Opens a source of the served folder, straight or through SFTP."""
    url: Any = served
    access: dict[str, Any] = {}
    if request.param == "sftp":
        server: SftpServer = request.getfixturevalue("sftp")
        url, access = server.url, {"key": server.key, "known_hosts": server.known_hosts}

    def make(**changed: Any) -> Source:
        source = open_source(
            source_at(url, **access, **changed), DIALECT, {}, lambda: NOW, tmp_path / "scratch"
        )
        request.addfinalizer(source.close)
        return source

    return make


def write(folder: Path, name: str, content: bytes = b"x", age: float = 60) -> Path:
    """A file that was changed so many seconds before NOW."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    at = NOW.timestamp() - age
    os.utime(path, (at, at))
    return path


def names(source: Source) -> list[str]:
    return [unit.name for unit in source.units()]


def content(unit: Unit) -> bytes:
    (whole,) = [cast(BinaryIO, part).read() for part in unit.parts()]
    return whole


def refused(unit: Unit) -> Problem:
    with pytest.raises(Problem) as raised:
        content(unit)
    assert unit.name not in raised.value.detail
    assert "mediation" in raised.value.detail
    return raised.value


def test_files_come_oldest_first_then_by_name(served: Path, take: Callable[..., Source]) -> None:
    for name, age in (("b.csv", 90), ("a.csv", 60), ("d.csv", 90), ("c.csv", 300)):
        write(served, name, name.encode(), age)
    source = take(files="*.csv")
    assert [(unit.name, content(unit)) for unit in source.units()] == [
        (name, name.encode()) for name in ("c.csv", "b.csv", "d.csv", "a.csv")
    ]


def test_a_pattern_takes_names_in_the_folder_alone_in_small_or_capital_letters(
    served: Path, take: Callable[..., Source]
) -> None:
    for name in ("a.csv", "B.CSV", "c.xlsx", "inner/d.csv"):
        write(served, name)
    assert set(names(take(files="*.csv"))) == {"a.csv", "B.CSV"}


def test_two_stars_take_folders_of_any_depth(served: Path, take: Callable[..., Source]) -> None:
    for name in ("a.csv", "x/b.csv", "x/y/c.csv", "x/.hidden/d.csv", "z/e.txt"):
        write(served, name)
    assert set(names(take(files="**/*.csv"))) == {"a.csv", "x/b.csv", "x/y/c.csv"}
    assert set(names(take(files="x/*.csv"))) == {"x/b.csv"}
    assert set(names(take(files="?/**/*.csv"))) == {"x/b.csv", "x/y/c.csv"}


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*", "a//b", "a**", "./*"])
def test_a_pattern_that_leads_elsewhere_is_refused(
    served: Path, take: Callable[..., Source], pattern: str
) -> None:
    with pytest.raises(Problem) as raised:
        take(files=pattern)
    assert raised.value.code is Code.INVALID


def test_lock_files_hidden_files_and_downloads_under_way_are_not_taken(
    served: Path, take: Callable[..., Source]
) -> None:
    for name in (".a", "~$b.xlsx", "c.part", "d.TMP", "e.filepart", "f.csv.crdownload", "line\nfeed.csv"):
        write(served, name)
    write(served, "调解台账　2026.csv")
    assert names(take()) == ["调解台账　2026.csv"]


def test_a_file_that_may_still_be_written_waits(served: Path, take: Callable[..., Source]) -> None:
    write(served, "young.csv", age=9)
    write(served, "old.csv", age=11)
    with capture_logs() as logs:
        assert names(take(settle_seconds=10)) == ["old.csv"]
    assert [(each["event"], each["young"]) for each in logs] == [("source.left", 1)]


def test_a_file_from_the_future_is_named_as_long_as_it_is(served: Path, take: Callable[..., Source]) -> None:
    write(served, "a.csv", age=-7200)
    (unit,) = take(settle_seconds=10).units()
    problem = refused(unit)
    assert problem.code is Code.BUSY
    assert "clock" in problem.detail


def test_the_stamp_differs_when_size_or_time_do(served: Path, take: Callable[..., Source]) -> None:
    stamps = set()
    for body, age in ((b"x", 60), (b"xx", 60), (b"xx", 50)):
        write(served, "a.csv", body, age)
        (unit,) = take().units()
        stamps.add(unit.stamp)
    assert len(stamps) == 3


def test_a_file_that_grew_since_it_was_listed_comes_the_next_time(
    served: Path, take: Callable[..., Source]
) -> None:
    write(served, "a.csv")
    (unit,) = take().units()
    write(served, "a.csv", b"longer")
    assert refused(unit).code is Code.BUSY


def test_a_file_that_is_gone_is_named_and_the_rest_goes_on(served: Path, take: Callable[..., Source]) -> None:
    write(served, "a.csv", age=70)
    write(served, "b.csv", b"still here")
    first, second = take().units()
    (served / "a.csv").rename(served / "a.done")
    assert refused(first).code is Code.NOT_FOUND
    assert content(second) == b"still here"


def test_no_link_is_followed(served: Path, take: Callable[..., Source], tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", "secret.csv", b"not yours")
    (served / "link.csv").symlink_to(outside)
    (served / "linked").symlink_to(outside.parent)
    write(served, "own.csv")
    with capture_logs() as logs:
        assert names(take(files="**/*.csv")) == ["own.csv"]
    assert logs[0]["neither_file_nor_folder"] == 2


def test_a_link_put_into_a_files_place_after_it_was_listed_is_not_followed(
    served: Path, take: Callable[..., Source], tmp_path: Path
) -> None:
    write(served, "a.csv", b"12345")
    (unit,) = take().units()
    outside = write(tmp_path / "outside", "secret.csv", b"54321")
    (served / "a.csv").unlink()
    (served / "a.csv").symlink_to(outside)
    assert refused(unit).code is Code.BUSY


def test_a_folder_that_becomes_a_link_is_not_followed(served: Path, tmp_path: Path) -> None:
    write(served, "inner/a.csv", b"12345")
    write(tmp_path / "outside", "a.csv", b"54321")
    with open_source(
        source_at(served, files="**/*.csv"), DIALECT, {}, lambda: NOW, tmp_path / "scratch"
    ) as source:
        (unit,) = source.units()
        (served / "inner").rename(tmp_path / "moved")
        (served / "inner").symlink_to(tmp_path / "outside")
        assert refused(unit).code is Code.BUSY


def test_pipes_and_devices_are_never_opened(served: Path, take: Callable[..., Source]) -> None:
    os.mkfifo(served / "pipe.csv")
    assert names(take()) == []


def test_a_pipe_put_into_a_files_place_does_not_hold_the_run_up(
    served: Path, take: Callable[..., Source]
) -> None:
    write(served, "a.csv")
    (unit,) = take().units()
    (served / "a.csv").unlink()
    os.mkfifo(served / "a.csv")
    assert refused(unit).code is Code.BUSY


def test_a_file_that_is_too_large_is_refused_before_it_is_copied(
    served: Path, take: Callable[..., Source]
) -> None:
    with (served / "huge.csv").open("wb") as file:
        file.truncate(files_module.FILE_BYTES + 1)
    os.utime(served / "huge.csv", (0, 0))
    (unit,) = take().units()
    assert refused(unit).code is Code.TOO_LARGE


def test_a_folder_without_an_end_is_refused(
    served: Path, take: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        write(served, f"{number}.csv")
    monkeypatch.setattr(files_module, "ENTRIES", 11)
    with pytest.raises(Problem) as raised:
        names(take())
    assert raised.value.code is Code.TOO_LARGE


def test_copies_have_no_name_and_nothing_is_left_of_them(
    served: Path, take: Callable[..., Source], tmp_path: Path
) -> None:
    write(served, "a.csv", b"y" * (source_module.IN_MEMORY_BYTES + 1))
    before = sorted(served.iterdir())
    (unit,) = take().units()
    parts = unit.parts()
    copy = cast(Any, next(parts))
    status = os.fstat(copy.fileno())
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_nlink == 0
    assert list((tmp_path / "scratch").iterdir()) == []
    parts.close()  # type: ignore[attr-defined]
    assert copy.closed
    assert sorted(served.iterdir()) == before


def test_a_file_can_be_read_twice(served: Path, take: Callable[..., Source]) -> None:
    write(served, "a.csv", b"again")
    (unit,) = take().units()
    assert content(unit) == content(unit) == b"again"


def test_a_name_in_gb18030_is_readable_and_the_file_is_found(served: Path, tmp_path: Path) -> None:
    path = os.fsencode(served) + b"/" + "纠纷.csv".encode("gb18030")
    with open(path, "wb") as file:  # noqa: PTH123 (a path of bytes)
        file.write(b"found")
    os.utime(path, (0, 0))
    with open_source(source_at(served), DIALECT, {}, lambda: NOW, tmp_path / "scratch") as source:
        (unit,) = source.units()
        assert unit.name == "纠纷.csv"
        assert content(unit) == b"found"


def test_a_folder_that_goes_away_is_named(served: Path, take: Callable[..., Source]) -> None:
    source = take()
    served.rmdir()
    with pytest.raises(Problem) as raised:
        names(source)
    assert raised.value.code is Code.NOT_FOUND


@pytest.fixture
def remote(sftp: SftpServer, tmp_path: Path) -> Callable[..., Source]:
    def make(**changed: Any) -> Source:
        settings = source_at(sftp.url, key=sftp.key, known_hosts=sftp.known_hosts, **changed)
        return open_source(settings, DIALECT, {}, lambda: NOW, tmp_path / "scratch")

    return make


def test_a_large_file_comes_whole_over_sftp(sftp: SftpServer, remote: Callable[..., Source]) -> None:
    body = os.urandom(3_000_000)
    write(sftp.folder, "a.csv", body)
    with remote() as source:
        (unit,) = source.units()
        assert content(unit) == body


def test_a_server_that_breaks_off_in_a_file_is_busy(sftp: SftpServer, remote: Callable[..., Source]) -> None:
    write(sftp.folder, "a.csv", b"z" * 300_000)
    with remote() as source:
        (unit,) = source.units()
        sftp.breaks_off_after = 100_000
        assert refused(unit).code is Code.BUSY
        with pytest.raises(Problem) as raised:
            names(source)
        assert raised.value.code is Code.BUSY


def test_a_server_that_says_nothing_more_is_busy(sftp: SftpServer, remote: Callable[..., Source]) -> None:
    write(sftp.folder, "a.csv")
    with remote(timeout_seconds=1) as source:
        (unit,) = source.units()
        sftp.hangs = True
        assert refused(unit).code is Code.BUSY


def test_a_file_that_is_written_while_it_is_copied_comes_the_next_time(
    sftp: SftpServer, remote: Callable[..., Source]
) -> None:
    write(sftp.folder, "a.csv", b"first half")
    with remote() as source:
        (unit,) = source.units()
        sftp.before_read = lambda: write(sftp.folder, "a.csv", b"first half, second half", age=0)
        assert refused(unit).code is Code.BUSY
        (unit,) = source.units()
        assert content(unit) == b"first half, second half"


def test_names_that_lead_out_of_the_folder_are_not_taken(
    sftp: SftpServer, remote: Callable[..., Source]
) -> None:
    write(sftp.folder, "own.csv")
    sftp.listed = ["../up.csv", "/etc/passwd.csv", "", "a\0.csv"]
    with remote(files="**/*.csv") as source:
        assert names(source) == ["own.csv"]


def test_names_that_are_not_utf_8_are_told_of_a_server(
    sftp: SftpServer, remote: Callable[..., Source]
) -> None:
    with open(os.fsencode(sftp.folder) + b"/" + "纠纷.csv".encode("gb18030"), "wb"):  # noqa: PTH123
        pass
    with remote() as source, pytest.raises(Problem) as raised:
        names(source)
    assert "UTF-8" in raised.value.detail


def test_the_folder_for_copies_is_made_for_its_owner_alone(tmp_path: Path, served: Path) -> None:
    with open_source(source_at(served), DIALECT, {}, lambda: NOW, tmp_path / "deep" / "scratch"):
        assert stat.S_IMODE((tmp_path / "deep" / "scratch").stat().st_mode) == 0o700
