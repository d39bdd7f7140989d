"""What of a record came back changed, or not at all, after it was written and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas import fields
from schemas.rules import NOTHING
from schemas.shape import Shape


def differences(
    shape: type[Shape], before: Mapping[str, Any], after: Mapping[str, Any], path: str = ""
) -> Iterator[str]:
    """Paths of members that said something and no longer say it; the order of a list's objects is nothing."""
    for name, field in shape().fields.items():
        wire = field.data_key or name
        one: Any = before.get(wire)
        other: Any = after.get(wire)
        if one in NOTHING:
            continue
        here = f"{path}{wire}"
        if isinstance(field, fields.Part):
            yield from differences(field.shape, one, other or {}, here + "/")
        elif isinstance(field, fields.Many) and isinstance(field.item, fields.Part):
            yield from _objects(field.item.shape, one, other or [], here)
        elif isinstance(field, fields.Many):
            if not _same_list(field.item, one, other or []):
                yield here
        elif not _same(field, one, other):
            yield here


def _objects(shape: type[Shape], before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[str]:
    """Objects are held against those that have most in common with them, whatever their order."""
    kept = {
        (here, there): len([*differences(shape, item, {})]) - len([*differences(shape, item, other)])
        for here, item in enumerate(before)
        for there, other in enumerate(after)
    }
    pairs: dict[int, int] = {}
    for here, there in sorted(kept, key=lambda pair: (-kept[pair], pair)):
        if kept[here, there] and here not in pairs and there not in pairs.values():
            pairs[here] = there
    for here, item in enumerate(before):
        other = after[pairs[here]] if here in pairs else {}
        yield from differences(shape, item, other, f"{path}[{here + 1}]/")


def _same_list(field: Any, one: Sequence[Any], other: Sequence[Any]) -> bool:
    said = [value for value in one if value not in NOTHING]
    return len(said) == len(other) and all(
        _same(field, mine, yours) for mine, yours in zip(said, other, strict=True)
    )


def _same(field: Any, one: Any, other: Any) -> bool:
    if one == other:
        return True
    if other is None:
        return False
    try:
        if isinstance(field, fields.DateTime):
            return datetime.fromisoformat(one) == datetime.fromisoformat(other)
        if isinstance(field, fields.Money):
            return Decimal(one) == Decimal(other)
    except (ValueError, TypeError, InvalidOperation):
        pass
    return False
