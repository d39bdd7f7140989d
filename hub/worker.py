"""What each of Granian's workers loads: one node, its web application, and its clock."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from flask import Flask

from hub.config import read_config
from hub.diagnostics import configure_logging
from hub.jobs import schedule
from hub.node import Node
from hub.serving import CONFIG_VARIABLE, end_with_supervisor
from hub.web import metrics
from hub.web.application import create_application


def worker() -> Flask:
    """The application of the node that the environment names; it ends with its supervisor."""
    end_with_supervisor()
    configure_logging()
    metrics.reserve()
    node = Node(read_config(Path(os.environ[CONFIG_VARIABLE])))
    schedule(node).start()
    application = create_application(node)
    # What is here now stays for good: the collector need not look through it again at every turn.
    gc.collect()
    gc.freeze()
    return application
