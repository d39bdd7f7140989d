"""Cells of a row by their columns' names, and members of a record by their paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.dialect import PSEUDO, Names
from adapters.values import as_text
from adapters.values.json_text import parsed


def each_name(name: Names) -> tuple[str, ...]:
    return (name,) if isinstance(name, str) else name


def real_names(name: Names) -> tuple[str, ...]:
    """The names of columns that stand in the table itself."""
    return tuple(each for each in each_name(name) if each not in PSEUDO)


def fetcher(name: Names) -> Callable[[Mapping[str, Any]], Any] | None:
    """How to find the cell of a column; None for the plain way."""
    if isinstance(name, str):
        steps = name.split(".")
        return (lambda cells: _stepped(cells, name, steps)) if len(steps) > 1 else None

    def joined(cells: Mapping[str, Any]) -> Any:
        parts = [fetched(cells, each) for each in name]
        texts = [as_text(part).strip() for part in parts if part is not None]
        return " ".join(text for text in texts if text)

    return joined


def fetched(cells: Mapping[str, Any], name: str) -> Any:
    """A cell by its name, which may be a path into objects."""
    return _stepped(cells, name, name.split(".")) if "." in name else cells.get(name)


def _stepped(cells: Mapping[str, Any], name: str, steps: Sequence[str]) -> Any:
    if name in cells:
        return cells[name]
    at: Any = cells
    for step in steps:
        if type(at) is not dict and not isinstance(at, Mapping):  # the first test is quick
            return None
        at = at.get(step)
    return at


def objects(cell: Any) -> list[Mapping[str, Any]] | None:
    """The objects of a list, empty elements left out; one alone is a list of it.

    Text is looked at as JSON (a row that was kept, a view's column of text).
    """
    if _says_nothing(cell):
        return []
    if isinstance(cell, str):
        try:
            cell = parsed(cell)
        except ValueError:
            return None
    if isinstance(cell, Mapping):
        cell = [cell]
    if not isinstance(cell, list):
        return None
    said = [each for each in cell if not _says_nothing(each)]
    return said if all(isinstance(each, Mapping) for each in said) else None


def _says_nothing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def put_cell(cells: dict[str, Any], name: Names, cell: Any) -> None:
    if isinstance(name, str):
        cells.setdefault(name, cell)
        return
    real = real_names(name)
    parts = as_text(cell).split(" ", len(real) - 1)
    for each, part in zip(real, parts, strict=False):
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
