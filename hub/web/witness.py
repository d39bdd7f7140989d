"""`POST /witness/add-checkpoint`: what comes to the witness over HTTP, and within which bounds.

Anyone may ask, unsigned. So a body is read only up to what a request can be long, and only a few at a time: whoever
sends slowly keeps others from the witness and from nothing else. Answers are plain text, as C2SP has them.
"""

from __future__ import annotations

import threading
from typing import Final

from flask import Blueprint, Request, Response, g, request

from hub.errors import Code, Problem
from hub.node import Node
from hub.witness import PLAIN_TEXT, REQUEST_BYTES

BODIES: Final = 4
"""So many requests may be under way in a process at a time."""


def witness_blueprint(node: Node) -> Blueprint:
    """The endpoint over `node`."""
    blueprint = Blueprint("witness", __name__)
    places = threading.BoundedSemaphore(BODIES)

    @blueprint.post("/witness/add-checkpoint")
    def add_checkpoint() -> Response:
        if not places.acquire(blocking=False):
            return _refused(Problem(Code.TOO_MANY_REQUESTS, "the witness is busy", retry_after=2))
        try:
            answer = node.witness.add_checkpoint(_read(request), g.now)
        except Problem as problem:
            return _refused(problem)
        finally:
            places.release()
        return Response(answer.text, answer.status, content_type=answer.content_type)

    return blueprint


def _read(request: Request) -> bytes:
    """The body; of one that is too long no more than shows it is read, and nothing where it says so itself."""
    announced = request.content_length
    limit = REQUEST_BYTES + 1
    body = b""
    if announced is not None and announced < limit:
        limit = announced  # not every server ends the stream where the announced length ends (PEP 3333)
    if announced is None or announced <= REQUEST_BYTES:
        stream = request.environ["wsgi.input"]
        while len(body) < limit and (part := stream.read(limit - len(body))):
            body += part
    if len(body) > REQUEST_BYTES or (announced or 0) > REQUEST_BYTES:
        raise Problem(Code.TOO_LARGE, f"a request is at most {REQUEST_BYTES} bytes")
    return body


def _refused(problem: Problem) -> Response:
    g.problem = problem
    answer = Response(f"{problem.detail}\n", problem.meaning.status, content_type=PLAIN_TEXT)
    if problem.retry_after is not None:
        answer.headers["Retry-After"] = str(problem.retry_after)
    return answer
