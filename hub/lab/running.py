"""A lab's nodes: started, watched, started again where one died, stopped.

The nodes end with the process that started them. `lab.json` is written when all of them are ready and again
when a node's pid changes, always as a whole. A node that was killed by `kill` stays down until `revive`. Where nodes
listen elsewhere than where they are to be found, relays stand between (`relay.py`), whose links can be cut.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import psutil
import requests
from sqlalchemy import create_engine, make_url, text

from hub.config import read_config
from hub.errors import Code, Problem
from hub.lab.building import DESCRIPTION, Lab
from hub.lab.control import Control
from hub.lab.relay import Door, LinkState, Relays
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
    """The nodes of a lab as processes. A context manager: leaving it stops them.

    `before` gives what stands before a node's command, a network namespace's say.
    """

    def __init__(
        self, folder: Path, lab: Lab, before: Callable[[str], Sequence[str]] = lambda _node: ()
    ) -> None:
        self._folder = folder.resolve()
        self.lab = lab
        self._before = before
        self._relays: Relays | None = None
        self._between = ExitStack()
        self._control = ExitStack()
        self._lock = threading.RLock()
        """Of the processes, and of who is down: others than the one that keeps the nodes up may kill and revive."""
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._down: set[str] = set()

    def __enter__(self) -> RunningLab:
        running = _running_pid(self._folder)
        if running is not None:
            raise Problem(
                Code.CONFLICT,
                f"a lab is running in {self._folder} already (pid {running}); `hub lab stop` ends it",
            )
        (self._folder / PID_FILE).write_text(f"{os.getpid()}\n")
        try:
            between = doors(self._folder, self.lab)
            if between:
                self._relays = self._between.enter_context(Relays(between))
            for node in self.lab.nodes:
                self._start(node.name)
            self.wait_ready()
            self._describe()
            self._control.enter_context(Control(self._folder, self._act))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()  # first: nobody is to revive a node that ends
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._between.close()
        for name in (DESCRIPTION, PID_FILE):
            (self._folder / name).unlink(missing_ok=True)

    def keep_up(self, told: Callable[[str], None]) -> None:
        """Start again every node that died; returns never. `told` is called with the name of each."""
        while True:
            died = self.died()
            for name in died:
                told(name)
                with self._lock:
                    if name not in self._down:
                        self._start(name)
            if died:
                try:
                    self.wait_ready()
                except Problem as problem:
                    # A full disk, say: tried again until it works or somebody ends the lab.
                    told(f"{', '.join(died)} ({problem.detail})")
                    time.sleep(1)
                    continue
                self._describe()
            time.sleep(0.1)

    def died(self) -> list[str]:
        """The nodes that ended, though nobody killed them here."""
        with self._lock:
            return [
                name
                for name, process in self._processes.items()
                if name not in self._down and process.poll() is not None
            ]

    # -- trouble (`chaos.Trial`) -----------------------------------------------------------------------

    def cut(self, one: str, other: str, *, stall: bool = False) -> None:
        """Let nothing pass between two nodes. Raises: Problem `conflict` for a lab without relays, `not-found`."""
        self._linked().set(self._pair(one, other), LinkState.STALLED if stall else LinkState.CUT)

    def heal(self, one: str, other: str) -> None:
        """Let everything pass between two nodes again. Raises as `cut`."""
        self._linked().set(self._pair(one, other), LinkState.OPEN)

    def kill(self, node: str) -> None:
        """Kill all processes of a node; it stays down. Raises: Problem `not-found`, `conflict` where it is down."""
        name = self._named(node)
        with self._lock:
            if name in self._down:
                raise Problem(Code.CONFLICT, f"{name} is down already")
            self._down.add(name)
            process = self._processes[name]
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._describe()

    def revive(self, node: str) -> None:
        """Start a node that was killed. Raises: Problem `not-found`, `conflict` where it is not down."""
        name = self._named(node)
        with self._lock:
            if name not in self._down:
                raise Problem(Code.CONFLICT, f"{name} was not killed")
            self._start(name)
            self._down.discard(name)
            self._describe()

    def state(self) -> dict[str, Any]:
        """Which nodes are up, and how it is with each link."""
        links: Mapping[frozenset[str], LinkState] = {} if self._relays is None else self._relays.states()
        return {
            "nodes": [{"name": node.name, "up": node.name not in self._down} for node in self.lab.nodes],
            "links": [
                {"nodes": sorted(pair), "state": str(state)}
                for pair, state in sorted(links.items(), key=lambda each: sorted(each[0]))
            ],
        }

    def _act(self, verb: str, nodes: Sequence[str], stall: bool) -> dict[str, Any]:
        """What `hub lab` asks for from another process (`control.py`)."""
        match verb, nodes:
            case "cut", [one, other]:
                self.cut(one, other, stall=stall)
            case "heal", [one, other]:
                self.heal(one, other)
            case "heal", []:
                for pair in self._linked().states():
                    self.heal(*pair)
            case "kill", [node]:
                self.kill(node)
            case "revive", [node]:
                self.revive(node)
            case "state", []:
                pass
            case _:
                raise Problem(Code.MALFORMED, f"nothing is called {verb} for {len(nodes)} nodes")
        return self.state()

    def _linked(self) -> Relays:
        if self._relays is None:
            raise Problem(
                Code.CONFLICT,
                "this lab was built without --chaos: nothing stands between its nodes to be cut",
            )
        return self._relays

    def _pair(self, one: str, other: str) -> frozenset[str]:
        pair = frozenset({self._named(one), self._named(other)})
        if len(pair) == 1:
            raise Problem(Code.NOT_FOUND, "a link is between two nodes")
        return pair

    def _named(self, said: str) -> str:
        """The node of this name, or that hosts this city."""
        for node in self.lab.nodes:
            if said == node.name or said in node.cities:
                return node.name
        known = ", ".join(node.name for node in self.lab.nodes)
        raise Problem(Code.NOT_FOUND, f"the lab has no node {said}; there are {known}")

    # -- inside --------------------------------------------------------------------------------------

    def _home(self, name: str) -> Path:
        return self._folder / "nodes" / name

    def _start(self, name: str) -> None:
        home = self._home(name)
        config = home / "hub.toml"
        _make_schema(read_config(config).database)
        with self._lock, (home / "node.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [*self._before(name), sys.executable, "-m", "hub", "run", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, SUPERVISOR_VARIABLE: str(os.getpid())},
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Wait until all nodes are, but for those that were killed. Raises: Problem `busy` for one that is not."""
        deadline = time.monotonic() + READY_SECONDS
        for node in self.lab.nodes:
            while node.name not in self._down and not ready(node.url):
                ended = self._processes[node.name].poll() is not None and node.name not in self._down
                if ended or time.monotonic() > deadline:
                    log = self._home(node.name) / "node.log"
                    raise Problem(Code.BUSY, f"node {node.name} did not start; {log} says why")
                time.sleep(0.05)

    def _describe(self) -> None:
        with self._lock:
            pids = {
                name: 0 if name in self._down else process.pid for name, process in self._processes.items()
            }
            nodes = [replace(node, pid=pids[node.name]) for node in self.lab.nodes]
            self.lab = replace(self.lab, nodes=nodes)
            _replace(self._folder / DESCRIPTION, self.lab)


def doors(folder: Path, lab: Lab) -> list[Door]:
    """The relays before nodes that listen elsewhere than where they are to be found."""
    found = []
    for node in lab.nodes:
        config = read_config(folder / "nodes" / node.name / "hub.toml")
        parts = urlsplit(node.url)
        address, behind = (str(parts.hostname), int(parts.port or 80)), (config.host, config.port)
        if config.sync_source is not None and address != behind:
            found.append(Door(node.name, address, behind, config.sync_source))
    return found


def await_ready(folder: Path, names: Sequence[str]) -> None:
    """Wait until nodes of the lab that runs in `folder` are ready. Raises: Problem `busy`, `not-found`."""
    deadline = time.monotonic() + READY_SECONDS
    for node in read_lab(folder).nodes:
        while node.name in names and not ready(node.url):
            if time.monotonic() > deadline:
                raise Problem(Code.BUSY, f"node {node.name} is not ready; its node.log says why")
            time.sleep(0.05)


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


def ready(url: str) -> bool:
    """Whether the node there says that it can do its work."""
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
