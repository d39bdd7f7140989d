"""Records and signed requests, made before any clock starts: what they cost is not the node's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from hub.clock import utc_now
from keys import message_signature, record_signature
from keys.key import base64url
from keys.suite import SigningKey
from schemas import record

_ID: Final = "00000000-0000-7000-8000-000000000000"
_SALT: Final = base64url(bytes(16))

ALERT: Final[Mapping[str, Any]] = {
    "identifier": "61080041600000_20261121083000",
    "status": "exercise",
    "message_type": "alert",
    "references": [],
    "category": ["security"],
    "event": "可疑车辆协查",
    "response_types": ["monitor", "prepare"],
    "urgency": "immediate",
    "severity": "severe",
    "certainty": "likely",
    "effective": "2026-11-21T08:30:00+08:00",
    "onset": None,
    "expires": "2026-11-22T08:30:00+08:00",
    "headline": "演练:毗邻检查站加强查控",
    "description": "演练信息。",
    "instruction": "各检查站按预案查控并反馈。",
    "areas": [
        {"description": "府谷县、准格尔旗", "geocodes": ["610822", "150622"], "polygon": None, "circle": None}
    ],
    "colour": "orange",
    "duty_office": "榆林市公安局指挥中心",
    "duty_phone": "0912-0000000",
    "acknowledge_within": 15,
}
"""The worked example of an alert, every field of it."""
LEAD: Final[Mapping[str, Any]] = {
    "matter": "water",
    "reach": "黄河干流府谷段",
    "division": "610822",
    "place": {"longitude": 111.09, "latitude": 39.01, "description": "入河排污口下游约二百米"},
    "found_on": "2026-11-05",
    "finding": "排污口水体发黑，疑似未经处理直排。",
    "evidence": [{"name": "现场照片01.jpg", "sha256": "0f" * 32}],
    "offices": ["府谷县人民检察院", "准格尔旗人民检察院"],
    "state": "accepted",
}
"""A lead on pollution: what travels beside alerts."""
BODIES: Final[Mapping[str, Mapping[str, Any]]] = {"alert": ALERT, "ecology_lead": LEAD}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record ready to be pushed."""

    id: str
    kind: str
    digest: str
    jws: str


@dataclass(frozen=True, slots=True)
class Source:
    """A city's system that sends alerts and leads."""

    city: str
    agreement: str
    key: SigningKey

    def prepare(self, count: int, recipients: Sequence[str], kind: str = "alert") -> list[Prepared]:
        """`count` records of a kind, each with its own id and salt and each to one of `recipients` in turn.

        The first of each recipient goes through the schema; the others differ from it in id and salt alone.
        """
        now = utc_now()
        templates = [self._template(kind, recipient, now) for recipient in recipients]
        prepared = []
        for place in range(count):
            record_id = record.new_id(now, os.urandom(10))
            payload = templates[place % len(templates)].replace(_ID.encode(), record_id.encode())
            payload = payload.replace(_SALT.encode(), base64url(os.urandom(16)).encode())
            jws = record_signature.sign(payload, self.key)
            prepared.append(Prepared(record_id, kind, hashlib.sha256(jws.encode()).hexdigest(), jws))
        return prepared

    def _template(self, kind: str, recipient: str, now: datetime) -> bytes:
        return record.dump(
            {
                "id": _ID,
                "kind": kind,
                "version": 1,
                "revision": 1,
                "previous": None,
                "from": self.city,
                "to": [recipient],
                "issued_at": now.isoformat(timespec="seconds"),
                "expires_at": None,
                "marking": "amber",
                "agreement": self.agreement,
                "subject": None,
                "withdrawn": None,
                "salt": _SALT,
                "body": dict(BODIES[kind]),
                "sealed": None,
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A request as it goes over the wire, and the header fields that its answer is bound to."""

    wire: bytes
    fields: Mapping[str, str]


def push_request(url: str, records: Sequence[Prepared], key: SigningKey) -> Request:
    body = orjson.dumps({"records": [each.jws for each in records]})
    return signed_request("POST", url, "/v1/records", body, key)


def pull_request(url: str, query: str, key: SigningKey, *, compressed: bool = False) -> Request:
    return signed_request("GET", url, f"/v1/records?{query}", None, key, compressed=compressed)


def signed_request(
    method: str, url: str, path: str, body: bytes | None, key: SigningKey, *, compressed: bool = False
) -> Request:
    """A signed HTTP/1.1 request to the node at `url`; it must be sent within 300 s."""
    fields = message_signature.sign_request(
        method, url + path, body, key, now=utc_now(), nonce=os.urandom(16)
    )
    sent = {"Host": url.removeprefix("http://"), "Accept-Language": "en", **fields}
    if compressed:
        sent["Accept-Encoding"] = "gzip"
    if body is not None:
        sent |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return Request(head.encode() + b"\r\n" + (body or b""), fields)
