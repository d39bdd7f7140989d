"""Records -> a city's files, and what of them the files cannot hold.

Every row is read again as it was written, by the same engine: what does not come back is a `Loss`. What a
dialect never holds is told without a record by `cannot_carry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from adapters.cap import to_cap
from adapters.cells import each_name, put_cell
from adapters.column_plan import ColumnPlan, Met
from adapters.comparing import differences
from adapters.dialect import Dialect
from adapters.formats import CapAlert
from adapters.formats.alerts import DOCUMENT
from adapters.formats.form import Form, Outgoing
from adapters.paths import BODY, PRIVATE
from adapters.table_plan import TablePlan, plans_of
from adapters.values.convert import LOST, shown
from hub.errors import Code, Problem
from schemas import divisions, fields
from schemas.shape import Shape


@dataclass(frozen=True, slots=True)
class Carried:
    """A record on its way into a city's file, opened.

    `number` is its local number where it is the city's own, else its id. `outcome` and `note` say what became
    of one of our own: delivered, or not and why.
    """

    kind: str
    body: Mapping[str, Any]
    private: Mapping[str, Any] | None = field(default=None, repr=False)
    version: int = 1
    number: str = ""
    id: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    subject: str | None = None
    issued_at: datetime | None = None
    outcome: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """A member of a record that a city's file does not hold; without a path, the whole record."""

    number: str
    path: str

    def line(self, language: str = "zh") -> str:
        """The loss on one line."""
        if language == "en":
            return f"{self.number}: {self.path or 'the record'} is not carried by this city's format"
        return f"{self.number}：本市格式无法承载{self.path or '该记录'}"


def files(dialect: Dialect, records: Iterable[Carried]) -> list[tuple[str, list[Carried]]]:
    """Which records go into one file together, with a name for each; those without a table are left out."""
    found: dict[str, list[Carried]] = {}
    for record in records:
        table = dialect.written(record.kind)
        if table is None:
            continue
        form = dialect.forms_of(table)[0]
        name = dialect.city if form.whole else table.title
        if form.single:
            name = f"{table.title}-{len(found) + 1}"
        found.setdefault(f"{name}.{form.suffix}", []).append(record)
    return list(found.items())


def write(dialect: Dialect, records: Iterable[Carried], stream: BinaryIO) -> list[Loss]:
    """Writes records that `files` put together, and says what of them is not in the file.

    Raises: Problem: `invalid` for records that do not go into one file.
    """
    losses: list[Loss] = []
    rows: dict[str, list[dict[str, Any]]] = {}
    plans: dict[str, TablePlan] = {}
    form: Form | None = None
    for record in records:
        plan = _plan(dialect, record.kind)
        if plan is None:
            losses.append(Loss(record.number or record.id, ""))
            continue
        own = dialect.forms_of(plan.table)[0]
        if form not in (None, own) or (own.single and form is not None):
            raise Problem(Code.INVALID, "these records do not go into one file; ask `files` first")
        form = own
        if isinstance(form, CapAlert):
            row = {DOCUMENT: _alert(dialect, record)}
            form.write(stream, [Outgoing(plan.table.title, plan.table.at, (DOCUMENT,), [row])])
            continue
        plans[plan.table.title] = plan
        together = rows.setdefault(plan.table.title, [])
        cells = _cells(plan, form, record, len(together) + 1)
        together.append(cells)
        losses += _lost(plan, record, cells)
    if rows and form is not None:
        form.write(stream, [_outgoing(plans[title], rows[title]) for title in rows])
    return losses


def rows_of(
    dialect: Dialect, kind: str, records: Iterable[Carried]
) -> Iterator[tuple[dict[str, Any], list[Loss]]]:
    """Rows for a database table rather than a file."""
    plan = _plan(dialect, kind)
    if plan is None:
        raise Problem(Code.INVALID, f"{dialect.name} has no table for {kind}")
    form = dialect.forms_of(plan.table)[0]
    for row, record in enumerate(records, 1):
        cells = _cells(plan, form, record, row)
        yield cells, list(_lost(plan, record, cells))


def cannot_carry(dialect: Dialect, kind: str) -> tuple[str, ...]:
    """What of a kind a city's format never holds.

    A path is a member (`agreement/form`, `private/minutes`); `dispute_type=mining` a code without a word;
    `source≠hotline` a member that is always the same; `place/longitude=alone` one that a column holds only
    together with another; `sessions[3…]` a list that ends. `*` is the kind itself.
    """
    plan = _plan(dialect, kind)
    if plan is None:
        return ("*",)
    if isinstance(dialect.forms_of(plan.table)[0], CapAlert):
        return ()
    reached = dict(_reached(plan.columns, ()))
    constants = {_generic(path): value for path, value in plan.columns.constants}
    missing: list[str] = []
    for root, shape in ((BODY, plan.kind.body), (PRIVATE, plan.kind.private)):
        for leaf in _leaves(shape, (root,)) if shape is not None else ():
            text = "/".join(leaf[1:] if root == BODY else leaf).replace("/[]", "[]")
            if leaf in reached:
                missing += [f"{text}={code}" for code in reached[leaf]]
            elif leaf in constants:
                missing.append(f"{text}≠{constants[leaf]}")
            else:
                missing.append(text)
    return (*missing, *plan.columns.ends())


def _plan(dialect: Dialect, kind: str) -> TablePlan | None:
    return next((plan for plan in plans_of(dialect) if plan.table.kind == kind), None)


def _cells(plan: TablePlan, form: Form, record: Carried, row: int) -> dict[str, Any]:
    """The row, without what the format cannot hold; `row` is its place among those of its table, from 1."""
    table = plan.table
    cells = plan.columns.write({BODY: record.body, PRIVATE: record.private or {}})
    for column in plan.columns.envelope:
        cell = _of_the_envelope(str(column.path), record, row)
        if cell:
            put_cell(cells, column.name, cell)
    number = tuple(name for name in each_name(table.number) if not name.startswith("@"))
    if not any(name in cells for name in number):
        for name, part in zip(
            number, (record.number or record.id).rsplit("-", len(number) - 1), strict=False
        ):
            cells[name] = part
    if table.recipients.column and record.recipients and table.recipients.column not in cells:
        cells[table.recipients.column] = table.recipients.converter.write(list(record.recipients))
    if table.subject is not None and record.subject:
        cells.setdefault(table.subject.column, record.subject)
    for name, words in table.only.items():
        cells.setdefault(name, words[0])
    return {name: cells[name] for name in plan.names if name in cells and _held(form, cells[name])}


def _held(form: Form, cell: Any) -> bool:
    """Whether a cell comes back from the format; a text that was destroyed would cost the whole row."""
    return LOST not in shown(cell) and form.holds(cell)


def _of_the_envelope(path: str, record: Carried, row: int) -> str | int:
    match path:
        case "@row":
            return row
        case "@sender":
            return divisions.name(record.sender) if record.sender else ""
        case "@id":
            return record.id
        case "@issued_at":
            return "" if record.issued_at is None else record.issued_at.isoformat()
        case "@outcome":
            return record.outcome
    return record.note


def _lost(plan: TablePlan, record: Carried, cells: Mapping[str, Any]) -> Iterator[Loss]:
    met: list[Met] = []
    roots, slots, _ = plan.columns.read(cells, met)
    plan.columns.gather(roots, slots)
    name = record.number or record.id
    for path in differences(plan.kind.body, record.body, roots[BODY]):
        yield Loss(name, path)
    if plan.kind.private is not None:
        for path in differences(plan.kind.private, record.private or {}, roots[PRIVATE], "private/"):
            yield Loss(name, path)


def _outgoing(plan: TablePlan, rows: Sequence[Mapping[str, Any]]) -> Outgoing:
    return Outgoing(plan.table.title, plan.table.at, plan.names, rows)


def _alert(dialect: Dialect, record: Carried) -> bytes:
    """CAP; the number of an alert that was read is `sender,identifier,sent`."""
    parts = record.number.split(",")
    sender, sent = record.sender or dialect.city, record.issued_at
    if len(parts) == 3:
        sender, sent = parts[0], sent or datetime.fromisoformat(parts[2])
    if sent is None:
        raise Problem(Code.INVALID, "an alert is written with the time when it was issued", where="issued_at")
    return to_cap(record.body, sender=sender, sent=sent, recipients=record.recipients)


def _reached(
    columns: ColumnPlan, before: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Members that columns lead to, lists as `[]`, with the codes that a column has no word for."""
    for planned in columns.columns:
        for path in planned.paths:
            generic = (*before, *_generic(path)) if not before else (*before, *_generic(path)[1:])
            yield generic, planned.converter.lacks() if len(planned.paths) == 1 else ("alone",)
            if path.slot is not None:
                for name in path.slot.constants:
                    yield (*generic[: len(before) + 1 + len(path.outer)], "[]", name), ()
    for items in columns.items:
        yield from _reached(items.plan, _generic(items.path))


def _generic(path: Any) -> tuple[str, ...]:
    return (path.root, *path.outer, *(("[]",) if path.slot is not None else ()), *path.inner)


def _leaves(shape: type[Shape], before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, member in shape().fields.items():
        here = (*before, member.data_key or name)
        if isinstance(member, fields.Part):
            yield from _leaves(member.shape, here)
        elif isinstance(member, fields.Many) and isinstance(member.item, fields.Part):
            yield from _leaves(member.item.shape, (*here, "[]"))
        else:
            yield here
