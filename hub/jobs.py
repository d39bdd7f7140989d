"""What the clock asks of a node (APScheduler): forgetting what is due, and nonces that are stale.

Every job may run twice or be missed without harm: each takes what is due when it runs.
"""

from __future__ import annotations

from typing import Final

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from hub.errors import Problem
from hub.node import Node

FORGET_SECONDS: Final = 60
REMEMBER_SECONDS: Final = 5
PRUNE_SECONDS: Final = 60
FORGET_AT_ONCE: Final = 500
logger = structlog.get_logger(__name__)


def schedule(node: Node) -> BackgroundScheduler:
    """The scheduler with a node's jobs, not started."""
    scheduler = BackgroundScheduler(
        timezone="Asia/Shanghai",
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    scheduler.add_job(lambda: forget(node), "interval", seconds=FORGET_SECONDS, jitter=10, id="forget")
    scheduler.add_job(lambda: prune(node), "interval", seconds=PRUNE_SECONDS, jitter=10, id="prune")
    scheduler.add_job(lambda: remember(node), "interval", seconds=REMEMBER_SECONDS, id="remember")
    return scheduler


def forget(node: Node) -> None:
    """Erase every record whose time is over."""
    try:
        while node.exchange.forget(node.clock(), FORGET_AT_ONCE) == FORGET_AT_ONCE:
            pass
    except Problem as problem:
        logger.error("job_failed", job="forget", code=str(problem.code), detail=problem.detail)


def prune(node: Node) -> None:
    """Drop nonces that no request can use any more."""
    try:
        node.exchange.prune(node.clock())
    except Problem as problem:
        logger.error("job_failed", job="prune", code=str(problem.code), detail=problem.detail)


def remember(node: Node) -> None:
    """Keep the newest checkpoint outside the database."""
    try:
        node.remember()
    except (Problem, OSError) as error:
        logger.error("job_failed", job="remember", error=type(error).__name__)
