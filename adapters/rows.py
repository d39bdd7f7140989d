"""A row -> a draft, or what is wrong with it. The same for a row that was kept and mended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from adapters.checking import explained, is_right
from adapters.column_plan import Layout, Met
from adapters.dialect import PSEUDO
from adapters.drafts import NO_ROW, Draft, Place, Reason, Rejection, reject
from adapters.members import unknown_members
from adapters.paths import BODY, PRIVATE
from adapters.table_plan import TablePlan
from adapters.values import Flaw
from adapters.values.convert import LOST, NO_RESULT, holds_lost, shown
from adapters.values.json_text import parsed


class KeptRow(Mapping[str, str]):
    """A row as text, by column: made when asked for, and shown in no `repr`."""

    __slots__ = ("_cells",)

    def __init__(self, cells: Mapping[str, Any]) -> None:
        self._cells = cells

    def __getitem__(self, name: str) -> str:
        return shown(self._cells[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)

    def __repr__(self) -> str:
        return f"KeptRow({len(self)} columns)"


def unkept(text: str) -> Any:
    """A cell from its kept text: lists and objects stand in it as JSON."""
    if text[:1] in ("[", "{"):
        try:
            return parsed(text)
        except ValueError:
            pass
    return text


def draft_or_flaws(
    plan: TablePlan, cells: Mapping[str, Any], place: Place, unknown: tuple[str, ...] = ()
) -> Draft | list[Rejection]:
    """The draft of a row, or a rejection for each of its flaws; columns in `unknown` are not carried."""
    kept, cells = KeptRow(cells), opened(plan, cells)
    met: list[Met] = []
    roots, slots, used = plan.columns.read(cells, met)
    layout = plan.columns.gather(roots, slots)
    number, flaw = plan.local_number(cells)
    if flaw is not None:
        met.insert(0, flaw)
    recipients = plan.recipients(cells, met)
    subject, flaw = plan.subject(cells)
    if flaw is not None:
        met.append(flaw)
    met += _lost(cells, met)
    body, private = roots[BODY], roots[PRIVATE]
    if met or not is_right(plan.kind, body, private):
        return _rejections(plan, _Row(cells, place, number, kept), met, layout)
    return Draft(
        plan.kind.name,
        plan.kind.version,
        body,
        number,
        place,
        private or None,
        recipients,
        subject,
        _not_carried(plan, cells, unknown),
        plan.supplied(used) if used else (),
        plan.system,
        "" if plan.table.subject is None else plan.table.subject.system or plan.system,
        plan.table.title,
        kept,
    )


def opened(plan: TablePlan, cells: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row whose objects and lists of them may stand in it as JSON, as in a view's columns of text."""
    texts = {name: cell for name in plan.members if type(cell := cells.get(name)) is str}
    return {**cells, **{name: unkept(text.lstrip()) for name, text in texts.items()}} if texts else cells


def _lost(cells: Mapping[str, Any], met: Sequence[Met]) -> list[Met]:
    """What of a row could not be decoded, besides what is met already: none of it is sent, carried or not."""
    return [
        Met(name, cell, Flaw(Reason.ENCODING))
        for name, cell in cells.items()
        if (LOST in cell if type(cell) is str else holds_lost(cell))
        and name not in PSEUDO
        and not any(f"{each.column} ".startswith((f"{name} ", f"{name}.", f"{name}[")) for each in met)
    ]


def _not_carried(plan: TablePlan, cells: Mapping[str, Any], unknown: tuple[str, ...]) -> tuple[str, ...]:
    """The columns without a place in the record that say something in this row."""
    own = [name for name in unknown if cells.get(name) not in (None, "")]
    return tuple(dict.fromkeys((*own, *unknown_members(cells, plan.members))))


class _Row(NamedTuple):
    """What every rejection of a row says of it."""

    cells: Mapping[str, Any]
    place: Place
    number: str
    kept: KeptRow


def _rejections(plan: TablePlan, row: _Row, met: list[Met], layout: Layout) -> list[Rejection]:
    """One for each column at most: what a cell is refused for comes before what the schema misses."""
    first: dict[str, Met] = {}
    for each in met:
        first.setdefault(each.column, each)
    for column, reason, zh, en in explained(plan.kind, plan.columns, layout):
        if reason is Reason.MISSING and any(name.startswith(f"{column}[") for name in first):
            continue  # its objects are there, and what is wrong with them is told
        first.setdefault(column, Met(column, row.cells.get(column), Flaw(reason, zh, en)))
    return [refused(plan, row.place, each, row.number, row.kept) for each in first.values()]


def refused(
    plan: TablePlan, place: Place, met: Met, number: str = "", row: Mapping[str, str] = NO_ROW
) -> Rejection:
    """The rejection of a row for what is wrong with a column."""
    reason, zh, en = met.flaw.reason, met.flaw.zh, met.flaw.en
    text = None if met.cell is None else shown(met.cell)
    if met.cell is NO_RESULT:
        text = None
    elif text is not None and LOST in text:
        reason, zh, en = Reason.ENCODING, "", ""
    plainly = reject(place, met.column, reason, text, zh=zh, en=en)
    return Rejection(
        place, met.column, reason, plainly.shape, plainly.zh, plainly.en, plan.table.title, number, row
    )
