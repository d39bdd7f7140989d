"""A client for partner systems: push, pull, acknowledge, with everything checked on arrival.

    client = Client(trust, "610800.exchange", key)
    for outcome in client.push([jws]): ...
    for arrival in client.pull(Cursor(Path("cursor.json"))): ...

What it holds to:

1. An answer under `/v1` that the node did not sign for this very request is no answer. What the log shows
   needs no such signature: it is held against the log's own.
2. A pulled record is handed over only with its receipt: signature, entry, inclusion and the log's own
   signature are verified first. The proofs are built from the log's tiles, at no request a record.
3. A cursor moves on only when the next record is asked for, so that what was not worked off comes again.
4. Every try is a request of its own, with a new nonce. Retrying is safe: the node gives the stored outcome.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import orjson
import requests
import urllib3

from hub import answers
from hub.arrival import Arrival, LogWentBackError, Outcome, Page, Predecessor, reached, skipped
from hub.clock import utc_now
from hub.cursor import Bookmark, Cursor
from hub.errors import Code, Problem
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.entry import Departed, Hosted, OfRecord, Routed, decode
from hub.log.note import VerifierKey
from hub.log.receipt import Receipt, verify
from hub.log.tile import ENTRIES, Tile, inclusion_proof
from hub.log.tree import leaf_hash, verify_inclusion
from hub.log.verifier import verify_record
from hub.retrying import retrying
from keys import message_signature, record_signature
from keys.key import SealKey, base64url
from keys.seal import seal
from keys.suite import SigningKey, VerifyKey
from keys.trust_list import Node, Trust
from schemas import record, strict_json
from schemas.limits import PAGE_RECORDS, PUSH_BYTES, PUSH_RECORDS

__all__ = ["Arrival", "Client", "Cursor", "LogWentBackError", "Outcome", "Predecessor"]

SIGNED_PATHS: Final = ("/v1/", "/log/tile/entries/")
GATEWAY_STATUSES: Final = (502, 503, 504)
"""A gateway says these, unsigned, of a node that it cannot reach: no more than a broken connection."""
CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 60
TRIES: Final = 5


Move = TypeVar("Move", Hosted, Departed)


class Client:
    """One key's view of one node.

    Arguments: the trust list and agreements; the node's name in it; the `sign`, `node` or `audit` key that
    signs requests; the clock; how often a request is tried while the node is busy or out of reach; how many seconds
    an answer may let wait for itself, and for all of it but what it takes to send much; the address to connect from.
    """

    def __init__(
        self,
        trust: Trust,
        node: str,
        key: SigningKey,
        *,
        clock: Callable[[], datetime] = utc_now,
        tries: int = TRIES,
        seconds: float = ANSWER_SECONDS,
        source: str | None = None,
    ) -> None:
        if node not in trust.nodes:
            raise Problem(Code.NOT_FOUND, f"the trust list has no node named {node}")
        self._trust = trust
        self.node: Node = trust.nodes[node]
        self._key = key
        self._clock = clock
        self._seconds = seconds
        self._session = answers.Session(source)
        self._elsewhere = partial(
            Client, trust, key=key, clock=clock, tries=tries, seconds=seconds, source=source
        )
        self._log_key = VerifierKey.parse(self.node.log)
        self._cities = _cities(trust, key.kid)
        self.departed: Departed | None = None
        """That this key's city has left the node, as its last page proved: nothing more comes after that page."""
        self._retrying = retrying(tries)

    def close(self) -> None:
        self._session.close()

    def moved_to(self, city: str) -> str | None:
        """The node that hosts a city now, where this one did before."""
        listed = self._trust.cities.get(city)
        return listed.node if listed is not None and self.node.name in listed.hosted_before else None

    def elsewhere(self, node: str) -> Client:
        """The same key before another node."""
        return self._elsewhere(node=node)

    # -- the verbs -----------------------------------------------------------------------------------

    def push(self, records: Iterable[str]) -> Iterator[Outcome]:
        """Push any number of records, in batches; an outcome for each, in order.

        Raises: Problem for a batch that was refused as a whole, `busy` where the node cannot be reached.
        """
        for batch in _batches(records):
            answer = self._json("POST", "/v1/records", body=orjson.dumps({"records": batch}))
            with answers.contract():
                outcomes = [Outcome.read(each) for each in answer["outcomes"]]
            if len(outcomes) != len(batch):
                raise Problem(Code.MALFORMED, "the node did not answer for every record")
            yield from outcomes

    def pull(
        self,
        cursor: Bookmark,
        *,
        kind: str | None = None,
        sender: str | None = None,
        marking: str | None = None,
        wait: int = 0,
    ) -> Iterator[Arrival]:
        """What is addressed to this key's cities after `cursor`, in log order, each with its receipt.

        It ends with the last record that is there; where none is, it waits `wait` seconds (30 at most) for one.
        """
        asked = {"kind": kind, "from": sender, "marking": marking}
        filters = {name: value for name, value in asked.items() if value is not None}
        while True:
            page = self.page(cursor.after, wait=wait, filters=filters)
            wait = 0
            if cursor.after >= page.checkpoint.size:
                raise LogWentBackError(page.checkpoint.size, cursor.after)
            tiles = self._tiles()
            hosted = self._said(page.hosted, page, tiles, Hosted) if page.items else None
            self.departed = self._said(page.departed, page, tiles, Departed)
            for item in page.items:
                arrival, numbers = self._arrival(item, page.checkpoint, tiles)
                if arrival.index <= cursor.after or not numbers:
                    raise Problem(Code.CONFLICT, "the node's page holds a record that was not asked for")
                before = reached(cursor.numbers, hosted, arrival.index)
                if any(number <= cursor.numbers.get(city, 0) for city, number in numbers.items()):
                    raise LogWentBackError(page.checkpoint.size, cursor.after)
                if not filters:
                    arrival = replace(arrival, skipped=skipped(before, numbers, hosted))
                yield arrival
                cursor.move(arrival.index, numbers)
            if not page.more:
                return

    def page(
        self,
        after: int,
        *,
        wait: int = 0,
        limit: int = PAGE_RECORDS,
        filters: Mapping[str, str] | None = None,
    ) -> Page:
        """One page of what is addressed to this key's cities after an index, as the node signed it.

        Its checkpoint is verified; its items are what the node says, and are still to be held against it.
        """
        query = {"after": after, "limit": limit, **({"wait": wait} if wait else {}), **(filters or {})}
        answer = self._json("GET", "/v1/records?" + urlencode(query))
        with answers.contract():
            page = Page(
                list(answer["items"]),
                self._open(answer["checkpoint"]),
                answer["more"],
                answer.get("hosted"),
                answer.get("departed"),
            )
        if page.more and not page.items:
            raise Problem(Code.MALFORMED, "the node's page is empty and yet goes on")
        if len(page.items) > limit:
            raise Problem(Code.TOO_LARGE, "the node's page has more items than were asked for")
        return page

    def acknowledge(
        self, arrival: Arrival, *, outcome: str = "received", city: str, reason: str | None = None
    ) -> Outcome:
        """Tell a record's sender what became of it here.

        Each city keeps one acknowledgement of a revision: the same outcome again changes nothing, another one is
        its next revision.
        """
        original = arrival.record
        own = record.adapted_id(city, "acknowledgement", arrival.digest)
        held = self.held(own)
        if held and held[-1].record.body is not None and held[-1].record.body["outcome"] == outcome:
            return Outcome("duplicate", own, held[-1].digest, held[-1].index, None)
        jws = self.compose(
            "acknowledgement",
            sender=city,
            recipients=[original.sender],
            agreement=original.agreement,
            marking=original.marking,
            subject=original.id,
            body={"digest": arrival.digest, "outcome": outcome, "reason": reason, "note": None},
            id=own,
            follows=held[-1].predecessor if held else None,
        )
        return next(self.push([jws]))

    def held(self, record_id: str) -> list[Arrival]:
        """The same as `revisions`, and none of a record that does not exist for this key."""
        try:
            return self.revisions(record_id)
        except Problem as problem:
            if problem.code is not Code.NOT_FOUND:
                raise
            return []

    def compose(
        self,
        kind: str,
        *,
        sender: str,
        recipients: Sequence[str],
        agreement: str,
        body: Mapping[str, Any] | None,
        private: Mapping[str, Any] | None = None,
        marking: str = "amber",
        subject: str | None = None,
        id: str | None = None,
        follows: Predecessor | None = None,
        withdrawn: str | None = None,
        version: int = 1,
        expires_at: datetime | None = None,
    ) -> str:
        """A record, sealed to all where it has a private part, and signed with this client's key.

        It is a first revision, of `id` where one is given, or the next one after `follows`. A record that is
        `withdrawn` for a reason has no body.

        Raises: Problem `invalid` with `where` for what the schema refuses.
        """
        now = self._clock()
        sealed = None
        if private is not None:
            keys = [self._seal_key(city, now) for city in (sender, *recipients)]
            sealed = seal(strict_json.dumps(dict(private)), keys)
        payload = record.dump(
            {
                "id": follows.id if follows else id or record.new_id(now, os.urandom(10)),
                "kind": kind,
                "version": version,
                "revision": follows.revision + 1 if follows else 1,
                "previous": follows.digest if follows else None,
                "from": sender,
                "to": list(recipients),
                "issued_at": now.isoformat(timespec="seconds"),
                "expires_at": None if expires_at is None else expires_at.isoformat(timespec="seconds"),
                "marking": marking,
                "agreement": agreement,
                "subject": subject,
                "withdrawn": withdrawn,
                "salt": base64url(os.urandom(16)),
                "body": None if body is None else dict(body),
                "sealed": sealed,
            }
        )
        return record_signature.sign(payload, self._key)

    def revisions(self, record_id: str) -> list[Arrival]:
        """All revisions held of a record, each verified; those that were erased are left out."""
        arrivals: list[Arrival] = []
        after, more = -1, True
        while more:
            answer = self._json("GET", f"/v1/records/{record_id}?after={after}")
            with answers.contract():
                checkpoint = self._open(answer["checkpoint"])
                held = [item for item in answer["items"] if item["record"] is not None]
                before, after, more = after, answer["next"], answer["more"]
                if more and not (answer["items"] and after > before):
                    raise Problem(Code.MALFORMED, "the node's pages do not go on")
            tiles = self._tiles()
            arrivals += [self._arrival(item, checkpoint, tiles)[0] for item in held]
        if any(arrival.record.id != record_id for arrival in arrivals):
            raise Problem(Code.CONFLICT, "the node answered with another record than was asked for")
        return arrivals

    def receipt(self, record_id: str, revision: int | None = None) -> str:
        """The receipt of a revision (the newest, where none is named), verified as far as it goes alone."""
        query = "" if revision is None else f"?revision={revision}"
        text = answers.text(self._request("GET", f"/v1/records/{record_id}/proof{query}"))
        receipt = Receipt.parse(text)
        verify(receipt, self._log_key)
        entry = decode(receipt.entry)
        if not isinstance(entry, OfRecord) or entry.id != record_id or revision not in (None, entry.revision):
            raise Problem(Code.CONFLICT, "the node's receipt is for another record")
        return text

    def held_of(self, origin: str) -> str:
        """The largest checkpoint of another node's log that this one holds, a note that is still to be verified.

        Raises: Problem `not-found` where it holds none.
        """
        return answers.text(self._request("GET", f"/v1/logs/{origin}/checkpoint"))

    def delivery(self, record_id: str, revision: int | None = None) -> dict[str, Any]:
        """How far a revision (the newest, where none is named) got with each recipient."""
        query = "" if revision is None else f"?revision={revision}"
        answer: dict[str, Any] = self._json("GET", f"/v1/records/{record_id}/delivery{query}")
        return answer

    # -- the log, as hub.log.reader.LogReader ----------------------------------------------------------

    def checkpoint(self) -> str:
        return answers.text(self._request("GET", "/log/checkpoint"))

    def tile(self, level: int, number: int, width: int) -> bytes:
        return self._request("GET", f"/log/{Tile(level, number, width).path}")

    def entries(self, number: int, width: int) -> bytes:
        return self._request("GET", f"/log/{Tile(ENTRIES, number, width).path}")

    # -- inside --------------------------------------------------------------------------------------

    def _arrival(
        self, item: dict[str, Any], checkpoint: VerifiedCheckpoint, tiles: Callable[[int, int, int], bytes]
    ) -> tuple[Arrival, dict[str, int]]:
        with answers.contract():
            index, entry, jws = item["index"], item["entry"], item["record"]
            proof = inclusion_proof(index, checkpoint.size, tiles)
            receipt = Receipt(entry.encode(), index, tuple(proof), checkpoint.note).encode()
            verdict = verify_record(jws, receipt, self._trust)
        # What a city brought along has the numbers of another log.
        to = verdict.entry.to if isinstance(verdict.entry, Routed) else {}
        numbers = {city: number for city, number in to.items() if city in self._cities}
        return Arrival(index, verdict.record, jws, verdict.digest, receipt), numbers

    def _said(
        self, said: Any, page: Page, tiles: Callable[[int, int, int], bytes], kind: type[Move]
    ) -> Move | None:
        """The entry by which this key's city came to the node, or left it, proven by the page's checkpoint."""
        if said is None:
            return None
        with answers.contract():
            index, line = said["index"], said["entry"].encode()
            proof = inclusion_proof(index, page.checkpoint.size, tiles)
            verify_inclusion(index, page.checkpoint.size, leaf_hash(line), proof, page.checkpoint.root)
        entry = decode(line)
        if not isinstance(entry, kind) or entry.city not in self._cities:
            raise Problem(Code.CONFLICT, "the node names an entry that does not say that this city has moved")
        return entry

    def _seal_key(self, city: str, now: datetime) -> SealKey:
        key = self._trust.seal_key(city, now)
        if key is None:
            raise Problem(Code.NOT_FOUND, f"the trust list has no valid seal key of city {city}")
        return key

    def _open(self, note: str) -> VerifiedCheckpoint:
        return open_checkpoint(note, self._log_key)

    def _tiles(self) -> Callable[[int, int, int], bytes]:
        """A reader that asks for each tile once: within one page they come again and again."""
        held: dict[tuple[int, int, int], bytes] = {}

        def read(level: int, number: int, width: int) -> bytes:
            wanted = (level, number, width)
            if wanted not in held:
                held[wanted] = self.tile(level, number, width)
            return held[wanted]

        return read

    def _json(self, method: str, path: str, body: bytes | None = None) -> Any:
        return answers.parse(self._request(method, path, body))

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        return self._retrying(self._try, method, path, body)

    def _try(self, method: str, path: str, body: bytes | None) -> bytes:
        url = self.node.url + path
        headers = {"Accept-Encoding": "gzip", "Accept-Language": "en"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if path.startswith(SIGNED_PATHS):
            headers |= message_signature.sign_request(
                method, url, body, self._key, now=self._clock(), nonce=os.urandom(16)
            )
        try:
            with self._session.request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=(min(CONNECT_SECONDS, self._seconds), self._seconds),
                allow_redirects=False,
                stream=True,
            ) as answer:
                received = answers.receive(answer.raw)
                status, fields = answer.status_code, answer.headers
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Problem(Code.BUSY, f"{self.node.url} does not answer ({answers.broken(error)})") from error
        if status in GATEWAY_STATUSES and "Signature" not in fields:
            raise Problem(Code.BUSY, f"what stands before {self.node.url} answered {status} in its place")
        if path.startswith("/v1/"):
            message_signature.verify_response(status, fields, received, headers, self._node_key)
        if fields.get("Content-Encoding") == "gzip":
            received = answers.decompress(received)
        if status != 200:
            raise answers.problem(received, fields)
        return received

    def _node_key(self, kid: str) -> VerifyKey:
        now = self._clock()
        for key in self.node.keys:
            if key.kid == kid and key.use == "node" and key.valid_at(now, now):
                return key.verify_key
        raise Problem(Code.UNKNOWN_KEY, "the answer is signed by another key than the node's")


def _cities(trust: Trust, kid: str) -> frozenset[str]:
    """The cities that a key pulls for: their streams, and no others, must come without a gap."""
    key = trust.key(kid)
    if key is None:
        return frozenset()
    return trust.hosted_by(key.owner) if key.owner_kind == "node" else frozenset({key.owner})


def _batches(records: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    weight = 0
    for jws in records:
        if batch and (len(batch) == PUSH_RECORDS or weight + len(jws) > PUSH_BYTES - 64 * PUSH_RECORDS):
            yield batch
            batch, weight = [], 0
        batch.append(jws)
        weight += len(jws)
    if batch:
        yield batch
