"""What is looked at before a node listens: whether it can be opened, and whether its log is the one it has published.

It runs in a process of its own (`hub/serving.py`), which lets go of everything when it ends.
"""

from __future__ import annotations

import os
from pathlib import Path

from hub.config import read_config
from hub.diagnostics import configure_logging
from hub.errors import Problem
from hub.federation.asking import take_up
from hub.node import Node
from hub.serving import CONFIG_VARIABLE


def try_opening() -> tuple[str, str, str | None] | None:
    """Open the node and close it again; code, detail and place of what keeps it from being served."""
    configure_logging()
    try:
        node = Node(read_config(Path(os.environ[CONFIG_VARIABLE])))
        try:
            take_up(node)
        finally:
            node.close()
    except Problem as problem:
        return problem.code.value, problem.detail, problem.where
    return None
