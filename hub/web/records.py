"""The signed endpoints: `/v1/records`, what is held of others' logs and, for auditors, the log's entry bundles."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, g, request

from hub.errors import Code, Problem
from hub.log.tile import ENTRIES, parse_path
from hub.node import Node
from hub.outcomes import Asked, Outcome, Progress, Pulled
from hub.policy import Caller
from hub.store import Delivery, Selection
from hub.web import arriving, metrics
from hub.web.answering import json_answer, language, text_answer
from schemas.divisions import is_city
from schemas.kinds import KINDS
from schemas.limits import PAGE_RECORDS, WAIT_SECONDS
from schemas.markings import MARKINGS

RECORD_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
KIND_NAMES: Final = frozenset(name for name, _ in KINDS)
PULL_PARAMETERS: Final = frozenset({"after", "limit", "wait", "kind", "from", "marking", "sent"})


def records_blueprint(node: Node) -> Blueprint:
    """The endpoints over `node`."""
    blueprint = Blueprint("records", __name__)
    exchange = node.exchange
    bodies = arriving.Bodies()

    def caller() -> tuple[Caller, datetime]:
        now: datetime = g.now
        found = arriving.authenticate(request, node, now)
        g.caller = found
        return found, now

    @blueprint.post("/v1/records")
    def push() -> Response:
        who, now = caller()
        with bodies.admit(who.kid, request.content_length):
            pushed = exchange.push(who, _records(arriving.read_push(request)), now)
        for outcome in pushed.outcomes:
            metrics.RECORDS.labels(outcome.problem.code if outcome.problem else outcome.status).inc()
        return json_answer(
            {
                "outcomes": [_outcome(outcome) for outcome in pushed.outcomes],
                "checkpoint": pushed.checkpoint,
            }
        )

    @blueprint.get("/v1/records")
    def pull() -> Response:
        who, now = caller()
        selection, wait = _selection()
        if wait:
            with metrics.HELD_PULLS.track_inprogress():
                pulled = exchange.pull(who, selection, wait, now)
        else:
            pulled = exchange.pull(who, selection, wait, now)
        metrics.SERVED.inc(len(pulled.items) - len(pulled.erased))
        answer = _items(pulled) | {
            "next": pulled.next,
            "more": pulled.more,
            "checkpoint": pulled.checkpoint,
        }
        for name, said in (("hosted", pulled.hosted), ("departed", pulled.departed)):
            if said is not None:
                answer[name] = {"index": said[0], "entry": said[1]}
        return json_answer(answer)

    @blueprint.get("/v1/records/<record_id>")
    def read(record_id: str) -> Response:
        who, now = caller()
        asked = _asked(record_id, "after", "from")
        pulled = exchange.read(who, asked, _number("after", -1, 2**62, -1), now)
        return json_answer(
            _items(pulled) | {"next": pulled.next, "more": pulled.more, "checkpoint": pulled.checkpoint}
        )

    @blueprint.get("/v1/records/<record_id>/proof")
    def prove(record_id: str) -> Response:
        who, now = caller()
        return text_answer(exchange.prove(who, _asked(record_id, "revision", "from"), now).encode())

    @blueprint.get("/v1/records/<record_id>/delivery")
    def follow(record_id: str) -> Response:
        who, now = caller()
        return json_answer(_progress(exchange.follow(who, _asked(record_id, "revision", "from"), now)))

    @blueprint.get("/v1/logs/<origin>/checkpoint")
    def held_of(origin: str) -> Response:
        who, now = caller()
        _check_parameters(frozenset())
        return text_answer(exchange.held_of(who, origin, now))

    @blueprint.get("/log/tile/entries/<path:number>")
    def audit(number: str) -> Response:
        who, now = caller()
        tile = parse_path(f"tile/entries/{number}")
        assert tile.level == ENTRIES
        bundle = exchange.audit(who, tile.number, tile.width, now)
        return Response(bundle, mimetype="application/octet-stream")

    return blueprint


def _records(document: Any) -> list[Any]:
    if not isinstance(document, dict) or set(document) != {"records"}:
        raise Problem(Code.MALFORMED, 'the body must be {"records": […]}')
    if not isinstance(document["records"], list):
        raise Problem(Code.MALFORMED, "`records` must be a list", where="/records")
    return document["records"]


def _outcome(outcome: Outcome) -> dict[str, Any]:
    if outcome.problem is not None:
        return {"status": outcome.status, "problem": outcome.problem.to_dict(language(request))}
    answer: dict[str, Any] = {
        "status": outcome.status,
        "id": outcome.id,
        "digest": outcome.digest,
        "index": outcome.index,
    }
    if outcome.warnings:
        answer["warnings"] = [asdict(warning) for warning in outcome.warnings]
    return answer


def _items(pulled: Pulled) -> dict[str, Any]:
    items: list[dict[str, Any]] = [
        {"index": index, "entry": entry, "record": jws} for index, entry, jws in pulled.items
    ]
    for item in items:
        if item["index"] in pulled.erased:
            at, line = pulled.erased[item["index"]]
            item["erased"] = {"index": at, "entry": line}
    return {"items": items}


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        "id": progress.id,
        "revision": progress.revision,
        "index": progress.index,
        "digest": progress.digest,
        "recipients": [
            {
                "city": delivery.city,
                "status": _status(delivery),
                "at": delivery.acknowledged_at or delivery.fetched_at,
                "fetched_at": delivery.fetched_at,
                "outcome": delivery.outcome,
                "acknowledged_at": delivery.acknowledged_at,
                "due_at": progress.due.get(delivery.city),
                "overdue": delivery.city in progress.due and progress.due[delivery.city] <= progress.at,
            }
            for delivery in progress.deliveries
        ],
    }


def _status(delivery: Delivery) -> str:
    if delivery.outcome is not None:
        return "acknowledged"
    return "pending" if delivery.fetched_at is None else "fetched"


def _selection() -> tuple[Selection, float]:
    _check_parameters(PULL_PARAMETERS)
    kind, marking = (request.args.get(name) for name in ("kind", "marking"))
    if kind is not None and kind not in KIND_NAMES:
        raise Problem(Code.INVALID, "not the name of a kind", where="/kind")
    if marking is not None:
        marking = marking.replace(" ", "+")  # a plus that was not escaped arrives as a space
    if marking is not None and marking not in MARKINGS:
        raise Problem(Code.INVALID, "not a marking of TLP 2.0", where="/marking")
    sent = request.args.get("sent")
    if sent is not None and (sent != "true" or request.args.keys() & {"wait", "kind", "from", "marking"}):
        raise Problem(Code.INVALID, "is `true`, beside no parameters but after and limit", where="/sent")
    selection = Selection(
        cities=frozenset(),
        after=_number("after", -1, 2**62, -1),
        limit=_number("limit", 1, PAGE_RECORDS, PAGE_RECORDS),
        kind=kind,
        sender=_sender(),
        marking=marking,
        sent=sent is not None,
    )
    return selection, _number("wait", 0, WAIT_SECONDS, 0)


def _number(name: str, lowest: int, highest: int, default: int = 0) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not lowest <= int(text) <= highest:
        raise Problem(Code.INVALID, f"must be a whole number from {lowest} to {highest}", where=f"/{name}")
    return int(text)


def _check_parameters(known: frozenset[str]) -> None:
    """A parameter that is misspelt or given twice would otherwise pass for one that was not given."""
    for name, values in request.args.lists():
        if name not in known:
            raise Problem(Code.INVALID, f"the query parameters here are {', '.join(sorted(known)) or 'none'}")
        if len(values) > 1:
            raise Problem(Code.INVALID, "a query parameter is given once", where=f"/{name}")


def _asked(record_id: str, *parameters: str) -> Asked:
    _check_parameters(frozenset(parameters))
    revision = _number("revision", 1, 2**31 - 1) if "revision" in request.args else None
    return Asked(_id(record_id), _sender(), revision)


def _sender() -> str | None:
    sender = request.args.get("from")
    if sender is not None and not is_city(sender):
        raise Problem(Code.INVALID, "not a six-digit city code", where="/from")
    return sender


def _id(text: str) -> str:
    if not RECORD_ID.fullmatch(text):
        raise Problem(Code.NOT_FOUND, "no record of this id for this key")
    return text
