"""A real node for a bench: a lab of one node, its processes, and the keys that ask it for something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy import make_url

from bench import postgresql
from bench.records import Source
from hub.client import Client
from hub.clock import utc_now
from hub.config import read_config
from hub.lab.building import build
from hub.lab.running import RunningLab
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.store import Store
from keys.files import read_passphrase, read_signing
from keys.suite import SigningKey
from keys.trust_list import Trust
from keys.trust_repository import open_trust

SENDER: Final = "610800"
RECIPIENTS: Final = ("150600", "141100", "140900", "610600", "621000", "640300", "640100", "150200")


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str | None]:
    """A database URL: None for SQLite beside the node, else one on a PostgreSQL server of our own."""
    if engine == "sqlite":
        yield None
        return
    with postgresql.server(folder / "postgresql") as url:
        yield url


class Sandbox:
    """A lab of one node that hosts nine cities, with nothing started yet."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self._folder = folder / "lab"
        self._lab = build(self._folder, [SENDER, *RECIPIENTS], 1, database, utc_now())
        self._keys = {each["city"]: read_signing(Path(each["key"]), None) for each in self._lab.systems}
        self._audit_key = read_signing(Path(self._lab.auditors[0]["key"]), None)
        self.trust: Trust = open_trust(self.repository, self._folder / "seen", utc_now())
        node = self._lab.nodes[0]
        self.name, self.url, self.log = node.name, node.url, node.log
        self._config = read_config(self._folder / "nodes" / node.name / "hub.toml")
        self.workers, self.threads = self._config.workers, self._config.threads

    @property
    def repository(self) -> Path:
        return self._folder / "trust"

    @property
    def source(self) -> Source:
        return Source(SENDER, self._lab.agreements[0]["id"], self._keys[SENDER])

    def key(self, city: str) -> SigningKey:
        return self._keys[city]

    def auditor(self) -> Client:
        return Client(self.trust, self.name, self._audit_key)

    def log_key(self) -> SigningKey:
        config = self._config
        return read_signing(config.log_key, read_passphrase(config.passphrase_file, {}))

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The node's own store, to be filled while the node is not running."""
        key = self.log_key()

        def sign(checkpoint: Checkpoint) -> str:
            return sign_checkpoint(checkpoint, key)

        if self._config.database.startswith("postgresql"):
            inside = make_url(self._config.database)
            bare = inside.difference_update_query(["options"]).render_as_string(hide_password=False)
            postgresql.in_schema(bare, str(inside.query["options"]).removeprefix("-csearch_path="))
        store = Store.open(self._config.database, self.name, sign)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def running(self) -> Iterator[int]:
        """The node as processes; gives its supervisor's pid. What goes wrong is told with the node's last words."""
        try:
            with RunningLab(self._folder, self._lab) as running:
                yield running.lab.nodes[0].pid
        except Exception as error:
            said = (self._folder / "nodes" / self.name / "node.log").read_text(errors="replace")
            error.add_note(
                "\n".join(line[:400] for line in said.splitlines()[-2000:] if '"event":"request"' not in line)
            )
            raise


def processes(supervisor: int) -> list[psutil.Process]:
    """The node's processes that are alive."""
    try:
        parent = psutil.Process(supervisor)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(supervisor: int) -> float:
    """What the node's processes have used of all cores so far: a figure that other work hardly moves."""
    times = [each.cpu_times() for each in processes(supervisor)]
    return sum(each.user + each.system for each in times)
