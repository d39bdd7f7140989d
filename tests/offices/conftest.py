"""Servers that a city's systems stand behind, started for a test and gone with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sftp_server import SftpServer
from web_server import WebServer


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpServer]:
    """An SFTP server whose root is a folder of the test's."""
    folder, keys = tmp_path / "served", tmp_path / "sftp-keys"
    folder.mkdir(exist_ok=True)
    keys.mkdir()
    with SftpServer(folder, keys) as server:
        yield server


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web interface that answers as the test tells it."""
    with WebServer() as server:
        yield server
