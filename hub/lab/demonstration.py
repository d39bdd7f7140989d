"""What `make run` shows: samples pushed by five cities' systems, pulled, verified and acknowledged.

Doing it again in the same folder pushes nothing twice: what is there is shown as it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from adapters.cap import read_cap
from hub.client import Client, Cursor
from hub.errors import Problem
from hub.lab.building import LOCAL_TIME, SYSTEM, Lab
from hub.log.verifier import verify_record
from keys.files import read_signing
from keys.trust_list import Trust
from keys.trust_repository import open_trust_once
from schemas.record import adapted_id

SAMPLES: Final = Path(__file__).parent / "samples"
CITIES: Final = ("610800", "150600", "141100", "640300", "621000")


@dataclass(slots=True)
class Shown:
    """A line of the table: a record, and how it fared with each recipient."""

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


def demonstrate(lab: Lab, folder: Path, now: datetime, told: Callable[[int, int], None]) -> list[Shown]:
    """Push the samples, let every recipient pull, verify and acknowledge; what happened, in log order.

    `told` is called with the number of cities that have pulled and of all.

    Raises: Problem where the lab itself fails; a record that does not verify is a line that is not `complete`.
    """
    trust = open_trust_once(Path(lab.trust), now)
    clients = {each["city"]: _client(lab, each, trust) for each in lab.systems}
    try:
        shown = list(_push(clients, now))
        for done, (city, client) in enumerate(clients.items(), start=1):
            told(done, len(clients))
            _pull(city, client, folder / "inbox" / city)
        for line in shown:
            _verify(line, folder, trust)
            _follow(clients[line.sender], line)
    finally:
        for client in clients.values():
            client.close()
    return sorted(shown, key=lambda line: line.index)


def _client(lab: Lab, system: Mapping[str, Any], trust: Trust) -> Client:
    node = next(node.name for node in lab.nodes if system["city"] in node.cities)
    return Client(trust, node, read_signing(Path(system["key"]), None))


def _push(clients: Mapping[str, Client], now: datetime) -> Iterator[Shown]:
    agreement = f"all-{now.astimezone(LOCAL_TIME).year}"
    samples = tomllib.loads((SAMPLES / "samples.toml").read_text(encoding="utf-8"))["sample"]
    for sample in samples:
        sender, client = sample["from"], clients[sample["from"]]
        body = _body(sample, now)
        record_id = adapted_id(sender, SYSTEM, sample["number"])
        held = client.held(record_id)
        revision = 2 if sample.get("follows") else 1
        if len(held) < revision:
            about = sample.get("answers")
            jws = client.compose(
                sample["kind"],
                sender=sender,
                recipients=sample["to"],
                agreement=agreement,
                body=body,
                private=sample.get("private"),
                id=record_id,
                follows=held[-1].predecessor if held else None,
                subject=adapted_id(about["from"], SYSTEM, about["number"]) if about else None,
            )
            outcome = next(client.push([jws]))
            if outcome.problem is not None:
                raise outcome.problem
            held = client.held(record_id)
        stored = held[revision - 1]
        yield Shown(
            stored.index,
            record_id,
            revision,
            sample["kind"],
            _title(stored.record.body or {}),
            sender,
            stored.record.recipients,
            stored.record.sealed is not None,
        )


def _body(sample: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The sample's body; a warning is moved to the present, since one that has expired is no use to show."""
    if "cap" not in sample:
        body: dict[str, Any] = sample["body"]
        return body
    (draft,) = read_cap((SAMPLES / sample["cap"]).read_bytes()).drafts
    local = now.astimezone(LOCAL_TIME)
    times = {"effective": local, "expires": local + timedelta(days=1)}
    return {**draft.body, **{name: moment.isoformat(timespec="seconds") for name, moment in times.items()}}


def _pull(city: str, client: Client, inbox: Path) -> None:
    """Keep what arrives for a city beside its receipt, and acknowledge it."""
    inbox.mkdir(parents=True, exist_ok=True)
    for arrival in client.pull(Cursor(inbox / "cursor.json")):
        stem = _stem(inbox, arrival.record.id, arrival.record.revision)
        stem.with_suffix(".jws").write_text(arrival.jws)
        stem.with_suffix(".tlog-proof").write_text(arrival.receipt)
        if arrival.record.kind == "acknowledgement":
            continue
        outcome = client.acknowledge(arrival, outcome="accepted", city=city)
        if outcome.problem is not None:
            raise outcome.problem


def _verify(line: Shown, folder: Path, trust: Trust) -> None:
    """Hold each recipient's file against its receipt, with nothing but the trust list."""
    for city in line.recipients:
        stem = _stem(folder / "inbox" / city, line.id, line.revision)
        try:
            verify_record(
                stem.with_suffix(".jws").read_text(), stem.with_suffix(".tlog-proof").read_text(), trust
            )
        except (Problem, OSError):
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


def _stem(inbox: Path, record_id: str, revision: int) -> Path:
    return inbox / f"{record_id}-{revision}.x"


def _title(body: Mapping[str, Any]) -> str:
    for name in ("headline", "name", "case_number", "what"):
        if body.get(name):
            return str(body[name])
    return ""
