"""A partner city's software before a node: it composes, signs, sends, and checks every answer's signature."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol

import wire
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from flask import Flask
from wire import Key

from hub.clock import utc_now
from hub.config import read_config
from hub.lab.building import Lab, LabNode
from hub.log import entry as entries
from hub.log.entry import Entry
from hub.log.tile import encode_bundle
from hub.log.verifier import LogReport, verify_log
from hub.node import Node
from hub.store import Store
from hub.web.application import create_application
from keys import ceremony
from keys.files import read_signing

YULIN, ORDOS, XINZHOU, WUZHONG = "610800", "150600", "140900", "640300"
LOCAL = timezone(timedelta(hours=8))
ALERT: dict[str, Any] = {
    "identifier": "61080041600000_20261121083000",
    "status": "exercise",
    "message_type": "alert",
    "references": [],
    "category": ["security"],
    "event": "可疑车辆协查",
    "urgency": "immediate",
    "severity": "severe",
    "certainty": "likely",
    "expires": "2036-11-22T08:30:00+08:00",
    "headline": "演练:毗邻检查站加强查控",
    "areas": [{"description": "府谷县、准格尔旗", "geocodes": ["610822", "150622"]}],
}
CASE: dict[str, Any] = {
    "case_number": "(2026)府麻调字第12号",
    "dispute_type": "grassland",
    "source": "party_application",
    "level": "township",
    "division": "610822",
    "accepted_at": "2026-11-02T09:00:00+08:00",
    "state": "mediating",
    "lead": "府谷县麻镇人民调解委员会",
}
CASE_PRIVATE: dict[str, Any] = {
    "title": "麻镇村民与邻旗牧户草场界线纠纷",
    "summary": "双方就围栏位置发生争执。",
    "parties": [{"role": "applicant", "type": "natural_person", "name": "张某", "phone": "13900000000"}],
}
EVENT: dict[str, Any] = {
    "name": "2026陕北民歌音乐节",
    "event_type": "performance",
    "organiser": "榆林市文化和旅游局",
    "venue": {"name": "榆林体育中心", "division": "610802"},
    "sessions": [
        {"starts_at": "2026-12-12T19:30:00+08:00", "ends_at": "2026-12-12T22:00:00+08:00", "expected": 22000}
    ],
    "permit": {"authority": "city", "number": "榆公安许〔2026〕3号", "state": "granted"},
    "state": "permitted",
}
BODIES = {"alert": ALERT, "mediation_case": CASE, "event_security": EVENT}


def new_id() -> str:
    return str(uuid.UUID(bytes=os.urandom(16), version=5))


ChangeTrust = Callable[[dict[str, Any], dict[str, Any]], None]


class Clock:
    """The real time, until it is moved."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def advance(self, **time: float) -> None:
        self.ahead += timedelta(**time)


@dataclass(frozen=True)
class Answer:
    """What came back: `body` as sent, `content` after decompression."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> bytes:
        return gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def problem(self) -> str:
        """The code of a refusal."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return str(self.json["type"]).removeprefix("/problems/")


class Sender(Protocol):
    """How bytes get to a node."""

    def __call__(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer: ...


@dataclass
class Partner:
    """One key before one node. `city` is the one that its records are from."""

    send: Sender
    url: str
    node_key: Ed25519PublicKey
    key: Key
    city: str
    clock: Clock
    agreement: str
    last_request: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        signed_target: str | None = None,
        signed_body: bytes | None = None,
        **signing: Any,
    ) -> Answer:
        """A signed request; what is signed may differ from what is sent."""
        signing.setdefault("now", self.clock())
        fields = wire.sign_request(
            self.key,
            method,
            self.url + (signed_target or target),
            body if signed_body is None else signed_body,
            **signing,
        )
        return self.send_as_is(method, target, body, fields | dict(headers or {}))

    def send_as_is(self, method: str, target: str, body: bytes | None, fields: Mapping[str, str]) -> Answer:
        self.last_request = dict(fields)
        answer = self.send(method, target, body, fields)
        if target.startswith("/v1/"):
            wire.check_answer(answer.status, answer.headers, answer.body, fields, self.node_key)
        return answer

    def get(self, target: str, **signing: Any) -> Answer:
        return self.ask("GET", target, **signing)

    def post(self, document: Any, **signing: Any) -> Answer:
        body = document if isinstance(document, bytes) else wire.compact(document)
        headers = {"Content-Type": "application/json", **signing.pop("headers", {})}
        return self.ask("POST", "/v1/records", body, headers=headers, **signing)

    # -- records -------------------------------------------------------------------------------------

    def members(self, kind: str = "alert", /, to: Sequence[str] = (ORDOS,), **changes: Any) -> dict[str, Any]:
        return {
            "id": new_id(),
            "kind": kind,
            "version": 1,
            "revision": 1,
            "previous": None,
            "from": self.city,
            "to": list(to),
            "issued_at": self.clock().astimezone(LOCAL).isoformat(timespec="seconds"),
            "expires_at": None,
            "marking": "amber",
            "agreement": self.agreement,
            "subject": None,
            "withdrawn": None,
            "salt": wire.base64url(os.urandom(16)),
            "body": dict(BODIES.get(kind, {})),
            "sealed": None,
            **changes,
        }

    def record(self, kind: str = "alert", /, to: Sequence[str] = (ORDOS,), **changes: Any) -> str:
        return wire.jws(self.key, wire.compact(self.members(kind, to, **changes)))

    def revise(self, before: str, **changes: Any) -> str:
        """The next revision of a record."""
        held = members_of(before)
        fresh = {"revision": held["revision"] + 1, "previous": wire.digest(before)}
        return wire.jws(self.key, wire.compact({**held, **fresh, **changes}))

    def acknowledgement(self, jws: str, outcome: str = "accepted", **changes: Any) -> str:
        held = members_of(jws)
        others = {"to": sorted({held["from"], *held["to"]} - {self.city}), "subject": held["id"]}
        body = {"digest": wire.digest(jws), "outcome": outcome}
        return self.record("acknowledgement", **{**others, "body": body, **changes})

    def push(self, *records: Any, **signing: Any) -> list[dict[str, Any]]:
        """The outcomes of a push that is taken as a whole."""
        answer = self.post({"records": list(records)}, **signing)
        assert answer.status == 200, answer.content
        outcomes: list[dict[str, Any]] = answer.json["outcomes"]
        return outcomes

    def deliver(self, *records: str) -> list[dict[str, Any]]:
        """Push what must be accepted."""
        outcomes = self.push(*records)
        assert [each["status"] for each in outcomes] == ["accepted"] * len(records), outcomes
        return outcomes

    def refusal(self, record: Any) -> tuple[str, str | None]:
        """The code of one record's refusal, and where."""
        (outcome,) = self.push(record)
        assert outcome["status"] == "refused", outcome
        problem = outcome["problem"]
        return problem["type"].removeprefix("/problems/"), problem.get("where")

    def pull(self, query: str = "") -> dict[str, Any]:
        answer = self.get("/v1/records" + query)
        assert answer.status == 200, answer.content
        page: dict[str, Any] = answer.json
        return page


def members_of(jws: str) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(wire.unbase64url(jws.split(".")[1]))
    return held


class StoreLog:
    """A store's log as `hub.log.reader.LogReader`: its tiles, not what could be computed of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def checkpoint(self) -> str:
        return self._store.head().checkpoint

    def tile(self, level: int, number: int, width: int) -> bytes:
        return (self._store.tile(level, number) or b"")[: 32 * width]

    def entries(self, number: int, width: int) -> bytes:
        return encode_bundle(self._store.lines(256 * number, 256 * number + width))


@dataclass
class World:
    """A lab's first node in this process, with everybody who talks to it."""

    folder: Path
    lab: Lab
    clock: Clock
    node: Node
    application: Flask

    @property
    def described(self) -> LabNode:
        return next(each for each in self.lab.nodes if each.name == self.node.config.name)

    def send(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        path, _, query = target.partition("?")
        with self.application.test_client() as client:
            answer = client.open(
                path,
                method=method,
                query_string=query,
                base_url=self.described.url,
                data=body,
                headers=dict(headers),
            )
            with closing(answer):
                return Answer(answer.status_code, dict(answer.headers), answer.get_data())

    def partner(self, city: str, send: Sender | None = None) -> Partner:
        """A hosted or another city's system."""
        path = next(each["key"] for each in self.lab.systems if each["city"] == city)
        return self.with_key(Key.read(path), city, send)

    def auditor(self) -> Partner:
        return self.with_key(Key.read(self.lab.auditors[0]["key"]), YULIN)

    def peer(self) -> Partner:
        """The lab's other node, which pulls for the cities that it hosts."""
        home = self.folder / "nodes" / self.lab.nodes[1].name / "keys"
        signing = read_signing(home / "node.pem", (home / "passphrase").read_bytes().strip())
        return self.with_key(Key.of(_private(signing)), ORDOS)

    def with_key(self, key: Key, city: str, send: Sender | None = None) -> Partner:
        public = load_pem_public_key(self.described.public_key.encode())
        assert isinstance(public, Ed25519PublicKey)
        agreement = self.lab.agreements[0]["id"]
        return Partner(send or self.send, self.described.url, public, key, city, self.clock, agreement)

    # -- what the log shows --------------------------------------------------------------------------

    def entries(self, kind: type[Entry] = Entry) -> list[Any]:
        lines = self.node.store.lines(0, self.node.store.head().size)
        return [entry for entry in map(entries.decode, lines) if isinstance(entry, kind)]

    def types(self) -> Counter[str]:
        return Counter(entry.type for entry in self.entries())

    def verify(self) -> LogReport:
        return verify_log(StoreLog(self.node.store), self.node.log_verifier)

    def change_trust(self, change: ChangeTrust) -> None:
        change_trust(self.folder, change)


def change_trust(folder: Path, change: ChangeTrust) -> None:
    """Sign and publish what `change(trust list, agreements)` makes of the present targets."""
    repository = folder / "trust"
    staged = [
        json.loads(max((repository / "targets").glob(f"*.{name}.json"), key=_written).read_bytes())
        for name in ("trust-list", "agreements")
    ]
    change(*staged)
    for target in staged:
        target["version"] += 1
    read = {path.stem: read_signing(path, None) for path in (folder / "ceremony").iterdir()}
    ceremony.update_targets(
        repository,
        *staged,
        targets_keys=[read["city-1"], read["city-2"]],
        snapshot_key=read["snapshot"],
        timestamp_key=read["timestamp"],
        now=utc_now(),
    )


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns


def _private(signing: Any) -> Any:
    return load_pem_private_key(signing.private_pem(None), None)


def open_world(
    template: Path, lab: Lab, folder: Path, *, change: ChangeTrust | None = None, **configured: Any
) -> World:
    """A world of its own in `folder`, made from a lab that was built once."""
    shutil.copytree(template, folder)
    if change is not None:
        change_trust(folder, change)
    clock = Clock()
    config = read_config(folder / "nodes" / lab.nodes[0].name / "hub.toml")
    node = Node(replace(config, **configured), clock)
    node.note_trust()
    return World(folder, lab, clock, node, create_application(node))
