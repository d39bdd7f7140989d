"""Three nodes that host five cities between them, built once and copied for each test; cities move between them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.lab.building import Lab

sys.path.append(str(Path(__file__).parents[1] / "federation"))  # its nodes serve here, too

from neighbours import Federation, build_lab, federation


@pytest.fixture(scope="session")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lab]:
    folder = tmp_path_factory.mktemp("moves") / "lab"
    return folder, build_lab(folder)


@pytest.fixture
def nodes(three_nodes: tuple[Path, Lab], tmp_path: Path) -> Iterator[Federation]:
    with federation(*three_nodes, tmp_path / "lab") as opened:
        yield opened


@pytest.fixture
def mixed(three_nodes: tuple[Path, Lab], tmp_path: Path, database_url: str) -> Iterator[Federation]:
    """The first and the third node are on SQLite and on PostgreSQL."""
    with federation(*three_nodes, tmp_path / "lab", {2: database_url}) as opened:
        yield opened
