"""What `make run` shows: ten cities' offices export, their adapters send, the neighbours' offices get it in their form.

1. A sample export of each city, in its own format, is laid where its system would lay it.
2. Each city's adapter reads its export and sends it to the city's node (`hub.offices.intake`).
3. The nodes fetch from each other, by their own clock. Each city's adapter writes what has come for it, and answers;
   again and again, until everything has come and every answer is back (`hub.offices.dispatch`).
4. Every record is pulled by each recipient once more and held against its receipt, with nothing but the trust list.

Doing it again in the same folder sends nothing twice: what is there is shown as it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from adapters.cities import samples
from hub.client import Client
from hub.clock import utc_now
from hub.cursor import Passing
from hub.errors import Code, Problem
from hub.lab.building import EXPORT, Lab, office_folder
from hub.log.verifier import verify_record
from hub.offices import runs
from hub.offices.dispatch import SinkReport
from hub.offices.intake import UnitReport
from hub.offices.settings import OfficeSettings, read_offices
from hub.store.offices import OfficeMemory
from keys.files import read_signing
from keys.trust_list import Trust
from keys.trust_repository import open_trust_once

ARRIVAL_SECONDS: Final = 120
"""How long the demonstration waits for everything to come and to be answered."""
TITLES: Final = ("headline", "name", "case_number", "finding", "statement", "what")


@dataclass(slots=True)
class Shown:
    """A record, and how it fared with each recipient."""

    index: int
    id: str
    revision: int
    kind: str
    title: str
    sender: str
    recipients: tuple[str, ...]
    sealed: bool
    verified: dict[str, bool] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every recipient got it, verified it and said so."""
        wanted = set(self.recipients)
        return {city for city, held in self.verified.items() if held} == wanted == set(self.acknowledged)


@dataclass(slots=True)
class CityShown:
    """A city's office: what it exported, and what it was given."""

    city: str
    files: list[str] = field(default_factory=list)
    rows: int = 0
    sent: int = 0
    quarantined: int = 0
    arrived: int = 0
    answered: int = 0
    written: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return bool(self.files) and self.quarantined == 0


@dataclass(frozen=True, slots=True)
class Demonstration:
    """All that was shown."""

    cities: list[CityShown]
    records: list[Shown]

    @property
    def complete(self) -> bool:
        return all(city.complete for city in self.cities) and all(record.complete for record in self.records)


def demonstrate(lab: Lab, folder: Path, now: datetime, told: Callable[[int, int], None]) -> Demonstration:
    """Let every city's office export, send, receive and answer; what happened.

    `told` is called with the number of records that are answered and of all.

    Raises: Problem where the lab itself fails; what does not come through is a line that is not `complete`.
    """
    offices = {office.city: office for node in lab.nodes for office in _offices(folder, node.name)}
    shown = {city: CityShown(city) for city in offices}
    for city, office in offices.items():
        _lay(office_folder(folder, city) / EXPORT, samples(city))
        _take(office, shown[city], now)
    sent = {city: _sent(office) for city, office in offices.items()}
    total = sum(map(len, sent.values()))
    trust = open_trust_once(Path(lab.trust), now)
    clients = {each["city"]: _client(lab, each, trust) for each in lab.systems}
    try:
        deadline = time.monotonic() + ARRIVAL_SECONDS
        done = 0
        while done < total and time.monotonic() < deadline:
            for city, office in offices.items():
                _give(office, shown[city], utc_now())
            done = sum(_is_answered(clients[city], record) for city, mine in sent.items() for record in mine)
            told(done, total)
        records: dict[tuple[str, str, int], Shown] = {}
        for city, client in clients.items():
            _check(city, client, trust, records)
        for (sender, _, _), record in records.items():
            _follow(clients[sender], record)
    finally:
        for client in clients.values():
            client.close()
    return Demonstration(
        list(shown.values()), sorted(records.values(), key=lambda each: (each.sender, each.index))
    )


def _sent(office: OfficeSettings) -> list[str]:
    """The ids of all records that an office's rows have become."""
    memory = OfficeMemory.open(office.database)
    try:
        return [row.record for row in memory.rows.sent(office.city)]
    finally:
        memory.close()


def _is_answered(client: Client, record: str) -> bool:
    """Whether every recipient of a record's newest revision has answered."""
    return all(recipient["outcome"] is not None for recipient in client.delivery(record)["recipients"])


def _offices(folder: Path, node: str) -> tuple[OfficeSettings, ...]:
    offices = read_offices(folder / "nodes" / node / "hub.toml")
    if not offices:
        raise Problem(Code.CONFLICT, f"{folder} holds a laboratory without offices; name another folder")
    return offices


def _lay(folder: Path, exports: Mapping[str, bytes]) -> None:
    """Lay exports where a city's systems would, but for those that are there."""
    for name, content in exports.items():
        path = folder / name
        if not path.exists():
            path.write_bytes(content)


def _take(office: OfficeSettings, shown: CityShown, now: datetime) -> None:
    """Let the city's adapter read what its systems export."""
    for report in runs.run(office, office.sources, os.environ, lambda: now):
        assert isinstance(report, UnitReport)
        if report.problem is not None:
            raise report.problem
        shown.files.append(report.name)
        shown.rows += report.rows
        shown.sent += report.new + report.revised
        shown.quarantined += report.quarantined


def _give(office: OfficeSettings, shown: CityShown, now: datetime) -> None:
    """Let the city's adapter write what has come, and answer."""
    for report in runs.run(office, office.sinks, os.environ, lambda: now):
        assert isinstance(report, SinkReport)
        shown.arrived += report.written + report.as_signed + report.superseded
        shown.answered += report.answered_rows
        shown.written += report.files


def _client(lab: Lab, system: Mapping[str, Any], trust: Trust) -> Client:
    node = next(node.name for node in lab.nodes if system["city"] in node.cities)
    return Client(trust, node, read_signing(Path(system["key"]), None))


def _check(city: str, client: Client, trust: Trust, records: dict[tuple[str, str, int], Shown]) -> None:
    """Hold what came for a city against its receipts, with nothing but the trust list."""
    for arrival in client.pull(Passing()):
        record = arrival.record
        if record.kind == "acknowledgement":
            continue
        line = records.setdefault(
            (record.sender, record.id, record.revision),
            Shown(
                arrival.index,
                record.id,
                record.revision,
                record.kind,
                _title(record.body or {}),
                record.sender,
                record.recipients,
                record.sealed is not None,
            ),
        )
        try:
            verify_record(arrival.jws, arrival.receipt, trust)
        except Problem:
            line.verified[city] = False
        else:
            line.verified[city] = True


def _follow(client: Client, line: Shown) -> None:
    delivery = client.delivery(line.id, line.revision)
    line.acknowledged = {
        recipient["city"]: recipient["outcome"]
        for recipient in delivery["recipients"]
        if recipient["outcome"] is not None
    }


def _title(body: Mapping[str, Any]) -> str:
    return next((str(body[name]) for name in TITLES if body.get(name)), "")
