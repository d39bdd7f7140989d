"""For the operator's network: liveness, readiness, metrics. None of it names a record or a person."""

from __future__ import annotations

from flask import Blueprint, Response

from hub.clock import rfc3339
from hub.errors import Problem
from hub.node import Node
from hub.web import metrics
from hub.web.answering import json_answer


def operations_blueprint(node: Node) -> Blueprint:
    """The endpoints over `node`."""
    blueprint = Blueprint("operations", __name__)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return json_answer({"alive": True, "name": node.config.name})

    @blueprint.get("/readyz")
    def readyz() -> Response:
        try:
            health = node.health()
        except Problem as problem:
            return json_answer({"ready": False, "faults": [problem.detail]}, 503)
        return json_answer(
            {
                "ready": health.ready,
                "name": health.name,
                "log_entries": health.size,
                "trust_expires_at": rfc3339(health.trust_expires_at),
                "alerts_awaited": health.alerts.awaited,
                "alerts_overdue": health.alerts.overdue,
                "peers_cut_off": health.peers_cut_off,
                "peers_failing": health.peers_failing,
                "faults": health.faults,
            },
            200 if health.ready else 503,
        )

    @blueprint.get("/metrics")
    def exposition() -> Response:
        try:
            health = node.health()
            metrics.QUARANTINED.set(node.store.quarantined())
        except Problem:
            metrics.READY.set(0)
        else:
            metrics.READY.set(1 if health.ready else 0)
            metrics.LOG_SIZE.set(health.size)
            metrics.HALTED.set(1 if health.halted else 0)
            metrics.MISSING.set(health.missing)
            metrics.PEERS_CUT_OFF.set(health.peers_cut_off)
            metrics.PEERS_FAILING.set(health.peers_failing)
            metrics.ALERTS_AWAITED.set(health.alerts.awaited)
            metrics.ALERTS_OVERDUE.set(health.alerts.overdue)
            now = node.clock()
            metrics.TRUST_SECONDS.set((health.trust_expires_at - now).total_seconds())
            for role, expires_at in node.trust.role_expiries.items():
                metrics.TRUST_ROLE_SECONDS.labels(role).set((expires_at - now).total_seconds())
        return Response(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")

    return blueprint
