"""A run killed anywhere, a memory lost, two runs at once: every row is one record with a whole chain of revisions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from partner import open_world
from town import ORDOS, YULIN, Desk, Fate, Killed, Town, a_town, a_town_lab, case, finding, make_lab, served
from waiting import until

from adapters import cities
from hub.client import Client
from hub.errors import Code, Problem
from hub.offices import intake

__all__ = ["a_town", "a_town_lab"]

BEFORE = [case("1"), case("2"), case("3"), case("bad", 状态="?")]
AFTER = [case("1"), case("2", 摘要="已到现场"), case("4"), case("5"), case("bad", 状态="?")]
FORMS = (YULIN, ORDOS, "141100", "140900", "640100", "621000")
"""Cities whose exports are JSON, CSV, XML, a workbook, CAP with iCalendar, and a zip."""
FINDINGS_BEFORE = [finding("1"), finding("2")]
FINDINGS_AFTER = [finding("1", 隐患="护栏损坏")]


@pytest.fixture
def desk(town: Town) -> Desk:
    return town.desk()


@pytest.fixture
def fate(town: Town, monkeypatch: pytest.MonkeyPatch) -> Fate:
    town.fate.take_hold(monkeypatch)
    return town.fate


def lay(desk: Desk, cases: list[dict[str, str]], findings: list[dict[str, str]]) -> None:
    desk.lay(cases, "cases.csv")
    desk.lay(findings, "findings.csv")


def everything_is_there_once(desk: Desk) -> None:
    assert desk.counts("1", "2", "3", "4", "5") == [1, 2, 1, 1, 1]
    assert desk.counts("1", "2", table="排查") == [2, 2]
    assert desk.revisions("2", "排查")[-1].record.withdrawn is not None
    assert [entry.number for entry in desk.entries()] == ["bad"]
    assert desk.said("2")["summary"] == "已到现场"
    records = [arrival.record for arrival in desk.town.pulled(YULIN)]
    assert len({record.id for record in records}) == 7
    assert len(records) == 10


def test_a_run_killed_at_any_step_is_repeated_without_a_second_record(
    desk: Desk, town: Town, fate: Fate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step after step of one history: each next run dies one step later than the one before it."""
    monkeypatch.setattr(intake, "AT_ONCE", 2)
    for cases, findings in ((BEFORE, FINDINGS_BEFORE), (AFTER, FINDINGS_AFTER)):
        lay(desk, cases, findings)
        step = 0
        while True:
            fate.die_at(step)
            try:
                desk.take()
                break
            except Killed:
                step += 1
        assert step > 10
    everything_is_there_once(desk)


@pytest.mark.parametrize("first", (0, 2, 5, 7))
def test_a_run_killed_twice_is_repeated_without_a_second_record(desk: Desk, fate: Fate, first: int) -> None:
    """The first run is killed late, the one that resumes it early, at what it does to resume."""
    lay(desk, BEFORE, FINDINGS_BEFORE)
    desk.take()
    lay(desk, AFTER, FINDINGS_AFTER)
    for step in (first * 2, first % 4, first):
        fate.die_at(step)
        with pytest.raises(Killed):
            desk.take()
    fate.die_at(-1)
    desk.take()
    everything_is_there_once(desk)


class _Lost(Exception):
    """An answer that never came."""


@pytest.mark.parametrize("persisted", [False, True], ids=["failed", "failed but persisted"])
def test_a_push_whose_answer_is_lost_leaves_one_record(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, persisted: bool
) -> None:
    push = Client.push

    def failing(client: Client, records: Any) -> Any:
        if persisted:
            list(push(client, records))
        raise Problem(Code.BUSY, "injected: the line is down")

    lay(desk, BEFORE, FINDINGS_BEFORE)
    with monkeypatch.context() as context:
        context.setattr(Client, "push", failing)
        with pytest.raises(Problem, match="the line is down"):
            desk.take()
    desk.take()
    lay(desk, AFTER, FINDINGS_AFTER)
    desk.take()
    everything_is_there_once(desk)


def test_processes_killed_by_a_signal_leave_one_record_each(desk: Desk, town: Town) -> None:
    lay(desk, BEFORE, FINDINGS_BEFORE)
    assert _in_a_process(desk, 7) == -signal.SIGKILL
    desk.take()
    lay(desk, AFTER, FINDINGS_AFTER)
    assert _in_a_process(desk, 5) == -signal.SIGKILL
    assert _in_a_process(desk, -1) == 1, "one row is in quarantine"
    desk.take()
    everything_is_there_once(desk)


def _in_a_process(desk: Desk, step: int) -> int:
    """`hub adapt run` in a process of its own that kills itself at a step; its exit code."""
    dying = Path(__file__).with_name("dying_run.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    command = [sys.executable, str(dying), str(step), ORDOS, "--config", str(desk.config), "--only", "export"]
    ended = subprocess.run(command, capture_output=True, timeout=60, env=environment, check=False)
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    return ended.returncode


# -- what is remembered is lost ----------------------------------------------------------------------


def test_nothing_is_sent_twice_when_the_memory_is_lost(desk: Desk, town: Town) -> None:
    lay(desk, BEFORE, FINDINGS_BEFORE)
    desk.take()
    desk.forget()
    reports = desk.take()
    assert sum(report.unchanged for report in reports) == 5
    assert sum(report.new + report.revised for report in reports) == 0
    assert sum(report.unchanged for report in desk.take(again=True)) == 5
    assert desk.counts("1", "2", "3") == [1, 1, 1]
    desk.forget()
    lay(desk, AFTER, FINDINGS_BEFORE)
    desk.take()
    assert desk.counts("1", "2", "3", "4", "5") == [1, 2, 1, 1, 1]


def test_nothing_is_sent_twice_when_the_key_of_the_digests_is_lost(desk: Desk, town: Town) -> None:
    lay(desk, BEFORE, FINDINGS_BEFORE)
    desk.take()
    desk.content_key.unlink()
    pushes = town.pushes()
    assert sum(report.unchanged for report in desk.take(again=True)) == 5
    assert town.pushes() == pushes
    asked = len(town.asked)
    assert sum(report.unchanged for report in desk.take(again=True)) == 5
    assert len(town.asked) == asked, "what was compared once is not asked about again"
    desk.content_key.unlink()
    lay(desk, AFTER, FINDINGS_AFTER)
    desk.take()
    assert [entry.number for entry in desk.entries()] == ["bad"]
    everything_is_there_once(desk)


def test_a_key_lost_while_records_were_under_way_makes_no_second_revision(desk: Desk, fate: Fate) -> None:
    desk.lay([case("1")])
    fate.die_at(7)
    with pytest.raises(Killed, match="after a push"):
        desk.take()
    fate.die_at(-1)
    assert desk.counts("1") == [1]
    desk.content_key.unlink()
    assert desk.take_one().unchanged == 1
    assert desk.counts("1") == [1]


def test_a_damaged_key_is_named_and_changes_nothing(desk: Desk) -> None:
    desk.lay([case("1")])
    desk.take()
    desk.content_key.write_bytes(b"half")
    with pytest.raises(Problem, match="is damaged; remove it") as raised:
        desk.take()
    assert raised.value.code is Code.MALFORMED
    assert desk.content_key.stat().st_mode & 0o077 == 0


def test_a_withdrawal_stands_when_the_memory_is_lost(desk: Desk) -> None:
    lay(desk, BEFORE, FINDINGS_BEFORE)
    desk.take()
    lay(desk, AFTER, FINDINGS_AFTER)
    desk.take()
    desk.forget()
    desk.take()
    everything_is_there_once(desk)


def test_what_a_second_system_of_the_city_wrote_is_followed_by_the_next_revision(
    desk: Desk, town: Town
) -> None:
    desk.lay([case("1")])
    desk.take()
    (held,) = desk.revisions("1")
    with town.client(ORDOS) as client:
        other = client.compose(
            "mediation_case", sender=ORDOS, recipients=[YULIN], agreement=town.agreement,
            body={**dict(held.record.body or {}), "amount": "5"}, follows=held.predecessor,
        )  # fmt: skip
        assert [outcome.status for outcome in client.push([other])] == ["accepted"]
    desk.lay([case("1", 摘要="已到现场")])
    assert desk.take_one().revised == 1
    assert desk.counts("1") == [3]


def test_every_citys_sample_is_known_again_from_the_node_alone(tmp_path: Path) -> None:
    """What a draft says and what its record says afterwards are one content, whatever dialect it came in."""
    with served(open_world(*make_lab(tmp_path / "template", FORMS), tmp_path / "lab"), tmp_path) as town:
        for city in FORMS:
            office = town.desk(city)
            office.set({"dialect": f'"{cities.written_in(city)}"'})
            for name, content in cities.samples(city).items():
                office.lay(content, name)
            first = office.take()
            office.forget()
            second = office.take()
            assert sum(report.new for report in first) >= 2, city
            assert [report.unchanged for report in second] == [report.new for report in first], city


# -- two at once -------------------------------------------------------------------------------------


def test_a_second_run_is_told_that_one_is_at_work(desk: Desk) -> None:
    with desk.opened(), pytest.raises(Problem, match="another run is at work") as raised, desk.opened():
        pytest.fail("two runs were at work for one city")
    assert raised.value.code is Code.BUSY
    with desk.opened():
        pass


def test_runs_at_the_same_time_wait_for_each_other_and_send_nothing_twice(desk: Desk) -> None:
    desk.lay([case(str(number)) for number in range(30)])
    reports: list[Any] = []
    threads = [threading.Thread(target=lambda: reports.append(desk.take(again=True))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.new for taken in reports for report in taken) == 30
    assert sum(report.unchanged for taken in reports for report in taken) == 90
    assert set(desk.counts(*map(str, range(30)))) == {1}


def test_the_database_answers_late_and_nothing_is_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.lay([case("1")])
    with desk.memory() as memory, memory.rows._ledger.writing():
        waiting = threading.Thread(target=desk.take)
        waiting.start()
        until(desk.content_key.parent.exists)
    waiting.join()
    assert desk.counts("1") == [1]
