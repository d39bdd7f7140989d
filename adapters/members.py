"""Members of the objects within a row (JSON, XML) that no column takes, so that a draft can name them.

Those of the row itself are told with its heading; here is what lies deeper: 当事人.方.备注.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from adapters.cells import each_name
from adapters.dialect import Column, Items

Known: TypeAlias = dict[str, Any]
"""Names to the names within them; nothing within where a column ends."""


def known_members(columns: Sequence[Column | Items]) -> Known:
    """The names that columns have, as they lie within each other."""
    known: Known = {}
    for column in columns:
        if isinstance(column, Items):
            _at(known, column.name).update(known_members(column.columns))
        else:
            for name in (*each_name(column.name), *column.also):
                _at(known, name)
    return known


def unknown_members(cells: Mapping[str, Any], known: Known, before: str = "") -> Iterator[str]:
    """What of a row says something within one of its objects, and has no column. A name may come several times."""
    for name, within in known.items():
        if not within:
            continue
        value = cells.get(name)
        if value is None or type(value) is str:
            continue
        for each in value if isinstance(value, list) else (value,):
            if not isinstance(each, Mapping):
                continue
            here = f"{before}{name}."
            for member, said in each.items():
                if member not in within and said not in (None, "", [], {}):
                    yield here + member
            yield from unknown_members(each, within, here)


def _at(known: Known, name: str) -> Known:
    at = known
    for step in name.split("."):
        at = at.setdefault(step, {})
    return at
