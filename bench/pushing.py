"""Pushing records at a node in batches, with the clock running: what `ingest` and `pull` measure alike."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from bench.load import Answer, Run, drive, in_order
from bench.records import Prepared, push_request
from bench.sandbox import SENDER, Sandbox
from hub.errors import Code, Problem
from keys import message_signature
from keys.suite import VerifyKey
from keys.trust_list import Node

BATCH: Final = 500
CONNECTIONS: Final = 8
"""Half of them to each of two workers: one is judged while another is written."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A round: how fast, what became of each record (id to index), and the run behind it."""

    per_second: float
    indexes: dict[str, int]
    run: Run


def push_round(sandbox: Sandbox, peers: Sequence[socket.socket], records: Sequence[Prepared]) -> Pushed:
    """Push all of `records`; every answer must be signed by the node and accept its whole batch."""
    key = sandbox.key(SENDER)
    requests = [
        push_request(sandbox.url, records[start : start + BATCH], key)
        for start in range(0, len(records), BATCH)
    ]
    run = drive(peers, in_order(requests), within=600).whole()
    indexes: dict[str, int] = {}
    for answer in run.answers:
        outcomes = open_answer(sandbox, answer)["outcomes"]
        indexes.update({each["id"]: each["index"] for each in outcomes if each["status"] == "accepted"})
    if indexes.keys() != {each.id for each in records}:
        raise RuntimeError(f"{len(indexes)} of {len(records)} records were accepted")
    return Pushed(len(records) / run.seconds, indexes, run)


def open_answer(sandbox: Sandbox, answer: Answer) -> Any:
    """What a signed answer says. Raises: Problem where the node did not sign it; RuntimeError unless 200."""
    node = sandbox.trust.nodes[sandbox.name]
    message_signature.verify_response(
        answer.status, answer.fields, answer.body, answer.request.fields, lambda kid: _node_key(node, kid)
    )
    if answer.status != 200:
        raise RuntimeError(f"the node answered {answer.status}: {answer.body[:300]!r}")
    return orjson.loads(answer.body)


def _node_key(node: Node, kid: str) -> VerifyKey:
    for key in node.keys:
        if key.kid == kid:
            return key.verify_key
    raise Problem(Code.UNKNOWN_KEY, "the answer is signed by another key than the node's")
