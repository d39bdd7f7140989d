"""What anyone may read: the log's checkpoint and tiles, the trust repository, schemas and documents."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, Response, send_from_directory

from hub.errors import Code, Problem
from hub.log.tile import parse_path
from hub.node import Node
from hub.web.answering import json_answer, text_answer
from hub.web.documents import docs_page, problem_page
from schemas.json_schema import json_schema
from schemas.limits import TILE_WIDTH
from schemas.publish import openapi as openapi_document

TRUST_FILE: Final = re.compile(r"(targets/)?[0-9A-Za-z][0-9A-Za-z._-]{0,160}\.json")
FULL_TILE_SECONDS: Final = 365 * 24 * 3600


def public_blueprint(node: Node) -> Blueprint:
    """The endpoints over `node`."""
    blueprint = Blueprint("public", __name__, template_folder="templates")

    @blueprint.get("/log/checkpoint")
    def checkpoint() -> Response:
        answer = text_answer(node.exchange.checkpoint())
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @blueprint.get("/log/tile/<int:level>/<path:number>")
    def tile(level: int, number: str) -> Response:
        wanted = parse_path(f"tile/{level}/{number}")
        hashes = node.exchange.tile(wanted.level, wanted.number, wanted.width)
        answer = Response(hashes, mimetype="application/octet-stream")
        if wanted.width == TILE_WIDTH:
            answer.headers["Cache-Control"] = f"public, max-age={FULL_TILE_SECONDS}, immutable"
        return answer

    @blueprint.get("/trust/<path:name>")
    def trust(name: str) -> Response:
        if not TRUST_FILE.fullmatch(name):
            raise Problem(Code.NOT_FOUND, "the trust repository has no such file")
        return send_from_directory(node.config.trust.resolve(), name, mimetype="application/json")

    @blueprint.get("/v1/schemas/<name>/<int:version>")
    def schema(name: str, version: int) -> Response:
        answer = json_answer(json_schema(name, version))
        answer.mimetype = "application/schema+json"
        return answer

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return json_answer(openapi_document(node.config.url))

    @blueprint.get("/problems/<name>")
    def problem(name: str) -> Response:
        if name not in list(Code):
            raise Problem(Code.NOT_FOUND, "there is no problem of this name")
        return problem_page(node.config.name, Code(name))

    @blueprint.get("/docs")
    def docs() -> Response:
        return docs_page(node.config.name, node.config.url)

    return blueprint
