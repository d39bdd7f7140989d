"""Cells of a row by their columns' names, and members of a record by their paths."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.dialect import Names
from adapters.values import as_text


def each_name(name: Names) -> tuple[str, ...]:
    return (name,) if isinstance(name, str) else name


def fetcher(name: Names) -> Callable[[Mapping[str, Any]], Any] | None:
    """How to find the cell of a column; None for the plain way."""
    if isinstance(name, str):
        return (lambda cells: fetched(cells, name)) if "." in name else None

    def joined(cells: Mapping[str, Any]) -> Any:
        parts = [fetched(cells, each) for each in name]
        texts = [as_text(part).strip() for part in parts if part is not None]
        return " ".join(text for text in texts if text)

    return joined


def fetched(cells: Mapping[str, Any], name: str) -> Any:
    """A cell by its name, which may be a path into objects."""
    if name in cells or "." not in name:
        return cells.get(name)
    at: Any = cells
    for step in name.split("."):
        if not isinstance(at, Mapping):
            return None
        at = at.get(step)
    return at


def objects(cell: Any) -> list[Mapping[str, Any]] | None:
    """The objects of a list; one alone is a list of it, text is looked at as JSON (a row that was kept)."""
    if cell is None or cell == "":
        return []
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    if isinstance(cell, Mapping):
        cell = [cell]
    if not isinstance(cell, list) or not all(isinstance(each, Mapping) for each in cell):
        return None
    return cell


def put_cell(cells: dict[str, Any], name: Names, cell: Any) -> None:
    if isinstance(name, str):
        cells.setdefault(name, cell)
        return
    parts = as_text(cell).split(" ", len(name) - 1)
    for each, part in zip(name, parts, strict=False):
        cells.setdefault(each, part)


def into(at: dict[str, Any], steps: Sequence[str], value: Any) -> None:
    *outer, last = steps
    for step in outer:
        at = at.setdefault(step, {})
    at[last] = value


def walk(at: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if not isinstance(at, dict):
            return None
        at = at.get(step)
    return at
