"""Values for any schema, made from its fields: mostly right ones, and near misses put in at random places."""

import copy
from typing import Any

from hypothesis import strategies as st
from marshmallow import fields
from record_examples import SEALED, members

from schemas.envelope import Sealed
from schemas.fields import (
    Code,
    Count,
    Date,
    DateTime,
    Flag,
    Many,
    Number,
    OpenCode,
    Part,
    Patterned,
    Text,
)
from schemas.geometry import Polygon
from schemas.shape import Shape

WORDS = st.sampled_from(
    ["草场界线", "府谷县", "x", "0912-0000000", "61080041600000_20261121083000", "13号公路", "①"]
)
TIMES = st.sampled_from(
    [
        "2026-11-21T08:30:00+08:00",
        "2026-11-22T08:30:00.5Z",
        "2027-01-01T00:00:00-23:59",
        "1900-01-01T00:00:00Z",
        "2999-12-31T23:59:59.999999+23:59",
    ]
)
DAYS = st.sampled_from(["2026-11-21", "1900-01-01", "2999-12-31", "2028-02-29"])
RINGS = st.sampled_from(
    [
        [[110, 39], [111, 39], [111, 40], [110, 39]],
        [[110.5, 39.5], [111.5, 39.5], [111.5, 40], [110.5, 40.5], [110.5, 39.5]],
    ]
)

NEAR_MISSES: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    7.0,
    1.5,
    10**12,
    2**64 - 1,
    -(2**63),
    "",
    " ",
    "1",
    "x" * 129,
    "中" * 20_000,
    "13912345678",
    "١٣٩١٢٣٤٥٦٧٨",
    "13912345678",
    "610821199003071234",
    "610821-1990-0307-1234",
    "610821199003071235",
    "610821900307123",
    "\x00",
    "\u202e",
    "a\n",
    "610800\n",
    "610800",
    "6108000",
    "610800",
    "٦١٠٨٠٠",
    "2026-11-21",
    "2026-11-21\n",
    "2026-02-29",
    "0001-01-01",
    "20261121",
    "2026-11-21T08:30:00",
    "2026-11-21 08:30:00Z",
    "2026-11-21t08:30:00z",
    "2026-11-21T08:30:00+0800",
    "2026-11-21T08:30:00+08",
    "2026-11-21T08:30:00+24:00",
    "2026-11-21T08:30:00.1234567Z",
    "2026-11-21T08:30:00,5Z",
    "2026-11-21T24:00:00Z",
    "2026-11-21T08:30:60Z",
    "2026-11-21T08:30Z",
    "0001-01-01T00:00:00+08:00",
    "9999-12-31T23:59:59-08:00",
    "12000.5",
    "12000.505",
    "-1",
    "1e3",
    "01",
    "1.",
    "other",
    "alert",
    "update",
    "mediating",
    "Mediating",
    "ab" * 32,
    "AB" * 32,
    "019aa4f0-7c11-7def-8123-4567890abcde",
    "019AA4F0-7C11-7DEF-8123-4567890ABCDE",
    "AAECAwQFBgcICQoLDA0ODx",
    [],
    [[]],
    [None],
    ["610800"],
    ["150600", "150600"],
    ["security", "security"],
    [{}],
    {},
    {"x": 1},
    {"longitude": 110, "latitude": 39, "radius_km": 0},
    [[110, 39], [111, 40], [111, 39], [110, 40], [110, 39]],
    [[110, 39], [111, 39], [110, 39], [110, 39]],
    [[110, 39], [111, 39], [111, 40], [110, 40]],
    [[110, 39], [111, 39, 0], [111, 40], [110, 39]],
    [[181, 39], [111, 39], [111, 40], [181, 39]],
    [[True, 39], [111, 39], [111, 40], [True, 39]],
    SEALED,
    {**SEALED, "recipients": [{"header": {"a": {"b": {"c": 1}}}}]},
    {**SEALED, "recipients": []},
    {**SEALED, "x": 1},
]


def values(field: fields.Field[Any]) -> st.SearchStrategy[Any]:
    """Values that `field` mostly accepts."""
    made = _values(field)
    return st.none() | made if field.allow_none else made


def _values(field: fields.Field[Any]) -> st.SearchStrategy[Any]:
    match field:
        case Part():
            return objects(field.shape)
        case Many():
            return st.lists(values(field.item), min_size=field.least, max_size=min(field.most, 3))
        case Text():
            return WORDS if field.required or field.pattern else WORDS | st.text(max_size=30)
        case Code() | OpenCode():
            return st.sampled_from(field.codes.codes)
        case Patterned():
            return st.from_regex(field.pattern, fullmatch=True)
        case DateTime():
            return TIMES
        case Date():
            return DAYS
        case Flag():
            return st.booleans()
        case Count():
            return st.integers(field.least, field.most)
        case Number():
            return st.floats(field.least, field.most) | st.integers(int(field.least), int(field.most))
        case Polygon():
            return RINGS
        case Sealed():
            return st.just(SEALED)
    raise NotImplementedError(type(field).__name__)


def objects(shape: type[Shape]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that `shape` mostly accepts."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in shape().fields.items():
        (required if field.required else optional)[field.data_key or name] = values(field)
    return st.fixed_dictionaries(required, optional=optional)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything inside a JSON value."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        found.append((*path, step))
        found += places(inner, (*path, step))
    return found


@st.composite
def spoiled(draw: st.DrawFn, name: str, shape: type[Shape]) -> dict[str, Any]:
    """Records of a kind, with none to three near misses, missing or unknown members."""
    record = draw(st.just(members(name)) | objects(shape))
    record = copy.deepcopy(record)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(record)))
        holder = record
        for step in path[:-1]:
            holder = holder[step]
        if isinstance(holder, dict) and draw(st.integers(0, 9)) == 0:
            del holder[path[-1]]
        elif isinstance(holder, dict) and draw(st.integers(0, 9)) == 0:
            holder[draw(st.sampled_from(["x", "_schema", "from", "from_", "kind", "from_level"]))] = "x"
        else:
            holder[path[-1]] = copy.deepcopy(draw(st.sampled_from(NEAR_MISSES) | WORDS))
        if not places(record):
            break
    return record
