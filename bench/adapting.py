"""One export read in a process of its own: `python -m bench.adapting FOLDER ROWS NAME VERB`.

`make` writes the export's file; `peak` reads it once and tells the process's peak of resident memory;
`compare` reads it side by side with the floor. What they find is one JSON object on standard output.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from adapters.drafts import Draft, Rejection
from bench.bare import bare_rows
from bench.exports import Export, exports

SLICE: Final = 250
"""Rows that adapter, library and marshmallow take in turns."""


@dataclass(slots=True)
class Turn:
    """Seconds for the same rows: by the adapter, by the format's library, by marshmallow."""

    adapter: float
    library: float
    validation: float = 0.0


def compare(export: Export, folder: Path) -> list[Turn]:
    """Reads an export and its floor in turns, a slice each, so that whatever else the machine does meets both.

    Raises: RuntimeError: not every row became a draft.
    """
    body, private = export.plan.kind.body(), export.plan.kind.private
    sealed = None if private is None else private()
    outcomes, rows, came = export.outcomes(folder), bare_rows(export, folder), 0
    turns: list[Turn] = []
    more = True
    while more:
        read, adapter = _taken(outcomes, SLICE)
        more = bool(read)
        turn = Turn(adapter, _taken(rows, SLICE if more else None)[1])
        drafts = list(_drafts(export, read))
        came += len(drafts)
        started = time.perf_counter()
        for draft in drafts:
            body.load(draft.body)
            if draft.private and sealed is not None:
                sealed.load(draft.private)
        turn.validation = time.perf_counter() - started
        turns.append(turn)
    _check(export, came)
    return turns


def peak(export: Export, folder: Path) -> dict[str, float]:
    """Reads an export once: seconds, and MiB of the process at their peak, before and after.

    The kernel's figure of the process's own memory; `ru_maxrss` would be that of the process which began it.
    """
    before = high_water_mib()
    started = time.perf_counter()
    came = sum(1 for _ in _drafts(export, export.outcomes(folder)))
    seconds = time.perf_counter() - started
    _check(export, came)
    return {"seconds": seconds, "mib": high_water_mib(), "start_mib": before}


def high_water_mib() -> float:
    """The most memory that this process ever had resident, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _taken(items: Iterator[Any], most: int | None) -> tuple[list[Any], float]:
    started = time.perf_counter()
    taken = list(islice(items, most))
    return taken, time.perf_counter() - started


def _drafts(export: Export, outcomes: Any) -> Iterator[Draft]:
    for outcome in outcomes:
        if isinstance(outcome, Draft):
            yield outcome
        elif isinstance(outcome, Rejection):
            raise RuntimeError(f"{export.name}: {outcome.line('en')}")


def _check(export: Export, came: int) -> None:
    if came != export.rows:
        raise RuntimeError(f"{export.name}: {came} drafts of {export.rows} rows")


def main(folder: str, rows: str, name: str, verb: str) -> None:
    export = next(each for each in exports(int(rows), every_table=True) if each.name == name)
    found: Any = None
    match verb:
        case "make":
            export.make(Path(folder))
        case "peak":
            found = peak(export, Path(folder))
        case "compare":
            found = [astuple(turn) for turn in compare(export, Path(folder))]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:5])
