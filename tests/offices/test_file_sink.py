"""A file in a sink's folder is the old one or the new one, never a half, whatever fails on the way."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from place_settings import sink_at
from sftp_server import SftpServer
from structlog.testing import capture_logs

from hub.errors import Code, Problem
from hub.offices.sinks import FileSink, Sink, open_sink

FILLING = """
import io, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from place_settings import sink_at
from hub.errors import Problem
from hub.offices.sinks import open_sink

with open_sink(sink_at(Path(sys.argv[1])), {}) as sink:
    sink.put("arrivals.csv", io.BytesIO(b"old"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        sink.put("arrivals.csv", io.BytesIO(b"new" * 100_000))
    except Problem as problem:
        print(problem)
"""


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(params=["folder", "sftp"])
def sink(request: pytest.FixtureRequest, served: Path) -> Sink:
    """A sink that is the served folder, straight or through SFTP."""
    url: Any = served
    access: dict[str, Any] = {}
    if request.param == "sftp":
        server: SftpServer = request.getfixturevalue("sftp")
        url, access = server.url, {"key": server.key, "known_hosts": server.known_hosts}
    opened = open_sink(sink_at(url, **access), {})
    request.addfinalizer(opened.close)
    assert isinstance(opened, FileSink)
    return opened


@pytest.fixture
def remote(sftp: SftpServer, request: pytest.FixtureRequest) -> Sink:
    opened = open_sink(sink_at(sftp.url, key=sftp.key, known_hosts=sftp.known_hosts), {})
    request.addfinalizer(opened.close)
    return opened


def refused(act: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as raised:
        act()
    assert "sink arrivals" in raised.value.detail
    return raised.value


def test_a_file_is_written_whole_from_its_beginning(sink: Sink, served: Path) -> None:
    body = os.urandom(700_000)
    content = io.BytesIO(body)
    content.seek(100)
    sink.put("到件.csv", content)
    assert {path.name: path.read_bytes() for path in served.iterdir()} == {"到件.csv": body}


def test_the_same_name_again_replaces_the_file_at_once(sink: Sink, served: Path) -> None:
    sink.put("a.csv", io.BytesIO(b"old"))
    with (served / "a.csv").open("rb") as reader:
        sink.put("a.csv", io.BytesIO(b""))
        assert reader.read() == b"old"
    assert [path.read_bytes() for path in served.iterdir()] == [b""]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "a/b", "../a", "a\\b", "a\0b", "a\nb", " a", "C:a", "长" * 67, "a\udc80"],
)
def test_a_name_that_leads_elsewhere_is_refused(sink: Sink, served: Path, name: str) -> None:
    assert refused(lambda: sink.put(name, io.BytesIO(b"x"))).code is Code.INVALID
    assert list(served.iterdir()) == []


def test_a_link_in_the_files_place_is_replaced_and_not_written_through(
    sink: Sink, served: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"untouched")
    (served / "a.csv").symlink_to(outside)
    sink.put("a.csv", io.BytesIO(b"mine"))
    assert outside.read_bytes() == b"untouched"
    assert not (served / "a.csv").is_symlink()
    assert (served / "a.csv").read_bytes() == b"mine"


def test_a_folder_in_the_files_place_is_named_and_nothing_is_left_over(sink: Sink, served: Path) -> None:
    (served / "a.csv").mkdir()
    (served / "a.csv" / "inside").touch()
    refused(lambda: sink.put("a.csv", io.BytesIO(b"x")))
    assert [path.name for path in served.iterdir()] == ["a.csv"]


def test_content_that_fails_while_it_is_read_leaves_nothing(sink: Sink, served: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise OSError("the copy is gone")
            return super().read(size)

    refused(lambda: sink.put("a.csv", Failing(b"x" * 900_000)))
    assert list(served.iterdir()) == []


def test_a_file_is_not_for_everybody(served: Path) -> None:
    with open_sink(sink_at(served), {}) as sink:
        sink.put("a.csv", io.BytesIO(b"x"))
    assert not stat.S_IMODE((served / "a.csv").stat().st_mode) & 0o007


def test_a_full_disk_is_busy_and_the_old_file_stays(served: Path) -> None:
    command = [sys.executable, "-c", FILLING, str(served), str(Path(__file__).parent)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.startswith("busy: sink arrivals: no room")
    assert {path.name: path.read_bytes() for path in served.iterdir()} == {"arrivals.csv": b"old"}


def test_a_full_server_is_busy_and_the_old_file_stays(sftp: SftpServer, remote: Sink) -> None:
    remote.put("a.csv", io.BytesIO(b"old"))
    sftp.room = 100_000
    assert refused(lambda: remote.put("a.csv", io.BytesIO(b"n" * 300_000))).code is Code.BUSY
    assert {path.name: path.read_bytes() for path in sftp.folder.iterdir()} == {"a.csv": b"old"}


def test_a_server_without_posix_rename_is_asked_in_two_steps_and_the_log_says_so(
    sftp: SftpServer, remote: Sink
) -> None:
    sftp.knows_posix_rename = False
    with capture_logs() as logs:
        remote.put("a.csv", io.BytesIO(b"one"))
        remote.put("a.csv", io.BytesIO(b"two"))
    assert {path.name: path.read_bytes() for path in sftp.folder.iterdir()} == {"a.csv": b"two"}
    assert {each["event"] for each in logs} == {"sftp.replaced-in-two-steps"}


def test_a_server_that_is_gone_is_busy(sftp: SftpServer, remote: Sink) -> None:
    sftp.break_off()
    assert refused(lambda: remote.put("a.csv", io.BytesIO(b"x"))).code is Code.BUSY


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:
        open_sink(sink_at(tmp_path / "nowhere"), {})
    assert raised.value.code is Code.NOT_FOUND
