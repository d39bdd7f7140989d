"""Time from a city's file to validated drafts, over the format library's bare reading plus bare marshmallow.

Every table of every dialect in each of its formats, as an export grown from its sample; `--quick` takes the
first table of each format. The adapter, the library and marshmallow take turns at the same rows, a slice each; an
export's ratio is that of their sums, and the bench's figure is the worst of them. Sealing and signing are left
out. The memory that reading needs is measured in another process, which does nothing else.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.catalogue import Settings
from bench.exports import Export, exports
from bench.progress import progress
from bench.result import Bar, Result

ROWS: Final = 100_000
QUICK_ROWS: Final = 5_000
MOST_MIB: Final = 200
"""The reading process's peak, .xls excepted: that library holds the file, which ends at 65,536 rows."""


def run(settings: Settings, bar: Bar) -> Result:
    rows = QUICK_ROWS if settings.quick else ROWS
    measured = exports(rows, every_table=not settings.quick)
    found: dict[str, dict[str, Any]] = {}
    with progress("adapt", len(measured)) as advance:
        for export in measured:
            found[export.name] = _measured(export, rows, settings.folder)
            advance(1)
    peaks = {export.name: found[export.name]["mib"] for export in measured if not export.old}
    worst = max(found, key=lambda name: found[name]["ratio"])
    largest = max(peaks, key=lambda name: peaks[name])
    return Result(
        "adapt",
        found[worst]["ratio"],
        bar,
        {
            "worst": worst,
            "mib": peaks[largest],
            "mib_bar": MOST_MIB,
            "mib_of": largest,
            "exports": found,
        },
        sound=peaks[largest] <= MOST_MIB,
    )


def _measured(export: Export, rows: int, folder: Path) -> dict[str, Any]:
    """The figures of one export, each made in a process of its own; its file is gone afterwards."""
    _child(export, rows, folder, "make")
    size = export.file(folder).stat().st_size if export.is_file else 0
    alone = _child(export, rows, folder, "peak")
    turns = _child(export, rows, folder, "compare")
    shutil.rmtree(export.file(folder).parent, ignore_errors=True)
    adapter, library, validation = (sum(column) for column in zip(*turns, strict=True))
    return {
        "ratio": round(adapter / (library + validation), 3),
        "median_of_turns": round(median(mine / (bare + loads) for mine, bare, loads in turns[:-1]), 3),
        "mib": round(alone["mib"], 1),
        "start_mib": round(alone["start_mib"], 1),
        "rows": export.rows,
        "file_mib": round(size / (1 << 20), 1),
        "rows_per_second": round(export.rows / alone["seconds"]),
        "adapter_us_a_row": round(1e6 * adapter / export.rows, 1),
        "library_us_a_row": round(1e6 * library / export.rows, 1),
        "marshmallow_us_a_row": round(1e6 * validation / export.rows, 1),
    }


def _child(export: Export, rows: int, folder: Path, verb: str) -> Any:
    command = [sys.executable, "-m", "bench.adapting", str(folder), str(rows), export.name, verb]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{export.name}: {verb} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return json.loads(ended.stdout)
