"""`hub serve`: Granian's supervisor in this process, its web workers as children.

The supervisor holds no node and stays small. Before anything listens a process of its own opens the node once
(`hub/preflight.py`): what is wrong with it is said at once, and the tables are brought up to date by one process alone.
A worker that finds its supervisor gone ends, so that killing the one pid that an operator sees ends the node.
"""

from __future__ import annotations

import errno
import importlib
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from hub.config import Config
from hub.errors import Code, Problem

PREFLIGHT: Final = "hub.preflight:try_opening"
CONFIG_VARIABLE: Final = "HUB_CONFIG"
SUPERVISOR_VARIABLE: Final = "HUB_SUPERVISOR"
STOPPING: Final = "stopping"
"""A file in `state` that is there while the supervisor ends its workers."""
LOOK_EVERY_SECONDS: Final = 0.1
CONNECTIONS: Final = 4096
"""How many a worker holds open at a time."""
HEADER_MILLISECONDS: Final = 10_000
START_AGAIN_SECONDS: Final = 5


def serve(path: Path, config: Config, beside: Sequence[str] = ()) -> None:
    """Serve the node configured at `path` until a signal ends it, and keep `hub` with the arguments `beside` running.

    Raises: Problem, before anything listens, for what keeps the node from being opened.
    """
    end_with_supervisor()
    _check_free(config.host, config.port)
    # Workers are new processes: a fork would carry over this one's threads and their locks.
    multiprocessing.set_start_method("spawn", force=True)
    os.environ[CONFIG_VARIABLE] = str(path.resolve())
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_emptied(config.state / "metrics"))
    # Each of many threads would otherwise keep an arena of its own for what large pages leave behind.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    with ProcessPoolExecutor(1) as alone:
        refused = alone.submit(_called, PREFLIGHT).result()
    if refused is not None:
        raise Problem(Code(refused[0]), refused[1], where=refused[2])
    _emptied(config.state / "workers")
    os.environ[SUPERVISOR_VARIABLE] = str(os.getpid())
    if beside:
        threading.Thread(target=_keep_running, args=(tuple(beside),), name="beside", daemon=True).start()
    stopping = config.state / STOPPING
    stopping.unlink(missing_ok=True)

    def farewell() -> None:
        with suppress(OSError):
            stopping.touch()

    server(
        "hub.worker:worker", config.host, config.port, config.workers, config.threads, farewell=farewell
    ).serve()


def _keep_running(arguments: tuple[str, ...]) -> None:
    """Run `hub` with these arguments, again whenever it ends; it ends of itself when this process does."""
    while True:
        subprocess.run([sys.executable, "-m", "hub", *arguments], check=False)  # noqa: S603 (our own program)
        time.sleep(START_AGAIN_SECONDS)


class Server(MPServer):
    """Granian's supervisor, which calls `farewell` before it ends its workers."""

    def __init__(self, farewell: Callable[[], None], target: str, **options: Any) -> None:
        super().__init__(target, **options)
        self._farewell = farewell

    def shutdown(self, exit_code: int = 0) -> None:
        """End the workers, each when its requests have ended, and return or exit with `exit_code`."""
        self._farewell()
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


def server(
    target: str,
    host: str,
    port: int,
    workers: int,
    threads: int,
    *,
    farewell: Callable[[], None] = lambda: None,
) -> Server:
    """Granian, set up for a WSGI factory at `target` (`module:function`)."""
    return Server(
        farewell,
        target,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        backlog=1024,
        # Connections cost little and threads are few: who connects and says nothing must not count as a request.
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
    )


def _check_free(host: str, port: int) -> None:
    """Make sure that nobody listens at an address: workers share theirs, and would share it with strangers, too.

    Raises: Problem `busy`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                said = f"something listens at {host} port {port} already: this node, or another"
            else:
                said = f"nothing can listen at {host} port {port}: {error.strerror}"
            raise Problem(Code.BUSY, said, where="/listen") from None


def _called(target: str) -> tuple[str, str, str | None] | None:
    """What a function at `module:function` says, loaded in the process that needs it: the supervisor does without."""
    module, _, name = target.partition(":")
    said: tuple[str, str, str | None] | None = getattr(importlib.import_module(module), name)()
    return said


def end_with_supervisor() -> None:
    """End this process when the parent that the environment names is gone; a lab names itself, too."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is not None:
        threading.Thread(target=_watch, args=(int(supervisor),), name="supervised", daemon=True).start()


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(LOOK_EVERY_SECONDS)
    os._exit(1)


def _emptied(folder: Path) -> Path:
    """A folder in which the workers of this start, and no earlier ones, leave their files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return folder
