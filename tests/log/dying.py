"""A reader that takes down the process that reads with it; a module of its own, as that process imports it."""

from __future__ import annotations

import os
import signal

from hub.log.reader import DirReader


class DyingReader(DirReader):
    """Serves the checkpoint to whoever starts the work, and is killed at the first entries."""

    def entries(self, number: int, width: int) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().entries(number, width)
