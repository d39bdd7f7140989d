"""Cities' offices before a real node: their folders, settings and runs, and what the node holds of them at the end.

A town is a node in this process behind a real socket, with two cities that write in one short dialect. Whoever takes
part can be made to die at any step (`Fate`).
"""

from __future__ import annotations

import csv
import io
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from partner import ORDOS, YULIN, World, open_world
from werkzeug.serving import WSGIRequestHandler, make_server

from hub.client import Arrival, Client, Outcome
from hub.clock import utc_now
from hub.config import read_config
from hub.cursor import Passing
from hub.lab.building import Lab, build
from hub.node import Node
from hub.offices import runs
from hub.offices.dispatch import SinkReport
from hub.offices.intake import UnitReport
from hub.offices.office import Office, open_office
from hub.offices.opening import opened
from hub.offices.settings import OfficeSettings, read_offices
from hub.offices.sinks import FileSink
from hub.store.offices import Entry, OfficeMemory
from hub.store.offices.ledger import Ledger
from keys.files import read_signing, read_unseal
from schemas import divisions
from schemas.record import adapted_id

YANAN = "610600"
EMPTY = "empty.db"
CITIES = (ORDOS, YULIN, YANAN)
SYSTEMS = {"案件": "cases", "排查": "inspection", "榆林": "mediation"}

DIALECT = '''"""A city of the tests, with two tables as short as their schemas allow."""

from adapters.dialect import Column, Dialect, Recipients, Table
from adapters.formats import Csv
from adapters.values import City, Codes, Each

CASES = Table(
    kind="mediation_case", name="案件", number="编号", recipients=Recipients("收件"),
    constants={"dispute_type": "grassland", "source": "party_application", "level": "township",
               "division": "150622", "lead": "准格尔旗人民调解委员会"},
    columns=(
        Column("编号", "case_number"),
        Column("状态", "state", Codes({"登记": "registered", "调解": "mediating", "达成": "agreed",
                                       "办结": "closed"})),
        Column("受理", "accepted_at"), Column("金额", "amount"),
        Column("摘要", "private/summary"), Column("申请人", "private/parties[role=applicant]/name"),
        Column("来文", "@sender"), Column("结果", "@outcome"), Column("说明", "@note"),
    ),
)
INSPECTIONS = Table(
    kind="joint_inspection", name="排查", number="排查编号", system="inspection", vanished="withdraw",
    recipients=Recipients("收件"),
    constants={"domain": "road", "division": "150622", "grade": "yellow", "state": "found"},
    columns=(Column("隐患", "finding"), Column("发现", "found_on"), Column("来文", "@sender"),
             Column("说明", "@note")),
)
DIALECT = Dialect("CITY", "NAME", "cases", (CASES, INSPECTIONS), forms=(Csv(encoding="utf-8"),))
'''


class Killed(BaseException):
    """A process's death, as far as one process can show it."""


class Fate:
    """Counts the steps of a run at which a kill would matter, and kills at one of them."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self._at = -1

    def die_at(self, step: int) -> None:
        self.steps.clear()
        self._at = step

    def step(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) - 1 == self._at:
            raise Killed(name)

    def take_hold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand before and behind every transaction, push and file of this process."""
        writing, push, put = Ledger.writing, Client.push, FileSink.put

        @contextmanager
        def fated_writing(ledger: Ledger) -> Iterator[Any]:
            self.step("before a transaction")
            with writing(ledger) as connection:
                yield connection
            self.step("after a transaction")

        def fated_push(client: Client, records: Iterable[str]) -> Iterator[Outcome]:
            self.step("before a push")
            outcomes = list(push(client, records))
            self.step("after a push")
            return iter(outcomes)

        def fated_put(sink: FileSink, name: str, content: Any) -> None:
            self.step("before a file")
            put(sink, name, content)
            self.step("after a file")

        monkeypatch.setattr(Ledger, "writing", fated_writing)
        monkeypatch.setattr(Client, "push", fated_push)
        monkeypatch.setattr(FileSink, "put", fated_put)


Row = dict[str, str]


def case(number: str, **cells: str) -> Row:
    """A row of the register of cases; personal data in the summary and the applicant."""
    return {
        "编号": number, "状态": "调解", "受理": "2026-11-02 09:00", "金额": "", "摘要": "双方就围栏发生争执",
        "申请人": "张某", "收件": "榆林市", **cells,
    }  # fmt: skip


def finding(number: str, **cells: str) -> Row:
    """A row of the list of findings, which withdraws what vanishes."""
    return {"排查编号": number, "隐患": "护栏缺失", "发现": "2026-11-03", "收件": "榆林市", **cells}


def written(rows: Iterable[Mapping[str, str]], encoding: str = "utf-8", end: str = "\n") -> bytes:
    """Rows as a CSV file."""
    rows = list(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def read_rows(path: Path) -> list[Row]:
    """A CSV file that a sink was given, row by row."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


@dataclass
class Desk:
    """A city's office: where its exports lie, where arrivals go, and what it does with them."""

    town: Town
    city: str
    folder: Path
    members: dict[str, str] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)
    sink: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.export, self.arrived):
            folder.mkdir(parents=True)
        words = DIALECT.replace("CITY", self.city).replace("NAME", divisions.name(self.city))
        self.dialect.write_text(words, encoding="utf-8")
        lab = self.town.world.folder
        other = YULIN if self.city == ORDOS else ORDOS
        self.members = {
            "profile": f'"{lab}/clients/{self.city}-office.toml"',
            "seal_key": f'"{lab}/keys/{self.city}-seal.pem"',
            "agreement": f'"{self.town.agreement}"',
            "to": f'["{other}"]',
            "dialect": '"dialect.py"',
        }
        self.source = {"name": '"export"', "url": '"export"', "settle": "0"}
        self.sink = {"name": '"arrivals"', "url": '"arrived"'}
        self.set()
        shutil.copy(self.town.empty, self.database)

    @property
    def export(self) -> Path:
        return self.folder / "export"

    @property
    def arrived(self) -> Path:
        return self.folder / "arrived"

    @property
    def dialect(self) -> Path:
        return self.folder / "dialect.py"

    @property
    def config(self) -> Path:
        return self.folder / "hub.toml"

    @property
    def database(self) -> Path:
        return self.folder / "office.db"

    @property
    def content_key(self) -> Path:
        return self.folder / "state" / "offices" / self.city / "content-key"

    def set(
        self,
        members: Mapping[str, str] | None = None,
        source: Mapping[str, str] | None = None,
        sink: Mapping[str, str] | None = None,
    ) -> None:
        """Write `hub.toml`, with some members of it (TOML values) changed."""
        self.members.update(members or {})
        self.source.update(source or {})
        self.sink.update(sink or {})
        lines = [
            'database = "sqlite:///office.db"',
            "[[adapters]]",
            f'city = "{self.city}"',
            *_members(self.members),
            "[[adapters.in]]",
            *_members(self.source),
            "[[adapters.out]]",
            *_members(self.sink),
        ]
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def settings(self) -> OfficeSettings:
        (found,) = read_offices(self.config)
        return found

    # -- what it does --------------------------------------------------------------------------------

    def lay(self, rows: Iterable[Mapping[str, str]] | bytes, name: str = "register.csv") -> Path:
        path = self.export / name
        path.write_bytes(rows if isinstance(rows, bytes) else written(rows))
        return path

    def run(self, *, again: bool = False) -> Iterator[UnitReport | SinkReport]:
        settings = self.settings
        return runs.run(settings, settings.sources, {}, utc_now, again=again)

    def take(self, *, again: bool = False) -> list[UnitReport]:
        """Read the exports; a report for each file."""
        reports = list(self.run(again=again))
        assert all(isinstance(report, UnitReport) for report in reports)
        return [report for report in reports if isinstance(report, UnitReport)]

    def take_one(self, *, again: bool = False) -> UnitReport:
        (report,) = self.take(again=again)
        return report

    def give(self) -> SinkReport:
        """Write what has come."""
        settings = self.settings
        (report,) = runs.run(settings, settings.sinks, {}, utc_now)
        assert isinstance(report, SinkReport)
        return report

    @contextmanager
    def opened(self, wait_seconds: float = 0) -> Iterator[Office]:
        with open_office(self.settings, {}, utc_now, wait_seconds=wait_seconds) as office:
            yield office

    @contextmanager
    def memory(self) -> Iterator[OfficeMemory]:
        memory = OfficeMemory.open(self.settings.database)
        try:
            yield memory
        finally:
            memory.close()

    def entries(self) -> list[Entry]:
        """What waits in quarantine."""
        with self.memory() as memory:
            return memory.quarantine.listed()

    def forget(self) -> None:
        """Lose the database."""
        for path in self.folder.glob("office.db*"):
            path.unlink()

    # -- what came of it -----------------------------------------------------------------------------

    def revisions(self, number: str, table: str = "案件") -> list[Arrival]:
        """What the node holds of a row of this city; the chain must be whole."""
        with self.town.client(self.city) as client:
            held = client.held(adapted_id(self.city, SYSTEMS[table], number))
        assert [each.record.revision for each in held] == list(range(1, len(held) + 1))
        for before, after in pairwise(held):
            assert after.record.previous == before.digest
        return held

    def counts(self, *numbers: str, table: str = "案件") -> list[int]:
        """How many revisions the node holds of each row."""
        return [len(self.revisions(number, table)) for number in numbers]

    def said(self, number: str) -> Mapping[str, Any]:
        """The private part of a case's newest revision."""
        newest = self.revisions(number)[-1].record
        private = opened(newest, read_unseal(self.town.key(f"{self.city}-seal"), None))
        assert private is not None
        return private


def _members(members: Mapping[str, str]) -> list[str]:
    return [f"{name} = {value}" for name, value in members.items()]


@dataclass
class Town:
    """A served node, and the offices before it."""

    world: World
    folder: Path
    empty: Path
    """A database that has tables and nothing in them."""
    fate: Fate = field(default_factory=Fate)
    asked: list[str] = field(default_factory=list)

    @property
    def agreement(self) -> str:
        return str(self.world.lab.agreements[0]["id"])

    @property
    def narrow_agreement(self) -> str:
        """Of the first two cities, for alerts alone."""
        return str(self.world.lab.agreements[1]["id"])

    def desk(self, city: str = ORDOS) -> Desk:
        return Desk(self, city, self.folder / f"office-{city}")

    def key(self, name: str) -> Path:
        return self.world.folder / "keys" / f"{name}.pem"

    @contextmanager
    def client(self, city: str) -> Iterator[Client]:
        key = read_signing(self.key(f"{city}-office"), None)
        client = Client(self.world.node.trust(), self.world.node.config.name, key, tries=1)
        try:
            yield client
        finally:
            client.close()

    def pulled(self, city: str) -> list[Arrival]:
        """Everything that the node has for a city."""
        with self.client(city) as client:
            return list(client.pull(Passing()))

    def pushes(self) -> int:
        """How often anything was pushed."""
        return self.asked.count("POST /v1/records")

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return self.world.application(environ, start)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *arguments: Any) -> None:
        """The server's own lines are not under test."""


@pytest.fixture(scope="session", name="town_lab")
def a_town_lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lab]:
    """A lab that is built once, and copied for each town."""
    return make_lab(tmp_path_factory.mktemp("town") / "lab", CITIES)


def make_lab(folder: Path, cities: Sequence[str]) -> tuple[Path, Lab]:
    """A lab of one node whose tables are there, beside a database that an office begins with."""
    lab = build(folder, cities, 1, None, utc_now())
    Node(read_config(folder / "nodes" / lab.nodes[0].name / "hub.toml")).close()
    OfficeMemory.open(f"sqlite:///{folder / EMPTY}").close()
    return folder, lab


@contextmanager
def served(world: World, folder: Path) -> Iterator[Town]:
    """A town whose node listens for as long as the context lasts."""
    town = Town(world, folder, world.folder / EMPTY)
    config = world.node.config
    server = make_server(config.host, config.port, town, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield town
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        world.node.close()


@pytest.fixture(name="town")
def a_town(town_lab: tuple[Path, Lab], tmp_path: Path) -> Iterator[Town]:
    with served(open_world(*town_lab, tmp_path / "lab"), tmp_path) as town:
        yield town
