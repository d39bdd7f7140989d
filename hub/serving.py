"""`hub serve`: Granian's supervisor in this process, its web workers as children, the clock beside them.

A worker that finds its supervisor gone ends at once, so that killing the one pid that an operator sees ends the
node.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Final

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import MPServer

from hub.config import Config
from hub.diagnostics import configure_logging
from hub.jobs import schedule
from hub.node import Node
from hub.web.application import from_configuration

CONFIG_VARIABLE: Final = "HUB_CONFIG"
SUPERVISOR_VARIABLE: Final = "HUB_SUPERVISOR"
LOOK_EVERY_SECONDS: Final = 0.1


def serve(path: Path, config: Config) -> None:
    """Serve the node configured at `path` until a signal ends it.

    Raises: what opening the node raises, before anything listens.
    """
    _end_with_supervisor()
    configure_logging()
    # A fork would carry this process's threads' locks and open database into the workers, and leave their
    # metrics unshared: they are chosen when the module is imported.
    multiprocessing.set_start_method("spawn", force=True)
    node = Node(config)
    scheduler = schedule(node)
    os.environ[CONFIG_VARIABLE] = str(path.resolve())
    os.environ[SUPERVISOR_VARIABLE] = str(os.getpid())
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics_folder(config))
    scheduler.start()
    try:
        _server(config).serve()
    finally:
        scheduler.shutdown(wait=False)
        node.close()


def _metrics_folder(config: Config) -> Path:
    """Where the workers share their metrics: empty at each start, as counters begin at nought."""
    folder = config.state / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def _server(config: Config) -> MPServer:
    return MPServer(
        "hub.serving:worker",
        factory=True,
        address=config.host,
        port=config.port,
        interface=Interfaces.WSGI,
        workers=config.workers,
        blocking_threads=config.threads,
        backlog=1024,
        backpressure=config.threads,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
    )


def worker() -> object:
    """What each of Granian's workers loads: the application, tied to its supervisor's life."""
    _end_with_supervisor()
    return from_configuration(Path(os.environ[CONFIG_VARIABLE]))


def _end_with_supervisor() -> None:
    """End this process when the parent that the environment names is gone; a lab names itself, too."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is not None:
        threading.Thread(target=_watch, args=(int(supervisor),), name="supervised", daemon=True).start()


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(LOOK_EVERY_SECONDS)
    os._exit(1)
