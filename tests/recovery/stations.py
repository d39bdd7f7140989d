"""Nodes behind real sockets: started, stopped, set back to an old copy of their database, and made to lie."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, Clock, Partner, World
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request

from hub import standing, translation
from hub.answers import Session
from hub.cli import cli
from hub.clock import utc_now
from hub.config import Config, read_config
from hub.federation.neighbourhood import Neighbourhood
from hub.federation.round import RoundReport
from hub.lab.building import Lab, build
from hub.log.checkpoint import VerifiedCheckpoint
from hub.node import Node
from hub.store.neighbours import PeerState
from hub.web.application import create_application
from hub.witnessing import submit
from keys import message_signature


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *arguments: Any) -> None:
        """The server's own lines are not under test."""


@dataclass
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Lie = Callable[[], tuple[int, bytes]]


@dataclass
class Station:
    """One node: its folder, and while it runs the node itself behind its socket."""

    folder: Path
    lab: Lab
    clock: Clock
    name: str
    _world: World | None = None
    _server: BaseWSGIServer | None = None
    _thread: threading.Thread | None = None
    lies: dict[str, Lie] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    # -- coming and going ----------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        return self.folder / "nodes" / self.name

    @property
    def config(self) -> Config:
        return read_config(self.home / "hub.toml")

    @property
    def database(self) -> Path:
        return self.home / "hub.db"

    @property
    def memory(self) -> Path:
        return self.home / "state" / "checkpoint"

    @property
    def world(self) -> World:
        assert self._world is not None, f"{self.name} is down"
        return self._world

    @property
    def node(self) -> Node:
        return self.world.node

    def start(self, *, even_halted: bool = False) -> None:
        node = Node(self.config, self.clock, even_halted=even_halted)
        node.note_trust()
        self._world = World(self.folder, self.lab, self.clock, node, create_application(node))
        self._server = make_server(
            self.config.host, self.config.port, self, threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None
        if self._world is not None:
            self._world.node.close()
            self._world = None

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        self.asked.append(f"{request.method} {request.path}")
        for path, lie in self.lies.items():
            if request.path.startswith(path):
                status, body = lie()
                fields = message_signature.sign_response(
                    status, body, dict(request.headers), self.node.key, now=self.clock()
                )
                start(f"{status} -", [*fields.items(), ("Content-Length", str(len(body)))])
                return [body]
        return self.world.application(environ, start)

    # -- backups -------------------------------------------------------------------------------------

    def back_up(self) -> Path:
        """The database as it is now."""
        number = len(list(self.folder.glob("backup-*")))
        copy = self.folder / f"backup-{number}-{self.name}.db"
        source, target = sqlite3.connect(self.database), sqlite3.connect(copy)
        with target:
            source.backup(target)
        source.close()
        target.close()
        return copy

    def set_back(self, copy: Path, *, forgetful: bool = True) -> None:
        """Put a copy in the database's place; a `forgetful` node's own memory is lost, too."""
        self.stop()
        for name in ("hub.db-wal", "hub.db-shm"):
            self.database.with_name(name).unlink(missing_ok=True)
        shutil.copy(copy, self.database)
        if forgetful:
            self.memory.unlink(missing_ok=True)

    # -- what it does --------------------------------------------------------------------------------

    def partner(self, city: str) -> Partner:
        return self.world.partner(city)

    def round(self, other: Station) -> RoundReport:
        neighbourhood = Neighbourhood(self.node, "by hand")
        try:
            return neighbourhood.round(other.name)
        finally:
            neighbourhood.close()

    def stand(self, other: Station) -> bool:
        """Ask a peer what it holds of this node's log, as the clock does."""
        neighbourhood = Neighbourhood(self.node, "by hand")
        try:
            return neighbourhood.check_standing(other.name)
        finally:
            neighbourhood.close()

    def be_witnessed(self, *others: Station) -> None:
        """Have others cosign the newest checkpoint."""
        trust = self.node.trust()
        with Session() as session:
            for other in others:
                peer = trust.nodes[other.name]
                submit(session, peer, self.node.store, self.node.exchange, trust, self.clock())

    def state(self, other: Station) -> PeerState:
        return self.node.store.ask(lambda neighbours: neighbours.peer(other.name))

    @property
    def size(self) -> int:
        return self.node.store.head().size

    @property
    def halted(self) -> bool:
        return self.node.store.head().halted is not None

    def records(self, city: str) -> list[str]:
        """What a hosted city's own pull brings."""
        return [item["record"] for item in self.partner(city).pull()["items"]]

    def contradicting(self, note: str) -> VerifiedCheckpoint | None:
        return standing.contradicting(self.node.store, self.node.log_verifier, note)

    def rows(self, query: str) -> list[Any]:
        """Rows of the database, asked of the file itself."""
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def hub(self, *arguments: object, lang: str = "en") -> Said:
        """A command of this node's operator."""
        runner = CliRunner(env={"HUB_LANG": lang, "HUB_CONFIG": str(self.home / "hub.toml")})
        translation.use(translation.choose(lang, {}))
        result = runner.invoke(cli, [str(each) for each in arguments], prog_name="hub")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)


@dataclass
class Region:
    """Nodes that can reach each other. The first is the one that things happen to."""

    stations: list[Station]

    def __iter__(self) -> Iterator[Station]:
        return iter(self.stations)


def built_region(folder: Path) -> Lab:
    """A lab whose nodes have their tables: the first hosts Yulin and Wuzhong, the second Ordos, the third Xinzhou."""
    lab = build(folder, (YULIN, ORDOS, XINZHOU, WUZHONG), 3, None, utc_now())
    for each in lab.nodes:
        Node(read_config(folder / "nodes" / each.name / "hub.toml")).close()
    return lab


@contextmanager
def opened_region(template: Path, lab: Lab, folder: Path) -> Iterator[Region]:
    """The nodes of a lab that was built once, copied and started."""
    shutil.copytree(template, folder)
    clock = Clock()
    region = Region([Station(folder, lab, clock, each.name) for each in lab.nodes])
    try:
        for station in region:
            station.start()
        yield region
    finally:
        for station in region:
            station.stop()
