"""A lab's nodes: started, watched, started again where one died, stopped.

The nodes end with the process that started them. `lab.json` is written when all of them are ready and again
when a node's pid changes, always as a whole.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson
import psutil
import requests
from sqlalchemy import create_engine, make_url, text

from hub.config import read_config
from hub.errors import Code, Problem
from hub.lab.building import DESCRIPTION, Lab
from hub.serving import SUPERVISOR_VARIABLE
from schemas import strict_json

READY_SECONDS: Final = 60
STOP_SECONDS: Final = 15
PID_FILE: Final = "lab.pid"
PLAN_FILE: Final = "plan.json"


def save_plan(folder: Path, lab: Lab) -> None:
    """Keep what a lab consists of, so that it can be started again."""
    _replace(folder / PLAN_FILE, lab)


def read_plan(folder: Path) -> Lab | None:
    """The lab that was built in `folder`, None where there is none."""
    path = folder / PLAN_FILE
    return Lab.from_dict(strict_json.loads(path.read_bytes())) if path.exists() else None


def read_lab(folder: Path) -> Lab:
    """The lab that runs in `folder`.

    Raises: Problem `not-found`.
    """
    path = folder / DESCRIPTION
    if not path.exists():
        raise Problem(
            Code.NOT_FOUND, f"no lab is running in {folder}; `hub lab start --dir {folder}` starts one"
        )
    return Lab.from_dict(strict_json.loads(path.read_bytes()))


class RunningLab:
    """The nodes of a lab as processes. A context manager: leaving it stops them."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        self._folder = folder.resolve()
        self.lab = lab
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> RunningLab:
        running = _running_pid(self._folder)
        if running is not None:
            raise Problem(
                Code.CONFLICT,
                f"a lab is running in {self._folder} already (pid {running}); `hub lab stop` ends it",
            )
        (self._folder / PID_FILE).write_text(f"{os.getpid()}\n")
        try:
            for node in self.lab.nodes:
                self._start(node.name)
            self._wait_ready()
            self._describe()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in (DESCRIPTION, PID_FILE):
            (self._folder / name).unlink(missing_ok=True)

    def keep_up(self, told: Callable[[str], None]) -> None:
        """Start again every node that died; returns never. `told` is called with the name of each."""
        while True:
            died = [name for name, process in self._processes.items() if process.poll() is not None]
            for name in died:
                told(name)
                self._start(name)
            if died:
                try:
                    self._wait_ready()
                except Problem as problem:
                    # A full disk, say: tried again until it works or somebody ends the lab.
                    told(f"{', '.join(died)} ({problem.detail})")
                    time.sleep(1)
                    continue
                self._describe()
            time.sleep(0.1)

    def _start(self, name: str) -> None:
        home = self._folder / "nodes" / name
        config = home / "hub.toml"
        _make_schema(read_config(config).database)
        with (home / "node.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", "hub", "run", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, SUPERVISOR_VARIABLE: str(os.getpid())},
                start_new_session=True,
            )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        for node in self.lab.nodes:
            process = self._processes[node.name]
            while not _ready(node.url):
                if process.poll() is not None or time.monotonic() > deadline:
                    log = self._folder / "nodes" / node.name / "node.log"
                    raise Problem(Code.BUSY, f"node {node.name} did not start; {log} says why")
                time.sleep(0.05)

    def _describe(self) -> None:
        nodes = [replace(node, pid=self._processes[node.name].pid) for node in self.lab.nodes]
        self.lab = replace(self.lab, nodes=nodes)
        _replace(self._folder / DESCRIPTION, self.lab)


def stop(folder: Path) -> bool:
    """Stop the lab that runs in `folder`; whether there was one."""
    folder = folder.resolve()
    pid = _running_pid(folder)
    if pid is None:
        (folder / DESCRIPTION).unlink(missing_ok=True)
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS + 5
    while _alive(pid):
        if time.monotonic() > deadline:
            raise Problem(Code.BUSY, f"the lab (pid {pid}) does not end")
        time.sleep(0.05)
    return True


def _alive(pid: int) -> bool:
    """Whether a process still runs; one that ended and that its parent has not asked about does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _running_pid(folder: Path) -> int | None:
    """The process that keeps this lab, if it is alive and not another one that was given its number."""
    path = folder / PID_FILE
    try:
        pid = int(path.read_text())
        if psutil.Process(pid).create_time() <= path.stat().st_mtime + 1 and pid != os.getpid():
            return pid
    except (OSError, ValueError, psutil.NoSuchProcess):
        pass
    return None


def _ready(url: str) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{url}/readyz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _make_schema(database: str) -> None:
    """On PostgreSQL a lab's node lives in a schema of its own, which nobody else makes."""
    url = make_url(database)
    if url.get_backend_name() == "sqlite":
        return
    schema = str(url.query["options"]).removeprefix("-csearch_path=")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    engine.dispose()


def _replace(path: Path, lab: Lab) -> None:
    written = path.with_name(path.name + ".new")
    written.write_bytes(orjson.dumps(lab.to_dict(), option=orjson.OPT_INDENT_2) + b"\n")
    written.replace(path)
