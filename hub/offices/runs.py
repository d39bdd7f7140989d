"""A city's office at work: its sources read, its sinks fed; by hand or by the clock (APScheduler).

Each source and sink is a job of its own. What comes every so often is done at the start, too, for nobody knows how long
the process was away. What fails is told in a log line and comes again at its next time; what was missed while the
machine slept or others were at work is done once, unless it is later than its `misfire` allows.
"""

from __future__ import annotations

import functools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from traceback import extract_tb
from typing import Any, Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from hub.errors import Code, Problem
from hub.offices.dispatch import Dispatch, SinkReport
from hub.offices.intake import Intake, UnitReport
from hub.offices.office import open_office
from hub.offices.settings import OfficeSettings, Schedule, SinkSettings, SourceSettings, crontab, scheduled
from hub.sheet import LOCAL_TIME

OFFICES: Final = "offices"
"""The executor of their jobs: what the node itself does by the clock never waits for them."""
logger = structlog.get_logger(__name__)


def run(
    settings: OfficeSettings,
    places: Sequence[SourceSettings | SinkSettings],
    environment: Mapping[str, str],
    clock: Callable[[], datetime],
    *,
    again: bool = False,
) -> Iterator[UnitReport | SinkReport]:
    """Work off sources and sinks of one city, in order; a report for each unit and sink.

    Raises: Problem where a place, the node or the database cannot be reached, or the settings do not fit.
    """
    with open_office(settings, environment, clock) as office:
        for place in places:
            if isinstance(place, SourceSettings):
                yield from Intake(office).run(place, again=again)
            else:
                yield Dispatch(office).run(place)


def add_jobs(
    scheduler: BaseScheduler,
    offices: Sequence[OfficeSettings],
    environment: Mapping[str, str],
    clock: Callable[[], datetime],
    may: Callable[[], bool] = lambda: True,
) -> None:
    """Give a scheduler a job for each source and sink that has a schedule; `may` says whether this process works."""
    clocked = scheduled(offices)
    if not clocked:
        return
    # A city's jobs wait for each other: none of them may take another city's place.
    scheduler.add_executor(ThreadPoolExecutor(len(clocked)), OFFICES)
    at_work: dict[str, threading.Lock] = defaultdict(threading.Lock)
    for office, place in clocked:
        assert place.schedule is not None
        name = f"{office.city}/{place.access.name}"
        job = functools.partial(_work, office, place, environment, clock, at_work[office.city])
        scheduler.add_job(
            functools.partial(_if, may, job),
            _trigger(place.schedule),
            id=name,
            name=name,
            executor=OFFICES,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=place.schedule.misfire_seconds,
            **({} if place.schedule.every_seconds is None else {"next_run_time": clock()}),
        )


def _if(may: Callable[[], bool], job: Callable[[], None]) -> None:
    if may():
        job()


def _trigger(schedule: Schedule) -> Any:
    if schedule.every_seconds is not None:
        return IntervalTrigger(
            seconds=schedule.every_seconds, jitter=schedule.jitter_seconds or None, timezone=LOCAL_TIME
        )
    assert schedule.cron is not None
    trigger = CronTrigger.from_crontab(crontab(schedule.cron), timezone=LOCAL_TIME)
    trigger.jitter = schedule.jitter_seconds or None
    return trigger


def _work(
    office: OfficeSettings,
    place: SourceSettings | SinkSettings,
    environment: Mapping[str, str],
    clock: Callable[[], datetime],
    at_work: threading.Lock,
) -> None:
    """One job of the clock; nothing that goes wrong ends the scheduler."""
    with at_work:
        try:
            for report in run(office, (place,), environment, clock):
                if isinstance(report, UnitReport) and report.problem is not None:
                    _failed(office, place, report.problem)
        except Problem as problem:
            _failed(office, place, problem)
        except Exception as error:
            # Without its message, which may quote a cell.
            logger.error(
                "job_failed",
                city=office.city,
                place=place.access.name,
                error=type(error).__name__,
                at=[f"{frame.filename}:{frame.lineno}" for frame in extract_tb(error.__traceback__)],
            )


def _failed(office: OfficeSettings, place: SourceSettings | SinkSettings, problem: Problem) -> None:
    level = logger.warning if problem.code is Code.BUSY else logger.error
    level(
        "job_failed",
        city=office.city,
        place=place.access.name,
        code=str(problem.code),
        detail=problem.detail,
        next=problem.next_step("zh"),
    )
