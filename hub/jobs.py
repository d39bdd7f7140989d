"""What the clock asks (APScheduler), in a process of its own: `hub jobs`, which `hub run` keeps beside the web workers.

1. Every job may run twice or be missed without harm: each takes what is due when it runs.
2. On several hosts one process works: it holds a lease in the database, and the others stand by. The memory of the
   newest checkpoint alone is every host's own.
3. What fails is told in a log line, and comes again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog
from apscheduler.schedulers.blocking import BlockingScheduler

from hub.clock import rfc3339, utc_now
from hub.errors import Problem
from hub.federation.asking import take_up
from hub.federation.neighbourhood import Neighbourhood, is_gone, this_process
from hub.federation.watch import Watch
from hub.node import Node
from hub.offices.settings import OfficeSettings, scheduled
from hub.process import settle
from hub.sheet import LOCAL_TIME
from hub.store import Job

FORGET_SECONDS: Final = 60
REMEMBER_SECONDS: Final = 5
PRUNE_SECONDS: Final = 60
FORGET_AT_ONCE: Final = 500
LEASE: Final = "jobs"
LEASE_SECONDS: Final = 15
RENEW_SECONDS: Final = 3
logger = structlog.get_logger(__name__)


class Lease:
    """Whether this process is the one that works; asked for again every few seconds."""

    def __init__(self, node: Node, holder: str) -> None:
        self._node = node
        self._holder = holder
        self.held = False

    def renew(self) -> None:
        """Take or prolong the lease. Raises: Problem `busy` where the database does not answer: then it is not held."""
        now = self._node.clock()
        until = rfc3339(now + timedelta(seconds=LEASE_SECONDS))
        before, self.held = self.held, False
        job = Job(
            lambda transaction: transaction.neighbours.lease(
                LEASE, self._holder, rfc3339(now), until, is_gone
            )
        )
        self.held = self._node.store.write(job).result
        if self.held != before:
            logger.info("lease", held=self.held)

    def release(self) -> None:
        """Let another process work at once."""
        if self.held:
            self.held = False
            self._node.store.write(
                Job(lambda transaction: transaction.neighbours.release(LEASE, self._holder))
            )


def run_node(node: Node, offices: Sequence[OfficeSettings]) -> None:
    """Work by the clock for a node, and for the offices beside it, until a signal ends it.

    Raises: Problem `conflict` where its log has gone back.
    """
    take_up(node)
    holder = this_process(os.getpid(), secrets.token_hex(4))
    lease = Lease(node, holder)
    neighbourhood = Neighbourhood(node, holder)
    watch = Watch(node, neighbourhood, lambda: lease.held)
    scheduler = schedule(node, lease, watch)
    _add_offices(scheduler, offices, node.clock, lambda: lease.held)
    settle()
    try:
        scheduler.start()
    except (KeyboardInterrupt, SystemExit):
        scheduler.shutdown(wait=False)
    finally:
        watch.close()
        with _told("lease"):
            lease.release()
        neighbourhood.close()
        node.close()


def schedule(node: Node, lease: Lease, watch: Watch) -> BlockingScheduler:
    """The scheduler with a node's own jobs, not started."""
    scheduler = _scheduler()

    def every(seconds: float, name: str, work: Callable[[], None], *, alone: bool = True) -> None:
        def job() -> None:
            if lease.held or not alone:
                with _told(name):
                    work()

        scheduler.add_job(job, "interval", seconds=seconds, id=name, next_run_time=node.clock())

    every(RENEW_SECONDS, "lease", lease.renew, alone=False)
    every(REMEMBER_SECONDS, "remember", lambda: remember(node), alone=False)
    every(FORGET_SECONDS, "forget", lambda: forget(node))
    every(PRUNE_SECONDS, "prune", lambda: prune(node))
    every(node.config.sync_seconds, "peers", watch.tick)
    return scheduler


def run_offices(offices: Sequence[OfficeSettings]) -> None:
    """Work by the clock for offices of cities that host no node, until a signal ends it."""
    scheduler = _scheduler()
    _add_offices(scheduler, offices, utc_now, lambda: True)
    try:
        scheduler.start()
    except (KeyboardInterrupt, SystemExit):
        scheduler.shutdown(wait=False)


def forget(node: Node) -> None:
    """Erase every record whose time is over."""
    with _told("forget"):
        while node.exchange.forget(node.clock(), FORGET_AT_ONCE) == FORGET_AT_ONCE:
            pass


def prune(node: Node) -> None:
    """Drop nonces that no request can use any more."""
    with _told("prune"):
        node.exchange.prune(node.clock())


def remember(node: Node) -> None:
    """Keep the newest checkpoint outside the database."""
    with _told("remember"):
        node.remember()


def _add_offices(
    scheduler: BlockingScheduler,
    offices: Sequence[OfficeSettings],
    clock: Callable[[], datetime],
    may: Callable[[], bool],
) -> None:
    if not scheduled(offices):
        return
    # Loaded only where it is needed: formats and places cost a process some thirty megabytes.
    from hub.offices import runs  # noqa: PLC0415

    runs.add_jobs(scheduler, offices, os.environ, clock, may)


def _scheduler() -> BlockingScheduler:
    return BlockingScheduler(
        timezone=LOCAL_TIME, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What fails is a log line."""
    try:
        yield
    except Problem as problem:
        logger.error("job_failed", job=name, code=str(problem.code), detail=problem.detail)
    except OSError as error:
        logger.error("job_failed", job=name, error=type(error).__name__)
