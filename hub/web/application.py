"""The Flask application over one node: what happens around every request.

Before: an id and the time, read once. After: compressed where asked, signed under `/v1` (errors included) and
wherever the request was signed, counted, and logged in one line that holds ids and codes and nothing else.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime

import structlog
from flask import Flask, Request, Response, g, request

from hub.errors import Code, Problem
from hub.node import Node
from hub.web import answering, arriving, metrics
from hub.web.operations import operations_blueprint
from hub.web.public import public_blueprint
from hub.web.records import records_blueprint
from hub.web.witness import witness_blueprint

logger = structlog.get_logger("hub.web")


def create_application(node: Node) -> Flask:
    """The application that serves `node`."""
    application = Flask(__name__, static_folder=None)
    application.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    application.url_map.merge_slashes = False  # an address is signed as it is; none leads to another
    application.register_blueprint(records_blueprint(node))
    application.register_blueprint(public_blueprint(node))
    application.register_blueprint(operations_blueprint(node))
    application.register_blueprint(witness_blueprint(node))

    @application.before_request
    def begin() -> None:
        g.now = node.clock()
        g.started = time.perf_counter()
        g.request_id = uuid.uuid4().hex
        g.caller = None
        g.problem = None
        # HEAD would count as served what nobody received; a doubled slash would pass a gateway's rules by.
        pulled_unseen = request.method == "HEAD" and request.path.startswith("/v1/records")
        if pulled_unseen or request.environ.get("PATH_INFO", "").startswith("//"):
            raise Problem(Code.NOT_FOUND, "there is nothing at this address for this method")

    @application.errorhandler(Exception)
    def refuse(error: Exception) -> Response:
        problem = answering.as_problem(error)
        if problem is None:
            logger.exception("failed", request_id=g.request_id)
            problem = Problem(Code.INTERNAL, f"request {g.request_id}")
        g.problem = problem
        return answering.problem_answer(problem, request)

    @application.after_request
    def finish(answer: Response) -> Response:
        answer.headers["X-Request-Id"] = g.request_id
        answering.compress(request, answer)
        if request.path.startswith("/v1/") or "Signature-Input" in request.headers:
            # A HEAD request was refused before its signature was looked at.
            asked = request.blueprint == "records" and request.method != "HEAD"
            bound = asked or g.caller is not None or _known(request, node, g.now)
            answering.sign(request, answer, node.key, node.clock(), bound=bound)
        endpoint = request.endpoint or "none"
        seconds = time.perf_counter() - g.started
        metrics.REQUESTS.labels(endpoint, answer.status_code).inc()
        if "wait" not in request.args:
            metrics.SECONDS.labels(endpoint).observe(seconds)
        logger.info(
            "request",
            request_id=g.request_id,
            endpoint=endpoint,
            status=answer.status_code,
            problem=None if g.problem is None else str(g.problem.code),
            kid=None if g.caller is None else g.caller.kid,
            ms=round(seconds * 1000, 1),
        )
        return answer

    return application


def _known(request: Request, node: Node, now: datetime) -> bool:
    """Whether the signature that came with a request is its own.

    The signed endpoints have asked that already. An answer that anyone may have is bound to a signature only if it was
    made for this very request: a stranger must not get an answer bound to one that he copied from another's.
    """
    if "Signature-Input" not in request.headers:
        return False
    try:
        arriving.authenticate(request, node, now)
    except Problem:
        return False
    return True
