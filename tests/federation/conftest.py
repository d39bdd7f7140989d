"""Three nodes that host five cities between them, built once and copied for each test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from liars import a_liar, the_others, who_asks
from neighbours import Federation, build_lab, federation

from hub.lab.building import Lab

__all__ = ["a_liar", "the_others", "who_asks"]

sys.path.append(str(Path(__file__).parents[1] / "store"))  # its faulty database serves here, too


@pytest.fixture(scope="session")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lab]:
    folder = tmp_path_factory.mktemp("federation") / "lab"
    return folder, build_lab(folder)


@pytest.fixture
def open_nodes(three_nodes: tuple[Path, Lab], tmp_path: Path) -> Iterator[Callable[..., Federation]]:
    """As `nodes`, with some of them on other databases."""
    with ExitStack() as opened:
        yield lambda databases=None: opened.enter_context(
            federation(*three_nodes, tmp_path / "lab", databases)
        )


@pytest.fixture
def nodes(open_nodes: Callable[..., Federation]) -> Federation:
    return open_nodes()
