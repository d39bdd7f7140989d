"""Which columns a table's rows have: the names in a file against the names in a city's file.

1. Names are compared without white space, in half-width form; aliases count as the name.
2. The tables that fit best are taken, if a third of their columns or half of those needed are there; beside
   them those whose rows the same columns tell from theirs (`only`), if all that they need is there.
3. A column that is wanted and not there is refused once for the table, with the name in the file that is
   nearest to it; any other that is missing, and any that is not known, is noted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final

from adapters.dialect import PSEUDO
from adapters.drafts import Note, Place, Reason, Rejection, reject
from adapters.formats.form import shown_name
from adapters.table_plan import TablePlan, compared

_ENOUGH: Final = 3
"""One name in so many must fit."""
_NEAR: Final = 0.5


@dataclass(frozen=True, eq=False)
class Heading:
    """What the columns of a file are, in its order: names in the city's file, or the file's own."""

    plans: tuple[TablePlan, ...]
    keys: tuple[str, ...]
    unknown: tuple[str, ...]
    absent: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    """The cells of the heading's last row, by which a repeated heading is known."""
    pseudo: Mapping[str, str] = field(default_factory=dict)

    def cells(self, values: Sequence[Any]) -> dict[str, Any]:
        """A row's cells by name."""
        cells = dict(zip(self.keys, values, strict=False))
        if self.pseudo:
            cells.update(self.pseudo)
        return cells

    def left_by(self, plan: TablePlan) -> tuple[str, ...]:
        """The columns that a table does not read: those that none knows, and those of tables beside it."""
        return self._left[plan]

    @cached_property
    def _left(self) -> Mapping[TablePlan, tuple[str, ...]]:
        read = {plan: {name.split(".")[0] for name in plan.names} | {*plan.names} for plan in self.plans}
        others = set().union(*read.values())
        return {
            plan: (*self.unknown, *(key for key in self.keys if key in others and key not in own))
            for plan, own in read.items()
        }


def fits(plans: Sequence[TablePlan], names: Sequence[str]) -> tuple[int, tuple[TablePlan, ...]]:
    """How many of the names the tables that fit best know, and those tables."""
    given = {compared(name) for name in names if name}
    best: tuple[int, tuple[TablePlan, ...]] = (0, ())
    for plan in plans:
        wanted = plan.names
        known = {plan.aliases[name] for name in given & plan.aliases.keys()}
        needed = needed_columns(plan)
        if len(known) * _ENOUGH < len(wanted) and len(known & needed) * 2 < max(len(needed), _ENOUGH):
            continue
        if len(known) > best[0]:
            best = (len(known), (plan,))
        elif len(known) == best[0]:
            best = (best[0], (*best[1], plan))
    return best[0], tuple(plan for plan in plans if plan in best[1] or _beside(plan, best[1], given))


def _beside(plan: TablePlan, best: Sequence[TablePlan], given: AbstractSet[str]) -> bool:
    """Whether a table's rows stand among those of others, told apart by the same columns (`only`)."""
    only = plan.table.only.keys()
    known = {plan.aliases[name] for name in given & plan.aliases.keys()}
    return bool(only) and needed_columns(plan) <= known and any(only == o.table.only.keys() for o in best)


def match(plans: tuple[TablePlan, ...], names: Sequence[str]) -> Heading:
    """The heading for the names in a file, of tables that `fits` gave."""
    aliases: dict[str, str] = {}
    for plan in plans:
        aliases = {**plan.aliases, **aliases}
    keys: list[str] = []
    unknown: list[str] = []
    for position, name in enumerate(names, 1):
        key = aliases.get(compared(name)) if name else None
        if key is None or key in keys:
            key = _fresh(shown_name(name) if name else f"第{position}列", keys)
            if name:
                unknown.append(key)
        keys.append(key)
    wanted = {name for plan in plans for name in plan.names}
    return Heading(plans, tuple(keys), tuple(unknown), frozenset(wanted - set(keys)))


def told(heading: Heading, place: Place) -> list[Rejection | Note]:
    """What to say of a heading."""
    said: list[Rejection | Note] = []
    without: list[str] = []
    for plan in heading.plans:
        needed = needed_columns(plan)
        for name in plan.names:
            if name not in heading.absent:
                continue
            hint = _nearest(plan, name, heading.unknown)
            if name in needed:
                zh = f"表中有相近的列“{hint}”：若是改名，请改回或登记别名" if hint else ""
                en = f"the table has a column {hint}: if it was renamed, name it back" if hint else ""
                said.append(reject(place, name, Reason.MISSING_COLUMN, zh=zh, en=en))
            elif hint is not None:
                zh = f"没有“{name}”这一列，是否已改名为“{hint}”"
                said.append(Note(place, zh, f"there is no column {name}; was it renamed to {hint}"))
            else:
                without.append(name)
    if without:
        names = "、".join(dict.fromkeys(without))
        said.append(
            Note(
                place, f"没有这些列（可以不填）：{names}", f"these columns are not there, nor needed: {names}"
            )
        )
    said += [
        Note(
            place, f"不认识“{name}”这一列，其内容不会发送", f"the column {name} is not known and is not sent"
        )
        for name in heading.unknown
    ]
    return said


def _nearest(plan: TablePlan, name: str, unknown: Sequence[str]) -> str | None:
    """The unknown column whose name is most like that of a column, or like another name that it has."""
    given = {compared(other): other for other in unknown}
    for known in (compared(name), *(alias for alias, meant in plan.aliases.items() if meant == name)):
        near = get_close_matches(known, given, 1, _NEAR)
        if near:
            return given[near[0]]
    return None


def needed_columns(plan: TablePlan) -> frozenset[str]:
    """Columns without which no row can become a record."""
    number = plan.table.number
    needed = {number} if isinstance(number, str) else set(number)
    constants = {path.text for path, _ in plan.columns.constants}
    for planned in plan.columns.columns:
        for path in planned.paths:
            whole = path.slot is None and getattr(path.field, "required", False)
            if planned.column.required or (whole and path.text not in constants):
                needed |= (
                    {planned.column.name}
                    if isinstance(planned.column.name, str)
                    else set(planned.column.name)
                )
    return frozenset(needed.difference(PSEUDO))


def composed(rows: Sequence[Sequence[Any]]) -> list[str]:
    """The names of columns whose heading has several rows, merged: 当事人/申请人/姓名.

    What a merge covers is empty. An empty cell belongs to the one on its left as long as nothing above it
    began anew there, and something stands below it.
    """
    width = max((len(row) for row in rows), default=0)
    grid = [[_words(row[column]) if column < len(row) else "" for column in range(width)] for row in rows]
    for level in range(len(grid) - 1):
        for column in range(1, width):
            begins = any(grid[above][column] != grid[above][column - 1] for above in range(level))
            below = any(grid[lower][column] for lower in range(level + 1, len(grid)))
            if not grid[level][column] and below and not begins:
                grid[level][column] = grid[level][column - 1]
    names = []
    for column in range(width):
        parts = [grid[level][column] for level in range(len(grid)) if grid[level][column]]
        names.append("/".join(part for at, part in enumerate(parts) if at == 0 or part != parts[at - 1]))
    return names


def _words(cell: Any) -> str:
    return "" if cell is None else "".join(str(cell).split())


def _fresh(name: str, taken: Sequence[str]) -> str:
    if name not in taken:
        return name
    return next(f"{name}({n})" for n in range(2, len(taken) + 3) if f"{name}({n})" not in taken)
