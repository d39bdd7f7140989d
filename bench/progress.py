"""Progress bars on standard error, for long work in front of a person."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

Advance = Callable[[int], None]


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """A bar of `total` steps; gives what moves it on. Nothing is shown where standard error is no terminal."""
    shown = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
    with shown:
        task = shown.add_task(what, total=total)
        yield lambda steps: shown.advance(task, steps)
