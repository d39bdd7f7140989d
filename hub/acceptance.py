"""Steps 1 to 3 of the way of a record: authenticate, validate, authorise, for each record by itself.

Nothing here touches the store. What comes out is a `Candidate`: as far as the record got, and the problem that stopped
it, if one did.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from hub import policy
from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.store.transaction import Arrival
from keys import record_signature
from keys.record_signature import SignedRecord, VerifiedRecord
from keys.trust_list import Trust, TrustedKey
from schemas import record as records
from schemas import strict_json
from schemas.record import Record

VERIFY_CHUNK: Final = 32
"""Signatures checked by one thread at a time; those of a smaller push are checked where it arrives."""
CROWDED_SECONDS: Final = 2.0
"""Pushes that met so shortly ago will meet again."""


@dataclass(slots=True)
class Candidate:
    """A pushed record on its way: as far as it has got, and what is wrong with it, if anything."""

    digest: str
    signed: SignedRecord | None = None
    key: TrustedKey | None = None
    verified: VerifiedRecord | None = None
    record: Record | None = None
    forget_at: str | None = None
    problem: Problem | None = None

    def arrival(self) -> Arrival:
        """The record as it is stored; only of one without a problem."""
        assert self.record is not None
        assert self.verified is not None
        return Arrival(
            self.record.id,
            self.record.revision,
            self.verified.digest,
            self.record.kind,
            self.record.sender,
            self.record.marking,
            self.forget_at,
            self.verified.jws,
        )


class Judge:
    """Judges pushes, on all cores where a push is the only one.

    Checking signatures leaves the interpreter's lock alone, so that a push by itself has them checked on several
    threads. Several pushes keep the cores busy without that, and would only be in each other's way.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="verify")
        self._counting = threading.Lock()
        self._under_way = 0
        self._crowded_until = 0.0

    def close(self) -> None:
        self._threads.shutdown()

    def all(
        self, senders: frozenset[str], pushed: Sequence[object], trust: Trust, times: Sequence[datetime]
    ) -> list[Candidate]:
        """Every record of a push, or of a peer's page, judged step after step.

        `senders` are the cities whose records may come this way; `times`, one for each record, when it is accepted: at
        a push now, from a peer when it accepted it.
        """
        signed = [_read(each, trust) for each in pushed]
        with self._counted() as alone:
            if alone and len(signed) > VERIFY_CHUNK:
                parts = [signed[at : at + VERIFY_CHUNK] for at in range(0, len(signed), VERIFY_CHUNK)]
                chunks = self._threads.map(lambda part: [_verify(each) for each in part], parts)
                candidates = [candidate for chunk in chunks for candidate in chunk]
            else:
                candidates = [_verify(each) for each in signed]
        return [_admit(senders, each, trust, at) for each, at in zip(candidates, times, strict=True)]

    @contextmanager
    def _counted(self) -> Iterator[bool]:
        """Whether a push is the only one, and has been for a while."""
        at = time.monotonic()
        with self._counting:
            self._under_way += 1
            if self._under_way > 1:
                self._crowded_until = at + CROWDED_SECONDS
            alone = at > self._crowded_until
        try:
            yield alone
        finally:
            with self._counting:
                self._under_way -= 1


def _read(pushed: object, trust: Trust) -> Candidate:
    """Step 1, first half: the form of one record, however broken, and the key that it names."""
    if not isinstance(pushed, str):
        digest = sha256(strict_json.dumps(pushed)).hexdigest()
        return Candidate(digest, problem=Problem(Code.MALFORMED, "a record is a JWS, a string"))
    try:
        signed = record_signature.parse(pushed)
        key = trust.key(signed.kid)
        if key is None:
            raise Problem(Code.UNKNOWN_KEY, "the record's key is not in the trust list")
    except Problem as problem:
        return Candidate(sha256(pushed.encode()).hexdigest(), problem=problem)
    return Candidate(signed.digest, signed=signed, key=key)


def _verify(candidate: Candidate) -> Candidate:
    """Step 1, second half: the signature."""
    if candidate.signed is None or candidate.key is None:
        return candidate
    try:
        candidate.verified = record_signature.verify(candidate.signed, candidate.key.verify_key)
    except Problem as problem:
        candidate.problem = problem
    return candidate


def _admit(senders: frozenset[str], candidate: Candidate, trust: Trust, now: datetime) -> Candidate:
    """Steps 2 and 3: the schema, and the table of rights."""
    if candidate.verified is None or candidate.key is None:
        return candidate
    try:
        record = candidate.record = records.load(candidate.verified.payload)
        agreement = trust.agreements.get(record.agreement)
        # Of refused ones, too: a record that the log has already is kept, whatever is thought of it now.
        candidate.forget_at = forget_at(record, now, 0 if agreement is None else agreement.retention_days)
        if record.sender not in senders:
            raise Problem(Code.NOT_ALLOWED, "records of this city do not come this way", where="/from")
        policy.admit(record, candidate.key, trust, now)
    except Problem as problem:
        candidate.problem = problem
    return candidate


def forget_at(record: Record, accepted: datetime, retention_days: int) -> str:
    """When a record is to be forgotten that was accepted at a time."""
    latest = accepted + timedelta(days=retention_days)
    return rfc3339(latest if record.expires_at is None else min(latest, record.expires_at))
