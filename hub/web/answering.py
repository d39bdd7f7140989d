"""How an answer is written: one writer for results, one for problems, and one place that signs."""

from __future__ import annotations

import gzip
from datetime import datetime
from typing import Any, Final

import orjson
from flask import Request, Response
from werkzeug.exceptions import HTTPException

from hub.errors import Code, Problem
from hub.web.arriving import header_fields
from keys import message_signature
from keys.suite import SigningKey

PROBLEM_TYPE: Final = "application/problem+json"
LANGUAGES_LENGTH: Final = 1000
"""A longer Accept-Language is not looked at."""
COMPRESS_FROM: Final = 1024
"""Answers shorter than this many bytes are sent as they are."""


def json_answer(value: Any, status: int = 200) -> Response:
    """A result."""
    return Response(orjson.dumps(value), status, mimetype="application/json")


def text_answer(text: str) -> Response:
    """A note, a proof: text for programs."""
    return Response(text, mimetype="text/plain")


def problem_answer(problem: Problem, request: Request) -> Response:
    """A refusal (RFC 9457), its title in the reader's language."""
    answer = Response(
        orjson.dumps(problem.to_dict(language(request))), problem.meaning.status, mimetype=PROBLEM_TYPE
    )
    if problem.retry_after is not None:
        answer.headers["Retry-After"] = str(problem.retry_after)
    return answer


def language(request: Request) -> str:
    """`zh` or `en`, as the reader prefers; Chinese where nothing is said."""
    if len(request.headers.get("Accept-Language", "")) > LANGUAGES_LENGTH:
        return "zh"
    for asked, _quality in request.accept_languages:
        spoken = asked.partition("-")[0].lower()
        if spoken in ("zh", "en"):
            return spoken
    return "zh"


def as_problem(error: Exception) -> Problem | None:
    """What an exception is called on the wire; None for one that nobody foresaw."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        if error.code in (404, 405):
            return Problem(Code.NOT_FOUND, "there is nothing at this address for this method")
        if error.code == 413:
            return Problem(Code.TOO_LARGE, "the request is larger than the limit")
        if error.code is None or error.code >= 500:
            return None
        return Problem(Code.MALFORMED, "the request cannot be read")
    return None


def compress(request: Request, answer: Response) -> None:
    """Compress an answer for those who ask for it."""
    if not request.accept_encodings["gzip"] or answer.is_streamed:
        return
    body = answer.get_data()
    if len(body) >= COMPRESS_FROM:
        answer.set_data(gzip.compress(body, compresslevel=1, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
        answer.vary.add("Accept-Encoding")


def sign(request: Request, answer: Response, key: SigningKey, now: datetime, *, bound: bool) -> None:
    """Sign an answer as it will be sent, `bound` to its request's signature (the wire contract, section 3)."""
    answer.direct_passthrough = False  # a file, too, is read before it is signed
    try:
        signed = message_signature.sign_response(
            answer.status_code, answer.get_data(), header_fields(request) if bound else {}, key, now=now
        )
    except Problem:
        # The request's own signature fields are beyond reading: the answer is signed unbound.
        signed = message_signature.sign_response(answer.status_code, answer.get_data(), {}, key, now=now)
    answer.headers.update(signed)
