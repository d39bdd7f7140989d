"""What each of Granian's workers loads: one node and its web application."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

import psutil
from flask import Flask

from hub.config import read_config
from hub.diagnostics import configure_logging
from hub.node import Node
from hub.process import settle
from hub.serving import CONFIG_VARIABLE, LOOK_EVERY_SECONDS, STOPPING, end_with_supervisor
from hub.web import metrics
from hub.web.application import create_application

LISTENING_SECONDS: Final = 60


def _announce(node: Node) -> None:
    """Count this worker as up once it listens: connections made before go to the others, and stay there."""
    this = psutil.Process()
    deadline = time.monotonic() + LISTENING_SECONDS
    while time.monotonic() < deadline:
        if any(each.status == psutil.CONN_LISTEN for each in this.net_connections("tcp")):
            break
        time.sleep(0.02)
    node.announce()


def _let_go(node: Node) -> None:
    """Answer held pulls when the supervisor is stopping: the worker ends with the last of its requests."""
    while not (node.config.state / STOPPING).exists():
        time.sleep(LOOK_EVERY_SECONDS)
    node.exchange.watcher.close()


def worker() -> Flask:
    """The application of the node that the environment names; it ends with its supervisor."""
    end_with_supervisor()
    configure_logging()
    metrics.reserve()
    node = Node(read_config(Path(os.environ[CONFIG_VARIABLE])), even_halted=True)
    node.note_trust()
    application = create_application(node)
    for attend in (_announce, _let_go):
        threading.Thread(target=attend, args=(node,), name=attend.__name__, daemon=True).start()
    settle()
    return application
