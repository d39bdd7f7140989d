"""The benches' command line and what they report; nothing here runs one."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path

import pytest

import bench
from bench.__main__ import main, read_arguments
from bench.catalogue import BENCHES, Bench
from bench.result import Bar, Result

ROOT = Path(bench.__file__).parents[1]
NAMES = [
    "ingest",
    "single",
    "pull",
    "audit",
    "growth",
    "memory",
    "adapt",
    "crash",
    "sync",
    "fold",
    "idle",
    "lane",
    "partition",
]


def test_without_a_name_every_bench_is_listed_with_its_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert "at most 300" in lines[NAMES.index("memory")]


def test_the_list_is_there_as_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    assert [each["bench"] for each in json.loads(capsys.readouterr().out)] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_bench_listed_can_be_run(name: str) -> None:
    runner = importlib.import_module(f"bench.{name}").run
    assert list(inspect.signature(runner).parameters) == ["settings", "bar"]


def test_an_unknown_bench_is_a_wrong_use_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments(["speed"])
    assert ended.value.code == 2
    assert "speed" in capsys.readouterr().err


def test_a_bench_runs_in_full_on_sqlite_unless_told_otherwise() -> None:
    plain = read_arguments(["ingest"])
    assert (plain.quick, plain.json, plain.engine) == (False, False, "sqlite")
    asked = read_arguments(["ingest", "--quick", "--json", "--engine", "postgresql"])
    assert (asked.quick, asked.json, asked.engine) == (True, True, "postgresql")


@pytest.mark.parametrize(
    ("bar", "found", "holds"),
    [
        (Bar("ratio", 0.35), 0.35, True),
        (Bar("ratio", 0.35), 0.349, False),
        (Bar("ratio", 1.2, at_most=True), 1.2, True),
        (Bar("ratio", 1.2, at_most=True), 1.21, False),
        (Bar("lost", 0, at_most=True), 1, False),
    ],
)
def test_a_bar_is_reached_or_not(bar: Bar, found: float, holds: bool) -> None:
    assert bar.holds(found) is holds


def _of(monkeypatch: pytest.MonkeyPatch, result: Result) -> None:
    monkeypatch.setattr(Bench, "run", lambda _self, _settings: result)


def test_a_result_as_json_is_one_object_with_its_figure_its_bar_and_its_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _of(monkeypatch, Result("memory", 123.5, Bar("mib", 300, at_most=True), {"engine": "sqlite"}))
    assert main(["memory", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "bench": "memory",
        "mib": 123.5,
        "bar": 300,
        "holds": True,
        "engine": "sqlite",
    }


def test_the_exit_code_is_1_where_the_bar_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _of(monkeypatch, Result("ingest", 0.2, Bar("ratio", 0.35, aim=0.55), {"rounds": [1200.4, 1300.6]}))
    assert main(["ingest"]) == 1
    printed = capsys.readouterr().out
    assert "FALLS SHORT" in printed
    assert "rounds: 1,200, 1,301" in printed


def test_a_figure_within_the_bar_does_not_hold_where_something_else_went_wrong() -> None:
    result = Result("crash", 0, Bar("lost", 0, at_most=True), sound=False)
    assert not result.holds
    assert result.to_dict()["holds"] is False


def test_the_performance_page_tells_of_every_bench() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    for each in BENCHES.values():
        assert f"`{each.name}`" in page
        assert f"{each.bar.value:g}" in page
