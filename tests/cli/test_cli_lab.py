"""`hub lab start` serves until it is told to end, and leaves nothing running."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

DEADLINE_SECONDS = 60


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = ["lab", "start", "--dir", str(folder), "--nodes", "1", "--cities", "610800,150600", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hub", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HUB_LANG": "en"},
    )
    try:
        # The folder is described first, and then said: a signal in between would leave nothing to read.
        wait_for(lambda: bool(select.select([process.stdout], [], [], 0)[0]) or process.poll() is not None)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=DEADLINE_SECONDS)


@pytest.mark.parametrize("ending", ["stop", signal.SIGINT, signal.SIGTERM])
def test_a_lab_starts_says_where_it_is_and_ends_cleanly(tmp_path: Path, ending: str | signal.Signals) -> None:
    folder = tmp_path / "lab"
    with started(folder) as process:
        described = json.loads((folder / "lab.json").read_text())
        pids = [node["pid"] for node in described["nodes"]]
        assert all(psutil.pid_exists(pid) for pid in pids)
        if isinstance(ending, signal.Signals):
            process.send_signal(ending)
        else:
            stop = [sys.executable, "-m", "hub", "lab", "stop", "--dir", str(folder), "--json"]
            told = subprocess.run(stop, capture_output=True, text=True, check=True, timeout=DEADLINE_SECONDS)
            assert json.loads(told.stdout) == {"stopped": True}
        out, err = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode == 0, err
        assert json.loads(out) == described
        wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))
        assert not (folder / "lab.json").exists()


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    stop = [sys.executable, "-m", "hub", "lab", "stop", "--dir", str(tmp_path), "--json"]
    told = subprocess.run(stop, capture_output=True, text=True, check=True, timeout=DEADLINE_SECONDS)
    assert json.loads(told.stdout) == {"stopped": False}
