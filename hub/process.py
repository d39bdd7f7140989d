"""What a long-running process of the hub asks of its interpreter, once everything is loaded."""

from __future__ import annotations

import gc
import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0005
"""After so long a thread that computes lets another have a turn: who waits for the database must not wait for long."""
COLLECT_AFTER: Final = 20_000
"""New objects between two looks of the collector: one page of records makes tens of thousands, and no circle."""


def settle() -> None:
    """Set the interpreter up for long work; what is there now stays for good and is not looked through again."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 20)
