"""Three nodes between which no link is ever used: what passes from one to another is carried in files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.lab.building import Lab

sys.path.append(str(Path(__file__).parents[1] / "federation"))  # its nodes serve here, too

from carriers import Carrier
from neighbours import Federation, build_lab, federation


@pytest.fixture(scope="session")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lab]:
    folder = tmp_path_factory.mktemp("bundles") / "lab"
    return folder, build_lab(folder)


@contextmanager
def apart(
    three_nodes: tuple[Path, Lab], folder: Path, databases: dict[int, str] | None = None
) -> Iterator[Federation]:
    """Nodes all of whose links are cut."""
    with federation(*three_nodes, folder, databases) as opened:
        for member in opened:
            for link in member.links.values():
                link.cut = True
        yield opened


@pytest.fixture
def nodes(three_nodes: tuple[Path, Lab], tmp_path: Path) -> Iterator[Federation]:
    with apart(three_nodes, tmp_path / "lab") as opened:
        yield opened


@pytest.fixture
def mixed(three_nodes: tuple[Path, Lab], tmp_path: Path, database_url: str) -> Iterator[Federation]:
    """The second node is on SQLite and on PostgreSQL."""
    with apart(three_nodes, tmp_path / "lab", {1: database_url}) as opened:
        yield opened


@pytest.fixture
def carrier(tmp_path: Path) -> Carrier:
    return Carrier(tmp_path / "discs")
