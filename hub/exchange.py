"""The verbs of an exchange: push, pull, read, prove, follow, and what the log shows of itself.

The way of a record, which `push` walks for each record by itself, so that a bad one spoils no other:

1. Authenticate: the record's signature, over the bytes as received. What holds is a `VerifiedRecord`.
2. Validate: the schema of its kind and version; later, inside the transaction, its chain of revisions.
3. Authorise: one default-deny table (`hub/policy.py`).
4. Append: record, entry, recipient streams, tiles and signed checkpoint in one transaction. The same id,
   revision and bytes as before give the stored outcome again.
5. Receipt: only what is committed is answered.

Every verb uses up its request's nonce in the same transaction as its deed, so that a request happens at most
once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from hub import forgetting, policy
from hub.acceptance import Candidate, Judge
from hub.alerts import ALERT
from hub.clock import rfc3339
from hub.cosignatures import Cosignatures
from hub.entering import enter
from hub.errors import Code, Problem
from hub.handover import Reader, note_served
from hub.hosting import Hosting, Part
from hub.log import entry as entries
from hub.log import tile as tiles
from hub.log.note import VerifierKey
from hub.log.receipt import Receipt
from hub.outcomes import Asked, Outcome, Progress, Pulled, Pushed
from hub.policy import Caller, Role, Verb
from hub.polling import Watcher
from hub.refilling import refill
from hub.refusals import note_refusal
from hub.revisions import acknowledged_by, check_revision
from hub.standing import newest_held
from hub.store import Claim, Job, Page, Revision, Selection, Store, Transaction
from hub.store.moves import Coming, Moves
from keys.trust_list import Trust
from schemas import kinds, strict_json
from schemas.limits import CLOCK_SKEW_SECONDS, PAGE_RECORDS, PUSH_RECORDS, TILE_WIDTH, WAIT_SECONDS
from schemas.record import Record
from schemas.shape import Warning

REFUSALS_NOTED: Final = 100
"""Of one push, at most so many refusals become entries: the log is for ever, and the push costs little."""


class Exchange:
    """A node's verbs.

    Arguments: the node's name; its store; `trust`, which gives the trust list and agreements in force; the
    clock, for what happens after a held pull; `polls`, how many pulls may be held.
    """

    def __init__(
        self,
        node: str,
        store: Store,
        trust: Callable[[], Trust],
        clock: Callable[[], datetime],
        polls: int,
    ) -> None:
        self._node = node
        self._store = store
        self._trust = trust
        self._clock = clock
        self.watcher = Watcher(lambda: store.head().size, polls)
        self.cosignatures = Cosignatures(node, store, trust)
        self._judge = Judge()

    def close(self) -> None:
        self.watcher.close()
        self._judge.close()

    # -- push ----------------------------------------------------------------------------------------

    def push(self, caller: Caller, pushed: Sequence[object], now: datetime) -> Pushed:
        """Accept what may be accepted of 1 to 1,000 records; all that is, is on disk on return.

        Raises: Problem for the request as a whole; a record's own problem is its outcome.
        """
        self._check(caller, Verb.PUSH, now)
        if not 1 <= len(pushed) <= PUSH_RECORDS:
            raise Problem(
                Code.TOO_LARGE if pushed else Code.INVALID,
                f"a push holds 1 to {PUSH_RECORDS} records",
                where="/records",
            )
        trust = self._trust()
        candidates = self._judge.all(frozenset({caller.owner}), pushed, trust, [now] * len(pushed))
        ids = [
            record_id
            for candidate in candidates
            if candidate.record is not None
            for record_id in (candidate.record.id, candidate.record.subject)
            if record_id is not None
        ]

        def accept(transaction: Transaction) -> list[Outcome]:
            Hosting(self._node, trust, transaction.moves).check_push(caller.owner)
            return self._accept_all(transaction, caller, candidates, now)

        committed = self._store.write(Job(accept, _claim(caller), ids))
        return Pushed(committed.result, committed.checkpoint)

    def _accept_all(
        self, transaction: Transaction, caller: Caller, candidates: Sequence[Candidate], now: datetime
    ) -> list[Outcome]:
        """Steps 4 and 5 for each candidate, its revision chain included."""
        outcomes: list[Outcome] = []
        noted = 0
        for candidate in candidates:
            try:
                outcomes.append(self._append(transaction, caller, candidate, now))
            except Problem as problem:
                if noted < REFUSALS_NOTED:
                    note_refusal(transaction, caller.kid, problem.code, candidate.digest, now)
                noted += 1
                outcomes.append(Outcome("refused", problem=problem))
        return outcomes

    def _append(
        self, transaction: Transaction, caller: Caller, candidate: Candidate, now: datetime
    ) -> Outcome:
        record, verified = candidate.record, candidate.verified
        if record is not None and verified is not None and record.sender == caller.owner:
            held = transaction.held(record.id).get((record.sender, record.revision))
            if held is not None and held.digest == verified.digest:
                refill(transaction, candidate, held)
                return Outcome("duplicate", record.id, held.digest, held.index)
        if candidate.problem is not None:
            raise candidate.problem
        assert record is not None and verified is not None
        check_revision(transaction, record)
        index = enter(transaction, candidate, now, acknowledged_by(transaction, record))
        return Outcome("accepted", record.id, verified.digest, index, warnings=_warnings(record))

    # -- pull and read -------------------------------------------------------------------------------

    def pull(self, caller: Caller, selection: Selection, wait: float, now: datetime) -> Pulled:
        """A page of what is addressed to the caller's cities; held up to `wait` seconds while there is none.

        A node is told of what was erased, too: it checks that nothing is left out. What is due is not told yet.

        Raises: Problem `not-allowed`, `replayed`, `busy`.
        """
        self._check(caller, Verb.PULL, now)
        if selection.sent and caller.role is not Role.NODE:
            refused = Problem(
                Code.NOT_ALLOWED, "what a city has sent is given back to its node", where="/sent"
            )
            self._refuse(caller, refused, now)
        claim: Claim | None = _claim(caller)
        wanted, size, moves = self._wanted_parts(caller, selection)
        if not any(part.selection.cities for part in wanted):
            committed = self._store.write(Job(lambda _: None, claim))
            return Pulled([], selection.after, False, committed.checkpoint)
        page, coming = self._page(wanted, now)
        if not page.items and wait > 0:
            with self.watcher.slot(caller.kid) as held:
                self._store.write(Job(lambda _: None, claim))
                claim = None
                waited_until = now + timedelta(seconds=min(wait, WAIT_SECONDS))
                while not page.items and not page.due:
                    left = (waited_until - self._clock()).total_seconds()
                    if left <= 0 or not self.watcher.wait_past(held, size, left):
                        break
                    wanted, size, moves = self._wanted_parts(caller, selection)
                    page, coming = self._page(wanted, self._clock())
            now = self._clock()
        if page.due and not page.items:
            said = "the next record is about to be erased, or its bytes are being fetched anew"
            raise Problem(Code.BUSY, said, retry_after=30)
        indexes = [item.index for item in page.items]
        served = [item.index for item in page.items if item.jws is not None]
        erased = {item.index: item.erased for item in page.items if item.erased is not None}

        def note(transaction: Transaction) -> None:
            if transaction.moves != moves:
                raise Problem(Code.BUSY, "a city has just moved", retry_after=1)
            self._note_served(transaction, caller, served, now)

        committed = self._store.write(Job(note, claim))
        proven = [*indexes, *(at for at, _ in erased.values())]
        departure = None if caller.role is Role.NODE else moves.departure(caller.owner)
        proven += [each.index for each in (coming, departure) if proven and each is not None]
        return Pulled(
            [(item.index, item.entry, item.jws) for item in page.items],
            indexes[-1] if indexes else selection.after,
            page.more,
            self._over(proven, committed.checkpoint),
            erased,
            None if coming is None else (coming.index, coming.line),
            None if departure is None else (departure.index, departure.line),
        )

    def _wanted_parts(self, caller: Caller, selection: Selection) -> tuple[list[Part], int, Moves]:
        """What of the log is given to the caller, in order; the log's size, and its moves, by which that is so."""
        head = self._store.head()
        selection = replace(selection, cities=caller.cities)
        hosting = Hosting(self._node, self._trust(), head.moves)
        if caller.role is not Role.NODE:
            return hosting.for_city(selection, caller.owner), head.size, head.moves
        part = selection if selection.sent else hosting.for_node(selection, caller.cities)
        return [Part(part)], head.size, head.moves

    def _page(self, parts: Sequence[Part], now: datetime) -> tuple[Page, Coming | None]:
        """The page of the first part that has any items, and how the city had come for it."""
        for place, part in enumerate(parts):
            page = self._store.page(part.selection, rfc3339(now))
            if page.items or page.due:
                return replace(page, more=page.more or place + 1 < len(parts)), part.coming
        return page, None

    def read(self, caller: Caller, asked: Asked, after: int, now: datetime) -> Pulled:
        """The revisions after an index of a record that the caller sent or receives, a page at a time.

        Erased ones come without their bytes.
        """
        self._check(caller, Verb.READ, now)
        revisions = [each for each in self._visible(caller, asked) if each.index > after]
        part = revisions[:PAGE_RECORDS]
        contents = self._store.contents([each.index for each in part], rfc3339(now))
        given = [each for each in part if each.index in contents]
        served = [each.index for each in given if contents[each.index] is not None]
        committed = self._store.write(
            Job(lambda transaction: self._note_served(transaction, caller, served, now), _claim(caller))
        )
        return Pulled(
            [(each.index, each.entry, contents[each.index]) for each in given],
            given[-1].index if given else after,
            len(given) < len(revisions),
            self._over([each.index for each in given], committed.checkpoint),
        )

    def prove(self, caller: Caller, asked: Asked, now: datetime) -> Receipt:
        """The receipt of a revision, against the newest checkpoint that has the quorum, else the newest."""
        self._check(caller, Verb.PROVE, now)
        wanted = self._wanted(caller, asked)
        self._store.write(Job(lambda _: None, _claim(caller)))
        under = self.cosignatures.over(wanted.index) or self.cosignatures.newest()
        proof = tiles.inclusion_proof(wanted.index, under.size, self.tile)
        return Receipt(wanted.entry.encode(), wanted.index, tuple(proof), under.note)

    def follow(self, caller: Caller, asked: Asked, now: datetime) -> Progress:
        """How far a revision got: for its sender and for auditors."""
        self._check(caller, Verb.FOLLOW, now)
        wanted = self._wanted(caller, asked)
        if not policy.may_follow(caller, wanted.sender):
            self._refuse(
                caller,
                Problem(Code.NOT_ALLOWED, "a record's delivery is for its sender and for auditors"),
                now,
            )
        self._store.write(Job(lambda _: None, _claim(caller)))
        # Of a record that was held before its sender came here, the entry names the recipients of that time alone.
        recipients = _recipients(wanted) | self._trust().cities.keys()
        deliveries = self._store.delivery(wanted.index, wanted.digest, recipients)
        at, due = rfc3339(now), dict[str, str]()
        if wanted.kind == ALERT:
            due = self._store.ask_awaited(lambda awaited: awaited.due(wanted.index, at))
        return Progress(asked.id, wanted.revision, wanted.index, wanted.digest, deliveries, due, at)

    # -- the log -------------------------------------------------------------------------------------

    def checkpoint(self) -> str:
        """The newest checkpoint, a signed note, with the cosignatures held for it."""
        return self.cosignatures.newest().note

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The first `width` hashes of a tile.

        Raises: Problem `not-found` where the tile has fewer.
        """
        hashes = self._store.tile(level, number)
        if hashes is None or len(hashes) < 32 * width:
            raise Problem(Code.NOT_FOUND, "the log has no such tile yet")
        return hashes[: 32 * width]

    def audit(self, caller: Caller, number: int, width: int, now: datetime) -> bytes:
        """An entry bundle, for auditors.

        Raises: Problem `not-allowed`, `not-found`, `replayed`.
        """
        self._check(caller, Verb.AUDIT, now)
        self._store.write(Job(lambda _: None, _claim(caller)))
        lines = self._store.lines(number * TILE_WIDTH, number * TILE_WIDTH + width)
        if len(lines) < width:
            raise Problem(Code.NOT_FOUND, "the log has no such entries yet")
        return tiles.encode_bundle(lines)

    def held_of(self, caller: Caller, origin: str, now: datetime) -> str:
        """The largest checkpoint of another node's log that is held here, for nodes and auditors.

        Raises: Problem `not-allowed`, `not-found`, `replayed`.
        """
        self._check(caller, Verb.WITNESS, now)
        self._store.write(Job(lambda _: None, _claim(caller)))
        listed = self._trust().nodes.get(origin)
        if listed is not None and origin != self._node:
            log = VerifierKey.parse(listed.log)
            held = self._store.ask(lambda neighbours: newest_held(neighbours, origin, log))
            if held is not None:
                return held
        raise Problem(Code.NOT_FOUND, "no checkpoint of such a log is held here")

    def log_trust(self, now: datetime) -> None:
        """Make an entry of each trust target that came into force since the last one."""
        targets = self._trust().targets

        def note(transaction: Transaction) -> None:
            for target in targets:
                digest = bytes.fromhex(target.digest)
                if transaction.trust_version(target.file) == (target.version, digest):
                    continue
                line = entries.trust(
                    at=rfc3339(now), file=target.file, version=target.version, digest=target.digest
                )
                transaction.trusted(target.file, target.version, digest, transaction.append(line))

        self._store.write(Job(note))

    # -- the clock's verbs ---------------------------------------------------------------------------

    def forget(self, now: datetime, limit: int = 500) -> int:
        """Erase up to `limit` records whose time is over; how many."""
        return forgetting.forget(self._store, now, limit)

    def prune(self, now: datetime) -> int:
        """Forget what concerns no request and no alert any more; how many nonces."""
        return forgetting.prune(self._store, now)

    # -- inside --------------------------------------------------------------------------------------

    def _check(self, caller: Caller, verb: Verb, now: datetime) -> None:
        try:
            policy.check_verb(caller, verb, self._trust())
        except Problem as problem:
            self._refuse(caller, problem, now)

    def _refuse(self, caller: Caller, problem: Problem, now: datetime) -> None:
        """Make an entry of what a known key tried, then raise it."""

        def note(transaction: Transaction) -> None:
            note_refusal(transaction, caller.kid, problem.code, caller.request.digest, now)

        self._store.write(Job(note, _claim(caller)))
        raise problem

    def _note_served(
        self, transaction: Transaction, caller: Caller, indexes: Sequence[int], now: datetime
    ) -> None:
        note_served(transaction, Reader(caller.kid, caller.request.digest, caller.cities), indexes, now)

    def _over(self, indexes: Sequence[int], newest: str) -> str:
        """The checkpoint of a page. That of an empty one is the newest: up to there nothing came."""
        under = self.cosignatures.over(max(indexes)) if indexes else None
        return newest if under is None else under.note

    def _visible(self, caller: Caller, asked: Asked) -> list[Revision]:
        """The revisions that exist for this caller; none of them is as if there were no such record.

        Two cities may use one id. The caller's own record comes before others', and of those the first in the log,
        unless the sender is named.
        """
        seen = self._store.revisions(asked.id, caller.cities)
        senders = [each.sender for each in seen]
        own = [sender for sender in senders if sender in caller.cities]
        chosen = asked.sender or next(iter([*own, *senders]), None)
        seen = [each for each in seen if each.sender == chosen]
        if not seen:
            self._store.write(Job(lambda _: None, _claim(caller)))
            raise Problem(Code.NOT_FOUND, "no record of this id for this key")
        return seen

    def _wanted(self, caller: Caller, asked: Asked) -> Revision:
        seen = self._visible(caller, asked)
        if asked.revision is None:
            return seen[-1]
        for each in seen:
            if each.revision == asked.revision:
                return each
        raise Problem(Code.NOT_FOUND, "no such revision of this record")


def _claim(caller: Caller) -> Claim:
    # A nonce is kept for as long as `created` could still pass the clock rule, on either side of it.
    until = caller.request.created + timedelta(seconds=2 * CLOCK_SKEW_SECONDS)
    return Claim(caller.kid, caller.request.nonce, until)


def _warnings(record: Record) -> tuple[Warning, ...]:
    if record.body is None:
        return ()
    return tuple(kinds.warnings(kinds.kind(record.kind, record.version), record.body))


def _recipients(revision: Revision) -> frozenset[str]:
    return frozenset(_entry_to(revision.entry))


def _entry_to(line: str) -> dict[str, Any]:
    recipients: dict[str, Any] = strict_json.loads(line)["to"]
    return recipients
