"""Bodies of any kind, drawn from its schema, in words and times that every format can spell."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schemas import divisions, fields
from schemas.geometry import Polygon
from schemas.shape import Shape

WORDS = st.builds(
    "{}事{}".format,
    st.sampled_from(["", "=", "+", "-", "@", "'", "'=", '"']),
    st.text("麻镇草场界线纠纷调解员abc一二三0=+-@'\"<&", max_size=12),
)
"""Some as a formula would begin; none that means nothing, like a lone dash."""
TIMES = (
    st.datetimes()
    .map(
        lambda moment: (
            f"{moment.year % 60 + 2000:04}-{moment.strftime('%m-%d')}T{moment.strftime('%H:%M:%S')}+08:00"
        )
    )
    .filter(lambda text: text[4:10] != "-02-29")
)
DAYS = TIMES.map(lambda text: text[:10])
MONEY = st.integers(1, 10**7).map(lambda cents: f"{cents // 100}.{cents % 100:02}")
CODES = st.sampled_from(sorted({*divisions.CITIES, *divisions.COUNTIES} - set(divisions.REPLACED)))
CITIES = st.sampled_from(sorted(divisions.CITIES))


def bodies(shape: type[Shape]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of `shape`; members that need not be there sometimes are not."""
    required, optional = {}, {}
    for name, field in shape().fields.items():
        wire = field.data_key or name
        made = CITIES if wire == "city" else values(field)
        if made is not None:
            (required if field.required else optional)[wire] = made
    return st.fixed_dictionaries(required, optional=optional)


def values(field: Any) -> st.SearchStrategy[Any] | None:
    match field:
        case fields.Part():
            return bodies(field.shape)
        case fields.Many():
            item = values(field.item)
            if item is None:
                return None
            most = min(field.most, 3)
            if isinstance(field.item, fields.Part):
                return st.lists(item.filter(bool), min_size=max(field.least, 1), max_size=most)
            return st.lists(item, min_size=max(field.least, 1), max_size=most, unique=True)
        case fields.Code() | fields.OpenCode():
            return st.sampled_from(field.codes.codes)
        case fields.Money():
            return MONEY
        case fields.Division():
            return CODES
        case fields.RecordId():
            return st.uuids(version=5).map(str)
        case fields.Digest():
            return st.binary(min_size=32, max_size=32).map(bytes.hex)
        case fields.DateTime():
            return TIMES
        case fields.Date():
            return DAYS
        case fields.Flag():
            return st.booleans()
        case fields.Count():
            return st.integers(field.least, min(field.most, 90_000))
        case fields.Number():
            return st.integers(int(field.least * 1000), int(field.most * 1000)).map(lambda n: n / 1000)
        case Polygon():
            return None
        case fields.Text():
            return WORDS.map(lambda text: text[: field.most])
    raise TypeError(f"no values are made for {type(field).__name__}")
