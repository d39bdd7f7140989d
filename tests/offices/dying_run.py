"""`hub adapt run` in a process that is killed at one of its steps; a program of its own, as no process survives that.

python dying_run.py STEP CITY --config FILE
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from hub.cli import cli
from hub.client import Client, Outcome
from hub.store.offices.ledger import Ledger

AT = int(sys.argv[1])
steps = iter(range(1_000_000))


def step() -> None:
    if next(steps) == AT:
        os.kill(os.getpid(), signal.SIGKILL)


writing, push = Ledger.writing, Client.push


@contextmanager
def dying_writing(ledger: Ledger) -> Iterator[Any]:
    step()
    with writing(ledger) as connection:
        yield connection
    step()


def dying_push(client: Client, records: Iterable[str]) -> Iterator[Outcome]:
    step()
    outcomes = list(push(client, records))
    step()
    return iter(outcomes)


if __name__ == "__main__":
    Ledger.writing = dying_writing  # type: ignore[method-assign]
    Client.push = dying_push  # type: ignore[method-assign]
    cli(["adapt", "run", *sys.argv[2:]], prog_name="hub")
