"""The clock takes exports up by itself, survives what fails, and ends with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from town import ORDOS, Desk, Town, a_town, a_town_lab, case
from waiting import until

from hub.errors import Code, Problem
from hub.lab.building import free_port
from hub.offices import runs
from hub.offices.settings import read_offices
from hub.serving import SUPERVISOR_VARIABLE
from hub.sheet import LOCAL_TIME

__all__ = ["a_town", "a_town_lab"]

DEADLINE = 30.0
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday, 20:00 in Shanghai


@pytest.fixture
def desk(town: Town) -> Desk:
    return town.desk()


def jobs(desk: Desk) -> dict[str, Any]:
    scheduler = BackgroundScheduler(timezone=LOCAL_TIME)
    runs.add_jobs(scheduler, read_offices(desk.config), {}, lambda: NOW)
    return {job.id: job for job, _, _ in scheduler._pending_jobs}


def test_each_place_with_a_schedule_is_a_job_with_its_jitter_and_misfire_rules(desk: Desk) -> None:
    desk.set(
        source={"every": '"10m"', "jitter": "7", "misfire": "90"},
        sink={"cron": '"30 2 * * *"', "jitter": "0", "misfire": "600"},
    )
    found = jobs(desk)
    source, sink = found[f"{ORDOS}/export"], found[f"{ORDOS}/arrivals"]
    assert isinstance(source.trigger, IntervalTrigger)
    assert isinstance(sink.trigger, CronTrigger)
    assert (source.trigger.interval, source.trigger.jitter, source.misfire_grace_time) == (
        timedelta(minutes=10), 7, 90,
    )  # fmt: skip
    assert (sink.trigger.jitter, sink.misfire_grace_time) == (None, 600)
    assert all(job.coalesce and job.max_instances == 1 for job in found.values())
    assert sink.trigger.get_next_fire_time(None, NOW).isoformat() == "2026-11-21T02:30:00+08:00"


def test_what_comes_every_so_often_is_done_at_the_start_and_what_has_its_hour_is_not(desk: Desk) -> None:
    desk.set(source={"every": '"1d"'}, sink={"cron": '"30 2 * * *"'})
    found = jobs(desk)
    assert found[f"{ORDOS}/export"].next_run_time == NOW
    assert not hasattr(found[f"{ORDOS}/arrivals"], "next_run_time")


@pytest.mark.parametrize(
    ("line", "day"), [("0 1 * * 1", 23), ("0 1 * * 0", 22), ("0 1 * * 7", 22), ("0 1 * * 6", 21)]
)
def test_a_weekday_is_the_one_that_crontab_means(desk: Desk, line: str, day: int) -> None:
    desk.set(source={"cron": f'"{line}"', "jitter": "0"})
    (job,) = jobs(desk).values()
    assert job.trigger.get_next_fire_time(None, NOW).day == day


def test_places_without_a_schedule_are_no_jobs(desk: Desk) -> None:
    assert jobs(desk) == {}


def work(desk: Desk) -> None:
    """The source's job, done once in this process."""
    (job,) = jobs(desk).values()
    job.func()


def lines_of(desk: Desk) -> list[MutableMapping[str, Any]]:
    """The log lines of the source's job."""
    with structlog.testing.capture_logs() as logs:
        work(desk)
    return logs


def test_a_source_that_fails_is_a_log_line_with_what_to_do(desk: Desk) -> None:
    desk.set(source={"every": '"1m"', "url": '"nowhere"'})
    (line,) = [each for each in lines_of(desk) if each["event"] == "job_failed"]
    assert (line["city"], line["place"], line["log_level"]) == (ORDOS, "export", "error")
    assert line["detail"]
    assert line["next"]


def test_a_run_that_finds_another_at_work_is_no_error(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> Iterator[Any]:
        raise Problem(Code.BUSY, "another run is at work")

    monkeypatch.setattr(runs, "run", busy)
    desk.set(source={"every": '"1m"'})
    (line,) = lines_of(desk)
    assert line["log_level"] == "warning"


def test_a_mistake_of_our_own_ends_no_clock_and_tells_no_cell(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Iterator[Any]:
        raise ValueError("could not convert string to float: '张某13900000077'")

    monkeypatch.setattr(runs, "run", broken)
    desk.set(source={"every": '"1m"'})
    (line,) = lines_of(desk)
    assert (line["event"], line["error"]) == ("job_failed", "ValueError")
    assert any("test_runs.py:" in place for place in line["at"])
    assert "张某" not in str(line)


# -- as processes ------------------------------------------------------------------------------------


def environment(**changed: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return {**kept, "HUB_LANG": "en", **changed}


@contextmanager
def watching(desk: Desk, **changed: str) -> Iterator[subprocess.Popen[bytes]]:
    """`hub jobs` in a process of its own."""
    with (desk.folder / "watch.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub", "jobs", "--config", str(desk.config)],
            stdout=log, stderr=log, env=environment(**changed),
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_file_dropped_in_is_taken_while_another_source_fails(desk: Desk) -> None:
    desk.set(source={"every": '"1s"', "jitter": "0"})
    broken = '[[adapters.in]]\nname = "broken"\nurl = "nowhere"\nevery = "1s"\njitter = 0\n'
    desk.config.write_text(desk.config.read_text(encoding="utf-8") + broken, encoding="utf-8")
    log = desk.folder / "watch.log"
    with watching(desk) as process:
        until(lambda: b"job_failed" in log.read_bytes(), DEADLINE)
        desk.lay([case("1", 申请人="张某甲")])
        until(lambda: desk.counts("1") == [1], DEADLINE)
        desk.lay([case("1", 申请人="张某甲"), case("2")])
        until(lambda: desk.counts("1", "2") == [1, 1], DEADLINE)
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    assert "张某" not in log.read_text(encoding="utf-8")
    assert desk.counts("1", "2") == [1, 1]


def test_the_clock_ends_with_the_process_that_started_it(desk: Desk) -> None:
    desk.set(source={"every": '"1h"'})
    starter = (
        "import os, subprocess, sys, time\n"
        f"os.environ[{SUPERVISOR_VARIABLE!r}] = str(os.getpid())\n"
        "child = subprocess.Popen([sys.executable, '-m', 'hub', 'jobs', '--config', sys.argv[1]])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    desk.lay([case("1")])
    with subprocess.Popen(
        [sys.executable, "-c", starter, str(desk.config)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        until(lambda: desk.counts("1") == [1], DEADLINE)
        process.kill()
    until(lambda: not _lives(pid), DEADLINE)


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_clock_without_a_schedule_says_what_is_missing(desk: Desk) -> None:
    with watching(desk) as process:
        assert process.wait(DEADLINE) == 1
    assert "no source and no sink has a schedule" in (desk.folder / "watch.log").read_text(encoding="utf-8")


def test_a_node_starts_its_clock_starts_it_again_and_ends_it(town: Town, tmp_path: Path) -> None:
    """`hub run` beside whose node a source has a schedule: one pid to end them all."""
    home = tmp_path / "lab" / "nodes" / town.world.node.config.name
    config = home / "hub.toml"
    port = free_port()
    words = config.read_text(encoding="utf-8").replace('# every = "1m"', 'every = "1s"\n  jitter = 0')
    config.write_text(words.replace(f":{town.world.node.config.port}", f":{port}"), encoding="utf-8")
    log = (home / "serve.log").open("wb")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-m", "hub", "run", "--config", str(config)],
            stdout=log,
            stderr=log,
            env=environment(),
        ) as process,
    ):
        try:
            until(lambda: _clocks(process.pid), DEADLINE)
            (first,) = _clocks(process.pid)
            first.kill()
            until(lambda: any(each.pid != first.pid for each in _clocks(process.pid)), DEADLINE)
            (second,) = _clocks(process.pid)
        finally:
            process.terminate()
            process.wait(DEADLINE)
    until(lambda: not _lives(second.pid), DEADLINE)


def _clocks(pid: int) -> list[psutil.Process]:
    """The children of a node that go by the clock."""
    found = []
    for child in psutil.Process(pid).children():
        try:
            if "jobs" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found
