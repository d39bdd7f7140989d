"""A city's systems under way: what they push, pull and acknowledge, through every outage, with a journal of it all.

Each city is a process, with a thread that pushes and one that pulls. What they do comes from a seed; what got no answer
is tried again, as it is, until there is one: so in the end every outcome is known. The journal is a file of JSON lines:

    made      a record that will be pushed: digest, sender, recipients, whether it is to be accepted
    answered  what the node said of it, and at which index it stands
    pulled    a record that came: index, digest, how many numbers of the stream were left out before it
    acked     an acknowledgement that was accepted, of which record, with which outcome
    failed    a request that got no answer, or another than it should have, and why
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from bench.records import ALERT
from hub.client import Arrival, Client, Cursor, Outcome, Predecessor
from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.serving import end_with_supervisor
from keys.files import read_signing
from keys.key import base64url_decode
from keys.trust_repository import open_trust_once
from schemas import record
from schemas.record import Record

BATCHES: Final = (1, 1, 2, 5, 10, 40)
BULK: Final = 300
"""Once in a while: what the lane for alerts must overtake."""
PAUSE_SECONDS: Final = (0.3, 2.5)
AGAIN_SECONDS: Final = (0.1, 1.0)
HELD_SECONDS: Final = 2
ACKNOWLEDGED: Final = 0.15
PASSING: Final = frozenset({Code.BUSY, Code.TOO_MANY_REQUESTS})
"""What a system may be told in an outage; whatever else it is told is a fault, and ends it."""
KEPT: Final = 200
"""Records that may be followed by another revision, or contradicted."""
OUTCOMES: Final = ("received", "accepted", "rejected")
CASE: Final = {
    "case_number": "2026-12",
    "dispute_type": "grassland",
    "source": "party_application",
    "level": "township",
    "division": "610822",
    "accepted_at": "2026-11-02T09:00:00+08:00",
    "state": "mediating",
    "lead": "府谷县麻镇人民调解委员会",
}
PRIVATE: Final = {
    "title": "麻镇村民与邻旗牧户草场界线纠纷",
    "parties": [{"role": "applicant", "type": "natural_person", "name": "张某", "phone": "13900000001"}],
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class City:
    """A city's systems: where they are, whom they write to, and the seed of what they do."""

    code: str
    others: tuple[str, ...]
    node: str
    agreement: str
    key: Path
    trust: Path
    folder: Path
    seed: int

    @property
    def journal(self) -> Path:
        return self.folder / f"{self.code}.jsonl"

    @contextmanager
    def client(self) -> Iterator[Client]:
        """One that tries once: what is tried again, and when, is for the caller to say."""
        trust = open_trust_once(self.trust, utc_now())
        client = Client(trust, self.node, read_signing(self.key, None), tries=1)
        try:
            yield client
        finally:
            client.close()


class Journal:
    """What a city's systems did and heard, on disk line by line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def note(self, what: str, **members: Any) -> None:
        line = orjson.dumps({"what": what, **members}) + b"\n"
        with self._lock:
            self._file.write(line)

    def close(self) -> None:
        self._file.close()


def work(city: City, stop: Event, end: Event) -> None:
    """Push until `stop`; pull until `end`, too. Ends once all that was begun has its answer. A process's whole life."""
    end_with_supervisor()
    journal = Journal(city.journal)
    try:
        with ThreadPoolExecutor(2) as threads:
            parts = [
                threads.submit(_Pusher(city, journal, stop).run),
                threads.submit(_Puller(city, journal, end).run),
            ]
            for part in parts:
                part.result()
    finally:
        journal.close()


class _Persistent:
    """Does what it does until there is an answer."""

    def __init__(self, city: City, journal: Journal, ends: Event, chance: random.Random) -> None:
        self.city = city
        self.journal = journal
        self.ends = ends
        self.chance = chance

    def until_answered(self, what: str, ask: Callable[[], T]) -> T:
        while True:
            try:
                return ask()
            except Problem as problem:
                self.failed(what, problem)
                if problem.code not in PASSING:
                    raise

    def failed(self, what: str, problem: Problem) -> None:
        self.journal.note("failed", doing=what, code=str(problem.code), detail=problem.detail)
        pause = self.chance.uniform(*AGAIN_SECONDS)
        if not self.ends.wait(pause):
            return
        threading.Event().wait(pause)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A record to be pushed."""

    jws: str
    record: Record
    digest: str


def _ready(jws: str) -> _Ready:
    payload = record.load(base64url_decode(jws.split(".")[1]))
    return _Ready(jws, payload, hashlib.sha256(jws.encode()).hexdigest())


class _Pusher(_Persistent):
    def __init__(self, city: City, journal: Journal, stop: Event) -> None:
        super().__init__(city, journal, stop, random.Random(f"{city.seed} push {city.code}"))
        self._accepted: list[_Ready] = []
        """The newest revision of each record; they may be followed, answered again, or contradicted."""

    def run(self) -> None:
        with self.city.client() as client, self.city.client() as other:
            while not self.ends.is_set():
                size = BULK if self.chance.random() < 0.02 else self.chance.choice(BATCHES)
                batch = [self._compose(client) for _ in range(size)]
                for each, good in batch:
                    self._note_made(each, good=good)
                self._push(client, other, batch)
                self.ends.wait(self.chance.uniform(*PAUSE_SECONDS))

    def _push(self, client: Client, other: Client, batch: Sequence[tuple[_Ready, bool]]) -> None:
        """Once; and every now and then twice, at the same time or later."""
        sent = [each.jws for each, _ in batch]
        twice = self.chance.random()
        if twice < 0.1:
            with ThreadPoolExecutor(1) as beside:
                second = beside.submit(self._pushed, other, sent)
                outcomes = self._pushed(client, sent)
                self._note_answers(batch, second.result())
        else:
            outcomes = self._pushed(client, sent)
        self._note_answers(batch, outcomes)
        if twice > 0.9:
            self._note_answers(batch, self._pushed(client, sent))
        for (each, good), outcome in zip(batch, outcomes, strict=True):
            if good and outcome.status != "refused" and each.record.withdrawn is None:
                others = [held for held in self._accepted if held.record.id != each.record.id]
                self._accepted = [*others[-KEPT:], each]

    def _pushed(self, client: Client, sent: Sequence[str]) -> list[Outcome]:
        return self.until_answered("push", lambda: list(client.push(sent)))

    def _note_made(self, ready: _Ready, *, good: bool) -> None:
        to = list(ready.record.recipients)
        self.journal.note("made", digest=ready.digest, sender=self.city.code, to=to, good=good)

    def _note_answers(self, batch: Sequence[tuple[_Ready, bool]], outcomes: Sequence[Outcome]) -> None:
        for (each, _), outcome in zip(batch, outcomes, strict=True):
            code = None if outcome.problem is None else str(outcome.problem.code)
            self.journal.note(
                "answered", digest=each.digest, status=outcome.status, index=outcome.index, code=code
            )

    def _compose(self, client: Client) -> tuple[_Ready, bool]:
        """A record, and whether it is to be accepted."""
        which = self.chance.random()
        if which < 0.04:
            return self._made(client, agreement="none-2026"), False
        if which < 0.08 and self._accepted:
            first = self.chance.choice(self._accepted)
            return self._made(client, id=first.record.id), False
        if which < 0.2 and self._accepted:
            return self._following(client), True
        return self._made(client), True

    def _following(self, client: Client) -> _Ready:
        """The next revision of a record, to other recipients perhaps; or its withdrawal, and then nothing more."""
        before = self._accepted.pop(self.chance.randrange(len(self._accepted)))
        kind, follows = (
            before.record.kind,
            Predecessor(before.record.id, before.record.revision, before.digest),
        )
        if self.chance.random() < 0.3:
            return self._made(
                client, kind=kind, follows=follows, withdrawn="演练结束", body=None, private=None
            )
        return self._made(client, kind=kind, follows=follows)

    def _made(self, client: Client, **changed: Any) -> _Ready:
        recipients = self.chance.sample(
            self.city.others, self.chance.choice((1, 1, 2, len(self.city.others)))
        )
        kind = changed.pop("kind", None) or self.chance.choice(("alert", "mediation_case"))
        body = {"alert": ALERT, "mediation_case": CASE}[kind]
        members: dict[str, Any] = {
            "sender": self.city.code,
            "recipients": recipients,
            "agreement": self.city.agreement,
            "body": body,
            "private": PRIVATE if kind == "mediation_case" else None,
            "expires_at": utc_now() + timedelta(days=30),
        }
        jws = client.compose(kind, **{**members, **changed})
        return _ready(jws)


class _Puller(_Persistent):
    def __init__(self, city: City, journal: Journal, end: Event) -> None:
        super().__init__(city, journal, end, random.Random(f"{city.seed} pull {city.code}"))

    def run(self) -> None:
        cursor = Cursor(self.city.folder / f"{self.city.code}.cursor")
        with self.city.client() as client, self.city.client() as answering:
            while not self.ends.is_set():
                self._pull(client, answering, cursor)

    def _pull(self, client: Client, answering: Client, cursor: Cursor) -> None:
        try:
            for arrival in client.pull(cursor, wait=HELD_SECONDS):
                self.journal.note(
                    "pulled", index=arrival.index, digest=arrival.digest, skipped=arrival.skipped
                )
                if arrival.record.kind != "acknowledgement":
                    self._acknowledge(answering, arrival)
                if self.ends.is_set():
                    return
        except Problem as problem:
            if problem.code not in PASSING:
                raise
            self.failed("pull", problem)

    def _acknowledge(self, client: Client, arrival: Arrival) -> None:
        """Some of what comes; chosen by its digest, so that what comes again gets the same answer."""
        chance = random.Random(f"{arrival.digest} {self.city.code}")
        if chance.random() >= ACKNOWLEDGED:
            return
        outcome = chance.choice(OUTCOMES)
        reason = "other" if outcome == "rejected" else None
        given = self.until_answered(
            "acknowledge",
            lambda: client.acknowledge(arrival, outcome=outcome, city=self.city.code, reason=reason),
        )
        if given.problem is not None:
            raise given.problem
        self.journal.note(
            "acked",
            digest=given.digest,
            index=given.index,
            sender=self.city.code,
            to=[arrival.record.sender],
            of=arrival.digest,
            outcome=outcome,
        )
