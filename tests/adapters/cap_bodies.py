"""Bodies of alerts that the schema accepts, odd spellings and odd text included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from adapters.cap import profile, vocabulary

OFFSETS = st.one_of(
    st.just(UTC),
    st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@st.composite
def _times(draw: st.DrawFn, earliest: int, latest: int) -> str:
    """Times of those years, but for the days about New Year, where offsets would change the year."""
    first, last = datetime(earliest, 1, 2), datetime(latest, 12, 30)  # noqa: DTZ001 # as Hypothesis wants them
    moment = draw(st.datetimes(first, last, timezones=OFFSETS))
    if draw(st.booleans()):
        moment = moment.replace(microsecond=0)
    text = moment.isoformat()
    if text.endswith("+00:00"):
        text = text[:-6] + draw(st.sampled_from(["Z", "+00:00", "-00:00"]))
    return text


BEFORE = _times(1990, 2019)
DURING = _times(2020, 2029)
AFTER = _times(2030, 2990)

CHARACTERS = st.characters(
    codec="utf-8",
    exclude_categories=("Cc", "Cs"),
    exclude_characters="\ufffe\uffff",
    include_characters="\t\n",
)


def texts(most: int, least: int = 0) -> st.SearchStrategy[str]:
    """Texts of any characters that XML has, white space and markup included."""
    pieces = st.one_of(
        st.text(CHARACTERS, max_size=12),
        st.sampled_from(
            ["榆林", "<b>&amp;", "]]>", " ", "\n", "a  b", "暴雨\n", "'\"", "\U0001f6a8", "\u00a0"]
        ),
    )
    return (
        st.lists(pieces, max_size=4)
        .map(lambda parts: "".join(parts)[:most])
        .filter(lambda t: len(t) >= least)
    )


NAMES = st.text(CHARACTERS, min_size=1, max_size=20).filter(
    lambda name: not any(character.isspace() or character in ",<&" for character in name)
)
LONGITUDES = st.one_of(st.floats(-180, 180), st.integers(-180, 180))
LATITUDES = st.one_of(st.floats(-90, 90), st.integers(-90, 90))
CIRCLES = st.fixed_dictionaries(
    {
        "longitude": LONGITUDES,
        "latitude": LATITUDES,
        "radius_km": st.one_of(st.floats(0, 20_000), st.integers(0, 20)),
    }
)
CODES = st.sampled_from(["610822", "150622", "610800", "610821"]) | st.from_regex(
    "[1-9][0-9]{5}", fullmatch=True
)


@st.composite
def polygons(draw: st.DrawFn) -> list[list[float]]:
    """Triangles and rectangles."""
    west, south = draw(st.floats(-170, 160)), draw(st.floats(-80, 70))
    width, height = draw(st.floats(0.001, 10)), draw(st.floats(0.001, 10))
    ring = [[west, south], [west + width, south], [west + width, south + height]]
    if draw(st.booleans()):
        ring.append([west, south + height])
    return [*ring, ring[0]]


AREAS = st.fixed_dictionaries(
    {
        "description": st.none() | texts(500),
        "geocodes": st.lists(CODES, min_size=1, max_size=3, unique=True),
        "polygon": st.none() | polygons(),
        "circle": st.none() | CIRCLES,
    }
)
REFERENCES = st.lists(
    st.fixed_dictionaries({"sender": NAMES, "identifier": NAMES, "sent": BEFORE}), min_size=1, max_size=3
)


def _codes(table: dict[str, str]) -> st.SearchStrategy[str]:
    return st.sampled_from(list(dict.fromkeys(table.values())))


def _some(table: dict[str, str], least: int) -> st.SearchStrategy[list[str]]:
    return st.lists(_codes(table), min_size=least, max_size=3, unique=True)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A body; members that may be absent are there, null or absent."""
    message_type = draw(_codes(vocabulary.MESSAGE_TYPE))
    references = draw(REFERENCES if message_type != "alert" else st.none() | st.just([]) | REFERENCES)
    body = {
        "identifier": draw(NAMES),
        "status": draw(_codes(vocabulary.STATUS)),
        "message_type": message_type,
        "references": references,
        "category": draw(_some(vocabulary.CATEGORY, 1)),
        "event": draw(texts(200, 1)),
        "response_types": draw(st.none() | _some(vocabulary.RESPONSE_TYPE, 0)),
        "urgency": draw(_codes(vocabulary.URGENCY)),
        "severity": draw(_codes(vocabulary.SEVERITY)),
        "certainty": draw(_codes(vocabulary.CERTAINTY)),
        "effective": draw(st.none() | DURING),
        "onset": draw(st.none() | DURING),
        "expires": draw(AFTER),
        "headline": draw(texts(300, 1)),
        "description": draw(st.none() | texts(1000)),
        "instruction": draw(st.none() | texts(1000)),
        "areas": draw(st.lists(AREAS, min_size=1, max_size=3)),
        "colour": draw(st.none() | st.sampled_from(["red", "orange", "yellow", "blue"])),
        "duty_office": draw(st.none() | texts(200)),
        "duty_phone": draw(st.sampled_from([None, "", "0912-0000000", "13900000000"])),
        "acknowledge_within": draw(st.none() | st.integers(1, 10_080)),
    }
    absent = draw(st.sets(st.sampled_from([name for name, value in body.items() if value is None] or [""])))
    return {name: value for name, value in body.items() if name not in absent}


def acceptable(body: dict[str, Any]) -> bool:
    """Whether the schema takes it (a random text may look like a phone, a random identifier be its own)."""
    return not profile.flaws(body)


def carried(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what means nothing: null and absent are the same, and so is an empty list."""
    return {name: value for name, value in body.items() if value is not None and value != []}
