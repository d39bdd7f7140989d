"""A hand-over, read: what the old node says, held against what its log proves.

1. The volumes are complete, and signed by the old node's own key (`hub/federation/bundles`). They are of a city that
   the trust list has hosted here, and had hosted there last.
2. The checkpoint is the old log's, which is held against what is known of it (`Neighbourhood.handed`); the `departed`
   entry stands where the statement says.
3. Every item's entry stands in that log, before that entry, one after the other. All that the old log numbered for the
   city is there, 1, 2, 3 … up to the last: nothing was left out.
4. Every record bears its sender's signature, and is of its entry. Whether it might flow was judged when it was taken;
   that is not judged again. Of one whose key is in no trust list any more only the entry is taken.
5. How long a record is kept is reckoned from its entry, as its agreement has it. The old node's word counts within what
   that leaves open: of one that had moved there before, between when it was issued and when it moved; and where the
   agreement is in no trust list any more.
6. Times are spelt as in the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from hub import answers
from hub.acceptance import Candidate, Judge, forget_at
from hub.arrival import Page
from hub.errors import Code, Problem
from hub.federation.bundles.bundle import Bundle
from hub.federation.bundles.carried import Carried
from hub.federation.folding import Leaves
from hub.federation.moving.departing import PURPOSE
from hub.federation.moving.statement import Statement
from hub.log.checkpoint import open_checkpoint
from hub.log.entry import Accepted, Erased, Moved, OfRecord, Received, decode
from hub.log.note import VerifierKey
from hub.log.tree import leaf_hash
from hub.reception import EARLIEST
from keys.trust_list import Trust
from schemas.limits import ENTRY_BYTES
from schemas.record import Record

UNKNOWN_KEY: Final = "the record's key is in no trust list any more"

_CITY = re.compile(r"[1-9][0-9]{5}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


@dataclass(frozen=True, slots=True)
class Handed:
    """One record of a hand-over: its place and entry in the old log, and itself, as far as it is there.

    `at` is the entry's time, as far as that can be; `gone` says why it has no bytes; `forget_at` and `fetched` are what
    the old node says of it.
    """

    index: int
    entry: OfRecord
    at: datetime
    candidate: Candidate | None
    gone: str | None
    forget_at: str | None
    fetched: Mapping[str, str]


class HandOver:
    """What a complete bundle hands over, for the node `mine` under `trust`.

    Raises: Problem for what is not as rules 1 and 2 have it; what the checkpoint proves is up to `read`.
    """

    def __init__(self, bundle: Bundle, trust: Trust, mine: str) -> None:
        manifest = bundle.manifest
        if manifest.purpose != PURPOSE:
            raise Problem(Code.NOT_ALLOWED, "the bundle is no hand-over of a city", where="/purpose")
        if manifest.recipient != mine:
            raise Problem(
                Code.NOT_ALLOWED,
                f"the hand-over is for {manifest.recipient}; this node is {mine}",
                where="/to",
            )
        self.statement = Statement.decode(manifest.statement)
        if (self.statement.sender, self.statement.recipient) != (manifest.sender, manifest.recipient):
            raise Problem(
                Code.CONFLICT, "the statement is of other nodes than the bundle", where="/statement"
            )
        listed = trust.cities.get(self.statement.city)
        if listed is None or listed.node != mine or listed.hosted_before[-1:] != (manifest.sender,):
            raise Problem(
                Code.NOT_ALLOWED,
                "the trust list in force does not have the city move to this node from the one that hands it over",
                where="/statement/city",
            )
        log = VerifierKey.parse(trust.nodes[manifest.sender].log)
        self.seen = open_checkpoint(manifest.checkpoint, log)
        if self.seen.size < self.statement.size:
            raise Problem(Code.CONFLICT, "the hand-over's checkpoint is older than its statement")
        self.carried = Carried(bundle, self.seen)
        self._trust = trust

    def read(self, leaves: Leaves, judge: Judge, now: datetime) -> Iterator[list[Handed]]:
        """All of it, part after part, verified by rules 2 to 6. Raises: Problem for the first item that fails."""
        statement = self.statement
        _prove(statement.size - 1, statement.departed, leaves)
        after, last = -1, 0
        while True:
            page: Page = self.carried.page(after)
            part = [self._item(item, leaves, now) for item in page.items]
            for item, raw in zip(part, page.items, strict=True):
                if not after < item.index < statement.size - 1:
                    raise _wrong(item.index, "stands where it should not")
                after, last = item.index, self._counted(item, last)
                with answers.contract():
                    self._check_form(item, raw)
            yield self._judged(part, page.items, judge)
            if not page.more:
                break
        if last != statement.last:
            raise Problem(
                Code.CONFLICT,
                f"the hand-over ends with number {last} of the city's stream, not {statement.last}",
            )

    # -- inside --------------------------------------------------------------------------------------

    def _item(self, raw: Any, leaves: Leaves, now: datetime) -> Handed:
        """Rule 3, first half, and what became of a record that has no bytes."""
        with answers.contract():
            index, line, jws = raw["index"], raw["entry"], raw["record"]
            forget_at, fetched, erased = raw["forget_at"], raw["fetched"], raw.get("erased")
        _prove(index, line, leaves)
        entry = decode(line.encode())
        if not isinstance(entry, Accepted | Received | Moved):
            raise _wrong(index, "is of no record")
        gone = None
        if jws is None:
            with answers.contract():
                at, said = erased["index"], erased["entry"]
            _prove(at, said, leaves)
            erasure = decode(said.encode())
            if not isinstance(erasure, Erased) or erasure.digest != entry.digest or at <= index:
                raise _wrong(index, "is kept back: nothing says that it was erased")
            gone = erasure.basis
        entered = min(now, max(EARLIEST, datetime.fromisoformat(entry.at)))
        return Handed(index, entry, entered, None, gone, forget_at, fetched)

    def _counted(self, item: Handed, last: int) -> int:
        """Rule 3, second half: the last number of the city's stream with this item."""
        city, entry = self.statement.city, item.entry
        if entry.sender != city and city in entry.to and not isinstance(entry, Moved):
            if entry.to[city] != last + 1:
                raise _wrong(item.index, f"has number {entry.to[city]} of the city's stream, after {last}")
            return last + 1
        return last

    @staticmethod
    def _check_form(item: Handed, raw: Any) -> None:
        forget_at, fetched = item.forget_at, item.fetched
        times = [*fetched.values(), *([] if forget_at is None else [forget_at])]
        if len(fetched) > len(item.entry.to) + 32 or not all(map(_TIME.fullmatch, times)):
            raise ValueError
        for time in times:
            datetime.fromisoformat(time)
        if not all(map(_CITY.fullmatch, fetched)):
            raise ValueError
        if raw["record"] is not None and not isinstance(raw["record"], str):
            raise ValueError

    def _judged(self, part: Sequence[Handed], raw: Sequence[Any], judge: Judge) -> list[Handed]:
        """Rule 4. What the judge thinks of rights is left aside."""
        whole = [place for place, item in enumerate(part) if item.gone is None]
        times = [part[place].at for place in whole]
        found = judge.all(
            frozenset(self._trust.cities), [raw[place]["record"] for place in whole], self._trust, times
        )
        judged = list(part)
        for place, candidate in zip(whole, found, strict=True):
            judged[place] = self._of_entry(part[place], candidate)
        return judged

    def _of_entry(self, item: Handed, candidate: Candidate) -> Handed:
        entry, record = item.entry, candidate.record
        if candidate.digest != entry.digest:
            raise _wrong(item.index, "is not the one of its entry")
        if candidate.verified is None and candidate.problem is not None:
            if candidate.problem.code is Code.UNKNOWN_KEY:
                return replace(item, gone=UNKNOWN_KEY, forget_at=None)
            raise _wrong(item.index, f"does not verify ({candidate.problem.code})")
        key = candidate.key
        if record is None or key is None:
            raise _wrong(item.index, "is of no form that is known here")
        if (key.owner_kind, key.use, key.owner) != ("city", "sign", record.sender):
            raise _wrong(item.index, "is signed by another key than its sender's", Code.NOT_ALLOWED)
        said = (entry.id, entry.revision, entry.kind, entry.sender, entry.marking)
        if said != (record.id, record.revision, record.kind, record.sender, record.marking):
            raise _wrong(item.index, "is not the one of its entry")
        named, sent = set(entry.to), set(record.recipients)
        if not named <= sent or (isinstance(entry, Accepted) and named != sent):
            raise _wrong(item.index, "has other recipients than its entry")
        if self.statement.city not in {record.sender, *sent}:
            raise _wrong(item.index, "is of other cities")
        return replace(item, candidate=candidate, forget_at=self._forget_at(item, record))

    def _forget_at(self, item: Handed, record: Record) -> str:
        """Rule 5."""
        agreement = self._trust.agreements.get(record.agreement)
        if agreement is None:
            said = item.at if item.forget_at is None else datetime.fromisoformat(item.forget_at)
            return forget_at(record, said, 0)
        latest = forget_at(record, max(item.at, record.issued_at), agreement.retention_days)
        if item.forget_at is None or not isinstance(item.entry, Moved):
            return latest
        return min(latest, max(item.forget_at, forget_at(record, record.issued_at, agreement.retention_days)))


def _prove(index: Any, line: Any, leaves: Leaves) -> None:
    if type(index) is not int or not isinstance(line, str):
        raise Problem(Code.MALFORMED, "the hand-over has an item that is none")
    content = line.encode(errors="replace")
    if len(content) > ENTRY_BYTES or leaves.leaf(index) != leaf_hash(content):
        raise _wrong(index, "has an entry that is not in the old node's log", Code.BAD_SIGNATURE)


def _wrong(index: int, what: str, code: Code = Code.CONFLICT) -> Problem:
    return Problem(code, f"the hand-over's record at index {index} {what}")
