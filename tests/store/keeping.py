"""A store on a database of the test's own, what is put into it, and a tree computed a second time."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from partner import StoreLog

from hub.clock import rfc3339
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.note import ED25519, VerifierKey
from hub.log.verifier import LogReport, verify_log
from hub.store import Claim, Job, Store, Transaction
from hub.store.transaction import Arrival
from keys.suite import signing_key_from_raw

ORIGIN = "610800.exchange"
LOG_KEY = signing_key_from_raw(bytes(range(32)))
LOG = VerifierKey(ORIGIN, ED25519, LOG_KEY.public)
NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
AT = rfc3339(NOW)
SENDER, ORDOS, XINZHOU, WUZHONG = "610800", "150600", "140900", "640300"
KID = "k" * 43


def sign(checkpoint: Checkpoint) -> str:
    return sign_checkpoint(checkpoint, LOG_KEY)


def open_store(url: str) -> Store:
    return Store.open(url, ORIGIN, sign)


def verify(store: Store) -> LogReport:
    """The whole log by the auditor's verifier, every tile and every stream number included."""
    return verify_log(StoreLog(store), LOG)


@dataclass(frozen=True)
class Letter:
    """A record as far as the store knows of records."""

    to: Sequence[str] = (ORDOS,)
    id: str = field(default_factory=lambda: str(uuid.UUID(bytes=os.urandom(16), version=5)))
    revision: int = 1
    jws: str = field(default_factory=lambda: os.urandom(48).hex())
    kind: str = "alert"
    sender: str = SENDER
    marking: str = "amber"
    forget_at: str | None = None

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.jws.encode()).hexdigest()

    def put(self, transaction: Transaction) -> tuple[str, int]:
        """Store it as a push does: what is held with the same bytes is not stored again."""
        held = transaction.held(self.id).get((self.sender, self.revision))
        if held is not None:
            return ("duplicate" if held.digest == self.digest else "conflict"), held.index
        numbers = transaction.next_numbers(self.to)
        index = transaction.append(
            entries.accepted(
                at=rfc3339(NOW),
                id=self.id,
                revision=self.revision,
                digest=self.digest,
                kind=self.kind,
                sender=self.sender,
                marking=self.marking,
                to=numbers,
            )
        )
        arrival = Arrival(
            self.id,
            self.revision,
            self.digest,
            self.kind,
            self.sender,
            self.marking,
            self.forget_at,
            self.jws,
        )
        transaction.store(arrival, index, numbers)
        return "accepted", index

    def job(self, claim: Claim | None = None) -> Job[tuple[str, int]]:
        return Job(self.put, claim, [self.id])


def put(store: Store, *letters: Letter) -> list[tuple[str, int]]:
    """All in one transaction."""
    ids = [letter.id for letter in letters]
    return store.write(Job(lambda transaction: [each.put(transaction) for each in letters], None, ids)).result


def refused_line(code: str = "invalid") -> bytes:
    return entries.refused(at=rfc3339(NOW), by=KID, code=code, digest="0" * 64)


def new_claim(until: datetime = NOW + timedelta(minutes=10)) -> Claim:
    return Claim(KID, os.urandom(16).hex(), until)


def routed_lines(first: int, count: int) -> list[bytes]:
    """Entries that number one stream on from `first`, written fast."""
    return [
        (
            f'{{"at":"2026-11-21T08:30:00.000Z","digest":"{n:064x}","from":"610800",'
            f'"id":"00000000-0000-7000-8000-{n:012x}","kind":"alert","marking":"amber","revision":1,'
            f'"to":{{"{ORDOS}":{n}}},"type":"accepted","v":1}}'
        ).encode()
        for n in range(first, first + count)
    ]


def grow(store: Store, lines: Sequence[bytes]) -> None:
    """Append entries and nothing else, in one transaction."""

    def apply(transaction: Transaction) -> None:
        for line in lines:
            transaction.append(line)

    store.write(Job(apply))


def root_of(lines: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1 as it stands there, by recursion."""
    if not lines:
        return hashlib.sha256(b"").digest()
    if len(lines) == 1:
        return hashlib.sha256(b"\x00" + lines[0]).digest()
    split = 1
    while split * 2 < len(lines):
        split *= 2
    return hashlib.sha256(b"\x01" + root_of(lines[:split]) + root_of(lines[split:])).digest()


def tile_of(lines: Sequence[bytes], level: int, number: int) -> bytes:
    """The hashes of a tile, each computed from the entries below it."""
    span = 256**level
    first = number * 256 * span
    return b"".join(
        root_of(lines[start : start + span])
        for start in range(first, min(first + 256 * span, len(lines)), span)
        if start + span <= len(lines)
    )
