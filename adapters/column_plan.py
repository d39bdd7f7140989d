"""A table made ready: cells of a row -> the members of a record, and back.

For each column its converter and where its value goes are worked out once. Lists are put together from the
slots of their paths in the order in which the table names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from adapters.cells import each_name, fetched, fetcher, into, objects, put_cell, real_names, walk
from adapters.dialect import ENVELOPE, Column, Items
from adapters.drafts import Reason
from adapters.paths import BODY, PRIVATE, Path, resolve, resolve_in
from adapters.values import Converter, Each, Flaw, converter_for
from hub.errors import Code, Problem
from schemas.fields import Many, Part
from schemas.kinds import Kind
from schemas.shape import Shape

Roots: TypeAlias = dict[str, dict[str, Any]]
"""The body and the private part being put together."""
SlotKey: TypeAlias = tuple[tuple[str, ...], str]
Slots: TypeAlias = dict[SlotKey, Any]
Put: TypeAlias = Callable[[Roots, Slots, Any], None]
Resolve: TypeAlias = Callable[[str], Path]


class Met(NamedTuple):
    """A flaw of a column's cell."""

    column: str
    cell: Any
    flaw: Flaw


class Layout(NamedTuple):
    """What was put together, and which slot each item of a list came from."""

    roots: Roots
    slots: Mapping[tuple[str, ...], Sequence[str]]


class PlannedColumn(NamedTuple):
    """A column with its paths and converter."""

    column: Column
    shown: str
    paths: tuple[Path, ...]
    converter: Converter


class PlannedItems(NamedTuple):
    """A member with a list of objects, and the plan for one of them."""

    items: Items
    path: Path
    plan: ColumnPlan


class ColumnPlan:
    """The columns of a table, or of the objects in one of its members."""

    def __init__(
        self,
        kind: Kind,
        columns: Sequence[Column | Items],
        constants: Mapping[str, Any],
        item: type[Shape] | None = None,
    ) -> None:
        self._kind = kind
        self._item = item
        self._declared = tuple(columns)
        self.columns: list[PlannedColumn] = []
        self.items: list[PlannedItems] = []
        self.envelope: list[Column] = []
        self._slots: dict[tuple[str, ...], dict[str, Path]] = {}
        self._readers: list[tuple[Any, str, Callable[[Any], Any], Put]] = []
        for column in columns:
            if isinstance(column, Items):
                self._plan_items(column)
            elif column.path in ENVELOPE:
                self.envelope.append(column)
            else:
                self._plan_column(column)
        self.constants = [(path, value) for path, value in self._constants(constants)]
        self._required = [planned for planned in self.columns if planned.column.required]

    def read(self, cells: Mapping[str, Any], met: list[Met]) -> tuple[Roots, Slots, list[Path]]:
        """What the cells of a row say; flaws are added to `met`. The paths are those of constants put in."""
        roots: Roots = {BODY: {}, PRIVATE: {}}
        slots: Slots = {}
        get = cells.get
        for fetch, name, read, put in self._readers:
            cell = None
            try:
                cell = get(name) if fetch is None else fetch(cells)
                if cell is None or cell == "":
                    continue
                value = read(cell)
                if value is not None:
                    put(roots, slots, value)
            except Flaw as flaw:
                met.append(Met(name, cell, flaw))
        for planned in self.items:
            self._read_items(planned, cells, slots, met)
        for planned_column in self._required:
            if self._says_nothing(planned_column, cells, met):
                met.append(Met(planned_column.shown, None, Flaw(Reason.MISSING)))
        return (
            roots,
            slots,
            [path for path, value in self.constants if _put_constant(roots, slots, path, value)],
        )

    def gather(self, roots: Roots, slots: Slots) -> Layout:
        """Puts the lists together, into `roots`."""
        found: dict[tuple[str, ...], list[str]] = {}
        for list_key, paths in self._slots.items():
            items: list[dict[str, Any]] = []
            for text, path in paths.items():
                present = slots.get((list_key, text))
                for item in present if isinstance(present, list) else [present]:
                    if item:
                        assert path.slot is not None  # only such paths are here
                        items.append({**path.slot.constants, **item})
                        found.setdefault(list_key, []).append(text)
            if items:
                root, *outer = list_key
                into(roots[root], outer, items)
        return Layout(roots, found)

    def write(self, roots: Mapping[str, Any]) -> dict[str, Any]:
        """The cells for what a record says, as far as the columns have room and words for it."""
        cells: dict[str, Any] = {}
        placed = self._placed(roots)
        for planned in self.columns:
            values = [self._value(roots, placed, path) for path in planned.paths]
            if all(value is None for value in values):
                continue
            try:
                cell = planned.converter.write(values[0] if len(values) == 1 else tuple(values))
            except (Flaw, ValueError, ArithmeticError):
                continue
            put_cell(cells, planned.column.name, cell)
        for planned_items in self.items:
            items = placed.get((planned_items.path.list_key, planned_items.path.slot_text)) or []
            if items:
                cells[planned_items.items.name] = [planned_items.plan.write({BODY: item}) for item in items]
        return cells

    def names(self) -> Iterator[str]:
        """Every column's name, in the order in which the table has them."""
        for column in self._declared:
            yield from each_name(column.name)

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Other names of columns, and the name that each stands for."""
        for column in (*(planned.column for planned in self.columns), *self.envelope):
            for other in column.also:
                yield other, real_names(column.name)[0]

    @cached_property
    def other_names(self) -> dict[str, str]:
        """`aliases`, for the members of an object."""
        return dict(self.aliases())

    def column_of(self, root: str, pointer: Sequence[str], layout: Layout) -> str | None:
        """The column from which a member came, or would have come, by its JSON pointer's steps."""
        steps, slot, at = list(pointer), None, None
        for length in range(1, len(pointer)):
            texts = layout.slots.get((root, *pointer[:length]))
            if texts is not None and pointer[length].isdigit() and int(pointer[length]) < len(texts):
                slot, at = texts[int(pointer[length])], length
                steps = [*pointer[:length], *pointer[length + 1 :]]
                break
        for planned_items in self.items:
            if slot is not None and planned_items.path.slot_text == slot and at is not None:
                inner = planned_items.plan.column_of(BODY, pointer[at + 1 :], Layout(layout.roots, {}))
                return f"{planned_items.items.name}[{pointer[at]}]{'.' + inner if inner else ''}"
        best: tuple[int, str] | None = None
        for planned in self.columns:
            for path in planned.paths:
                if path.root != root or (slot is not None and path.slot_text != slot):
                    continue
                whole = (*path.outer, *path.inner)
                same = _common(whole, steps)
                if same == min(len(whole), len(steps)) and same and (best is None or same > best[0]):
                    best = (same, planned.shown)
        if best is None:
            named = (p.items.name for p in self.items if p.path.root == root and list(p.path.outer) == steps)
            return next(named, None)
        return best[1]

    def ends(self) -> Iterator[str]:
        """Lists that have room for so many items only, or for such only: `sessions[3…]`, `parties[…]`."""
        for list_key, paths in self._slots.items():
            slots = [path.slot for path in paths.values() if path.slot is not None]
            if not any(slot.every and not slot.constants for slot in slots):
                text = "/".join(list_key[1:] if list_key[0] == BODY else list_key)
                bound = any(slot.constants for slot in slots)
                yield f"{text}[…]" if bound else f"{text}[{len(slots) + 1}…]"

    def _plan_column(self, column: Column) -> None:
        texts = (column.path,) if isinstance(column.path, str) else column.path
        paths = tuple(map(self._resolve, texts))
        given = column.converter if len(paths) > 1 else converter_for(paths[0].field, column.converter)
        every = any(path.slot is not None and path.slot.every for path in paths)
        if every and given is not None:
            given = copy(given) if isinstance(given, Each) else Each(given)
            given.aligned = True
        if given is None or (not every and isinstance(paths[0].field, Part)):
            raise Problem(
                Code.INVALID, "a column ends at a field, and several need a converter", where=str(texts[0])
            )
        for path in paths:
            if path.slot is not None:
                self._slots.setdefault(path.list_key, {})[path.slot_text] = path
        shown = " ".join(real_names(column.name))
        self.columns.append(PlannedColumn(column, shown, paths, given))
        put = _putter(paths[0]) if len(paths) == 1 else _several(list(map(_putter, paths)))
        self._readers.append((fetcher(column.name), shown, given.read, put))

    def _plan_items(self, items: Items) -> None:
        path = self._resolve(items.path)
        field = path.field
        if path.slot is None and isinstance(field, Many):
            text = f"{items.path}[*]"
            path = replace(self._resolve(text), slot_text=items.name)
            field = path.field
        if not isinstance(field, Part):
            raise Problem(Code.INVALID, "a list of objects is wanted here", where=items.path)
        self._slots.setdefault(path.list_key, {})[path.slot_text] = path
        self.items.append(PlannedItems(items, path, ColumnPlan(self._kind, items.columns, {}, field.shape)))

    def _resolve(self, text: str) -> Path:
        if self._item is None:
            return resolve(self._kind, text)
        return resolve_in(self._kind, self._item, BODY, text, text.split("/"))

    def _constants(self, constants: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
        for text, value in constants.items():
            path = self._resolve(text)
            try:
                path.field.deserialize(value)
            except Exception as error:
                raise Problem(Code.INVALID, "a constant does not fit its field", where=text) from error
            if path.slot is not None and path.slot_text not in self._slots.get(path.list_key, {}):
                raise Problem(Code.INVALID, "no column fills this item of the list", where=text)
            yield path, value

    def _read_items(
        self, planned: PlannedItems, cells: Mapping[str, Any], slots: Slots, met: list[Met]
    ) -> None:
        name = planned.items.name
        cell = fetched(cells, name)
        if cell is None:
            return
        found = objects(cell)
        if found is None:
            met.append(
                Met(name, None, Flaw(Reason.WRONG_FORMAT, "该列应为对象列表", "a list of objects is wanted"))
            )
            return
        read: list[dict[str, Any]] = []
        other_names = planned.plan.other_names
        for number, members in enumerate(found):
            inner: list[Met] = []
            known = members
            if other_names:
                known = {other_names.get(member, member): cell for member, cell in members.items()}
            roots, inner_slots, _ = planned.plan.read(known, inner)
            planned.plan.gather(roots, inner_slots)
            met += [Met(f"{name}[{number}].{each.column}", each.cell, each.flaw) for each in inner]
            read.append(roots[BODY])
        slots[planned.path.list_key, planned.path.slot_text] = read

    def _says_nothing(self, planned: PlannedColumn, cells: Mapping[str, Any], met: Sequence[Met]) -> bool:
        if any(each.column == planned.shown for each in met):
            return False
        fetch = fetcher(planned.column.name)
        cell = cells.get(planned.shown) if fetch is None else fetch(cells)
        return cell is None or cell == "" or planned.converter.read(cell) is None

    def _placed(self, roots: Mapping[str, Any]) -> dict[SlotKey, list[dict[str, Any]]]:
        """Which items of each list go to which of its slots: the first that fits takes an item."""
        placed: dict[SlotKey, list[dict[str, Any]]] = {}
        for list_key, paths in self._slots.items():
            items = walk(roots.get(list_key[0]), list_key[1:]) or []
            left = [item for item in items if isinstance(item, dict)]
            for text, path in paths.items():
                assert path.slot is not None  # only such paths are here
                fitting = [item for item in left if path.slot.fits(item)]
                taken = fitting if path.slot.every else fitting[:1]
                placed[list_key, text] = taken
                left = [item for item in left if not any(item is other for other in taken)]
        return placed

    def _value(
        self, roots: Mapping[str, Any], placed: Mapping[SlotKey, list[dict[str, Any]]], path: Path
    ) -> Any:
        if path.slot is None:
            return walk(roots.get(path.root), path.outer)
        values = [walk(item, path.inner) for item in placed[path.list_key, path.slot_text]]
        if path.slot.every:
            return values if any(value is not None for value in values) else None
        return values[0] if values else None


def _putter(path: Path) -> Put:
    root, outer, inner = path.root, path.outer, path.inner
    if path.slot is None:
        *parts, last = outer
        if not parts:

            def put_top(roots: Roots, slots: Slots, value: Any) -> None:
                roots[root][last] = value

            return put_top

        def put_part(roots: Roots, slots: Slots, value: Any) -> None:
            into(roots[root], outer, value)

        return put_part
    key = (path.list_key, path.slot_text)
    if path.slot.every:

        def put_each(roots: Roots, slots: Slots, values: Any) -> None:
            _align(slots.setdefault(key, []), values, inner)

        return put_each

    def put_item(roots: Roots, slots: Slots, value: Any) -> None:
        into(slots.setdefault(key, {}), inner, value)

    return put_item


def _several(puts: Sequence[Put]) -> Put:
    def put(roots: Roots, slots: Slots, values: Any) -> None:
        for each, value in zip(puts, values, strict=True):
            if value is not None:
                each(roots, slots, value)

    return put


def _align(items: list[dict[str, Any]], values: Sequence[Any], inner: Sequence[str]) -> None:
    """Values by their places into items. Raises: Flaw if there are more of them than of another column."""
    if items and len(values) != len(items):
        surplus = values[len(items) :] if len(values) > len(items) else items[len(values) :]
        if any(surplus):
            raise Flaw(
                Reason.CONTRADICTION,
                "与同组其他列的个数不一致，请逐一对应填写",
                "it has another number of values than the columns beside it",
            )
    while len(items) < len(values):
        items.append({})
    for item, value in zip(items, values, strict=False):
        if value is not None:
            if inner:
                into(item, inner, value)
            else:
                item.update(value)


def _put_constant(roots: Roots, slots: Slots, path: Path, value: Any) -> bool:
    """Puts a constant where nothing was read; says whether it did, list items left out."""
    if path.slot is None:
        if walk(roots[path.root], path.outer) is not None:
            return False
        into(roots[path.root], path.outer, value)
        return True
    present = slots.get((path.list_key, path.slot_text))
    for item in present if isinstance(present, list) else [present]:
        if item and walk(item, path.inner) is None:
            into(item, path.inner, value)
    return False


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for mine, yours in zip(one, other, strict=False):
        if mine != yours:
            break
        count += 1
    return count
